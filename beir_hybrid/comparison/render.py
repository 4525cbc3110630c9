"""A comparison as text: tables for a terminal, Markdown or LaTeX, and every row as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beir_hybrid.comparison.rows import COLUMNS, Comparison, Row
from beir_hybrid.errors import ComparisonError, did_you_mean
from beir_hybrid.metrics.bias import direction

# metrics that are ranks are printed whole, all others with the three decimals papers publish
_RANKS = ("rank_distance", "worst_rank")
# facts of the data, and the same number in another unit: in CSV and JSON, not in tables
_UNSHOWN = ("rank_distance_floor", "rank_distance_excess", "same_language_lift")


def render(comparison: Comparison, form: str) -> str:
    """The comparison as ``table``, ``markdown``, ``latex`` (rounded, what matters), ``csv`` or ``json`` (all of it).

    Tables hold the macro means of every metric, then the first metric by query language.

    Raises:
        ComparisonError: an unknown format.
    """
    forms: dict[str, Callable[[Comparison], str]] = {
        "table": _text, "markdown": _markdown, "latex": _latex, "csv": _csv, "json": _json
    }  # fmt: skip
    if form not in forms:
        raise ComparisonError(f"unknown format {form!r}; {did_you_mean(form, forms)}")
    return forms[form](comparison)


def number(value: float | None, metric: str) -> str:
    """A value as it is printed: three decimals, ranks whole, ``-`` where there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if metric.startswith(_RANKS) else f"{value:.3f}"


def _json(comparison: Comparison) -> str:
    return json.dumps(comparison.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _csv(comparison: Comparison) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([["" if each is None else each for each in row.to_json().values()] for row in comparison.rows])
    return out.getvalue()


@dataclass(frozen=True)
class _Table:
    """Cells of text; marks are ``+`` (significantly better than the baseline), ``-`` (worse), ``!`` (differs)."""

    title: str
    heads: Sequence[str]
    body: Sequence[Sequence[tuple[str, str]]]
    """(text, mark) of every cell."""


def _tables(comparison: Comparison) -> list[_Table]:
    tables = []
    for setting in comparison.settings:
        rows = comparison.select(setting)
        metrics = [m for m in dict.fromkeys(row.metric for row in rows) if not m.startswith(_UNSHOWN)]
        tables.append(_macro_table(comparison, setting, metrics or list(dict.fromkeys(row.metric for row in rows))))
        if len(comparison.names) > 1:
            tables.append(_difference_table(comparison, setting))
        if setting != "cross" and metrics:
            tables.append(_language_table(comparison, setting, metrics[0]))
    return [table for table in tables if table.body]


def _macro_table(comparison: Comparison, setting: str, metrics: Sequence[str]) -> _Table:
    body = []
    for name in comparison.names:
        of = {row.metric: row for row in comparison.select(setting, name=name) if row.is_mean}
        cells = [(number(of[m].value, m), _mark(comparison, of[m])) if m in of else ("-", "") for m in metrics]
        # a metric no system has a value for says nothing
        body.append([(name, ""), *cells])
    keep = [0, *(at for at in range(1, len(metrics) + 1) if any(row[at][0] != "-" for row in body))]
    heads = ["system", *metrics]
    return _Table(
        f"{setting}: mean over {'ordered language pairs' if setting == 'cross' else 'languages'}",
        [heads[at] for at in keep],
        [[row[at] for at in keep] for row in body] if len(keep) > 1 else [],
    )


def _difference_table(comparison: Comparison, setting: str) -> _Table:
    """The first metric's macro rows in full: difference, interval, p, wins, ties, losses; every metric a system."""
    body = []
    for row in comparison.select(setting):
        if not row.is_mean or row.delta is None or row.metric.startswith(_UNSHOWN):
            continue
        interval = f"[{signed(row.ci_low, row.metric)}, {signed(row.ci_high, row.metric)}]"
        counts = f"{row.wins}/{row.ties}/{row.losses}" if row.wins is not None else "-"
        texts = [
            row.metric, row.name, signed(row.delta, row.metric), interval if row.ci_low is not None else "-",
            p_value(row.p), p_value(row.p_corrected), "-" if row.effect is None else f"{row.effect:+.2f}", counts,
        ]  # fmt: skip
        body.append([(text, _mark(comparison, row) if at == 2 else "") for at, text in enumerate(texts)])
    heads = ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"]
    return _Table(f"{setting}: against {comparison.baseline}", heads, body)


def _language_table(comparison: Comparison, setting: str, metric: str) -> _Table:
    rows = [row for row in comparison.select(setting, metric) if not row.is_mean]
    languages = sorted({row.query_language for row in rows})
    body = []
    for name in comparison.names:
        of = {row.query_language: row for row in rows if row.name == name}
        body.append([(name, ""), *((number(of[x].value, metric), _mark(comparison, of[x])) for x in languages)])
    return _Table(f"{setting}: {metric} by query language", ["system", *languages], body if len(languages) > 1 else [])


def _mark(comparison: Comparison, row: Row) -> str:
    if not comparison.is_significant(row) or not row.delta:
        return ""
    better = row.delta * direction(row.metric)
    return "+" if better > 0 else "-" if better < 0 else "!"


def signed(value: float | None, metric: str) -> str:
    """A difference as it is printed, with its sign."""
    if value is None:
        return "-"
    return f"{value:+.1f}" if metric.startswith(_RANKS) else f"{value:+.3f}"


def p_value(p: float | None) -> str:
    """A p value as it is printed."""
    return "-" if p is None else "<.001" if p < 0.001 else f"{p:.3f}"


def _notes(comparison: Comparison, marks: tuple[str, str, str] = ("+", "-", "!")) -> list[str]:
    queries = f"{comparison.dataset} ({comparison.split}), baseline {comparison.baseline}"
    if len(comparison.names) < 2:
        return [queries]
    corrected = "over all systems" if comparison.test == "tukey" else f"corrected: {comparison.correction}"
    return [
        f"{queries}; {_test(comparison)}, {corrected}",
        f"{marks[0]} better, {marks[1]} worse, {marks[2]} different than the baseline "
        f"with corrected p <= {comparison.alpha:g}",
        "95% intervals: bootstrap over question groups; effect: mean difference over its standard deviation",
    ]


def _test(comparison: Comparison) -> str:
    return {
        "permutation": f"paired permutation test ({comparison.draws:,} draws)",
        "student": "paired Student t test",
        "wilcoxon": "Wilcoxon signed-rank test",
        "tukey": f"randomised Tukey HSD ({comparison.draws:,} draws)",
    }[comparison.test]


def _text(comparison: Comparison) -> str:
    lines = _notes(comparison)
    for table in _tables(comparison):
        cells = [list(table.heads), *([text + mark for text, mark in row] for row in table.body)]
        # where a column has marks, numbers without one keep their place
        marked = [any(row[at][1] for row in table.body) for at in range(len(table.heads))]
        for row, texts in zip(table.body, cells[1:], strict=True):
            for at, wide in enumerate(marked):
                texts[at] += " " if wide and not row[at][1] else ""
        words = [0, 1] if table.heads[0] == "metric" else [0]
        widths = [max(len(row[at]) for row in cells) for at in range(len(table.heads))]
        lines += ["", table.title]
        for line in cells:
            aligned = [
                text.ljust(width) if at in words else text.rjust(width)
                for at, (text, width) in enumerate(zip(line, widths, strict=True))
            ]
            lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines) + "\n"


def _markdown(comparison: Comparison) -> str:
    lines = []
    for table in _tables(comparison):
        lines += [f"**{_cell(table.title)}**", ""]
        lines.append("| " + " | ".join(map(_cell, table.heads)) + " |")
        lines.append("|" + "|".join(["---", *["---:"] * (len(table.heads) - 1)]) + "|")
        marks = {"": "", "+": " ▲", "-": " ▼", "!": " ◆"}
        lines += ["| " + " | ".join(_cell(text) + marks[mark] for text, mark in row) + " |" for row in table.body]
        lines.append("")
    notes = _notes(comparison, ("▲", "▼", "◆"))
    return "\n".join([*lines, *(f"{_cell(note)}  " for note in notes[:-1]), _cell(notes[-1])]) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")


def _latex(comparison: Comparison) -> str:
    lines = ["% needs \\usepackage{booktabs}"]
    marks = {"": "", "+": "$^{\\blacktriangle}$", "-": "$^{\\blacktriangledown}$", "!": "$^{\\neq}$"}
    if any(mark for table in _tables(comparison) for row in table.body for _, mark in row):
        lines[0] += " and \\usepackage{amssymb}"
    for table in _tables(comparison):
        lines += [f"% {table.title}", f"\\begin{{tabular}}{{l{'r' * (len(table.heads) - 1)}}}", "\\toprule"]
        lines.append(" & ".join(map(_tex, table.heads)) + " \\\\")
        lines.append("\\midrule")
        lines += [" & ".join(_tex(text) + marks[mark] for text, mark in row) + " \\\\" for row in table.body]
        lines += ["\\bottomrule", "\\end{tabular}", ""]
    return (
        "\n".join([*lines, *(f"% {note}" for note in _notes(comparison, ("triangle up:", "down:", "unequal:")))]) + "\n"
    )


_TEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(char, char) for char in text)
