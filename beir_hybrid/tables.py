"""Tables in the forms people paste (text, Markdown, LaTeX, CSV), and how their numbers are printed."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARKS = {"better": "▲", "worse": "▼", "differs": "◆"}
"""One set of signs for what can be said beyond chance, in every output."""
ASCII = {"▲": "+", "▼": "-", "◆": "!", "≥": ">=", "–": "-", "−": "-", "×": "x", "…": "...", "±": "+/-"}
"""What stands for them where a stream has no room for more than ASCII."""
IN_ASCII = "beir-hybrid"
"""The name of the handler of encoding errors that puts them there."""
# metrics that are ranks are printed whole, all others with the three decimals papers publish
_RANKS = ("rank_distance", "worst_rank")


@dataclass(frozen=True)
class Table:
    """A titled table of strings; the first ``text_columns`` are text, the others numbers.

    Attributes:
        groups: (name, columns) of neighbouring number columns that stand under one name; empty: none do.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    groups: Sequence[tuple[str, int]] = ()


def is_known(value: float | None) -> bool:
    """Whether there is a value: neither None nor NaN."""
    return value is not None and value == value


def number(value: float | None, metric: str, decimals: int = 3, *, at_least: bool = False) -> str:
    """A value as it is printed: three decimals, ranks whole, ``-`` where there is none.

    Args:
        at_least: it is a lower bound, ``>=4``; it is rounded down, since 4.75 is at least 4 and not 5.
    """
    if value is None or not is_known(value):
        return "-"
    digits = 0 if metric.startswith(_RANKS) else decimals
    if at_least:
        return f">={math.floor(value * 10**digits + 1e-6) / 10**digits:.{digits}f}"
    return f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share as a column of percents prints it: ``37``; ``-`` where there is none."""
    return "-" if share is None else f"{100 * share:.0f}"


def signed(value: float | None, metric: str, size: float | None = None) -> str:
    """A difference as it is printed, with its sign; none where it rounds to nothing.

    Args:
        size: with it, what belongs to a difference that small has one digit more.
    """
    if value is None or not is_known(value):
        return "-"
    ranks = metric.startswith(_RANKS)
    fine = size is not None and (abs(size) < 0.995 if ranks else 0 < abs(size) < 0.00995)
    text = f"{value:+.{(1 if ranks else 3) + fine}f}"
    return text if float(text) else text[1:]


def interval(low: float | None, high: float | None, metric: str, size: float | None = None) -> str:
    """``[-0.012, +0.034]``; ``-`` without one."""
    if not is_known(low) or not is_known(high):
        return "-"
    return f"[{signed(low, metric, size)}, {signed(high, metric, size)}]"


def p_value(p: float | None) -> str:
    """A p value as it is printed."""
    return "-" if p is None or not is_known(p) else "<.001" if p < 0.001 else f"{p:.3f}"


def marked(text: str, verdict: str | None) -> str:
    """A number with the sign of what can be said of it."""
    return f"{text} {MARKS[verdict]}" if verdict else text


def visible(text: str) -> str:
    r"""Text in which what is not printed shows as an escape: a line break as ``\n``, so that a name stays one line."""
    return "".join(
        char if char.isprintable() or char in "\u200c\u200d" else char.encode("unicode_escape").decode()
        for char in text
    )


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Signs have stand-ins, the rest is escaped as in JSON, which stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(ASCII.get(char) or json.dumps(char)[1:-1] for char in text), error.end


codecs.register_error(IN_ASCII, in_ascii)


def _printable(text: str) -> str:
    """Text as standard output shows it: columns are aligned for that."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, IN_ASCII).decode(encoding)


def render(tables: Iterable[Table], form: str, notes: Iterable[str] = ()) -> str:
    """Tables and what is to be said of them, as ``table`` (plain text), ``markdown`` or ``latex``."""
    maker, note = _FORMS[form]
    blocks = [maker(table) for table in tables]
    lines = [note(visible(line)) for line in notes]
    return "\n\n".join([*blocks, *(["\n".join(lines)] if lines else [])]) + "\n"


def as_csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """A line a record, the first names the columns; an unknown value is empty, numbers are not rounded.

    Args:
        columns: in this order, also when there are no records; default: those of the first record.
    """
    out = io.StringIO()
    names = list(columns) or (list(records[0]) if records else [])
    writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def width(text: str) -> int:
    """Columns that a terminal gives a text: two for a wide character, none for a combining one."""
    return sum(
        0
        if unicodedata.combining(char) or char in "\u200c\u200d"
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in text
    )


def _text(table: Table) -> str:
    """Columns aligned by spaces; where some numbers of a column have a sign, the others keep its place free."""
    lines = [[visible(cell) for cell in row] for row in (table.heads, *table.rows)]
    for at in range(table.text_columns, len(table.heads)):
        if any(row[at][-1:] in MARKS.values() for row in lines[1:] if row[at]):
            for row in lines[1:]:
                row[at] += "" if row[at][-1:] in MARKS.values() else "  "
    lines = [[_printable(cell) for cell in row] for row in lines]
    widths = [max(width(row[at]) for row in lines) for at in range(len(table.heads))]
    top = []
    if table.groups:
        at = table.text_columns
        line = " " * (sum(each + 2 for each in widths[:at]) - 2)
        for name, columns in table.groups:
            own = range(at, at + columns)
            # a single narrow column must hold the group's name
            widths[at] += max(0, width(name) - sum(widths[each] + 2 for each in own) + 2)
            span = sum(widths[each] + 2 for each in own) - 2
            line += "  " + (f" {name} ".center(span, "-") if columns > 1 else name.rjust(span))
            at += columns
        top = [line.rstrip()]
    made = []
    for row in lines:
        cells = [
            cell + " " * (size - width(cell)) if at < table.text_columns else " " * (size - width(cell)) + cell
            for at, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        made.append("  ".join(cells).rstrip())
    return "\n".join([*([visible(table.title)] if table.title else []), *top, *made])


def _markdown(table: Table) -> str:
    """GitHub's tables, each below a heading; a head says the name it stands under."""
    names = [*[""] * table.text_columns, *(name for name, columns in table.groups for _ in range(columns))]
    heads = (
        [f"{name} {head}".strip() for name, head in zip(names, table.heads, strict=True)]
        if table.groups
        else table.heads
    )
    rule = ["---" if at < table.text_columns else "--:" for at in range(len(table.heads))]
    lines = [f"### {markdown_escape(table.title)}", ""] if table.title else []
    for row in (heads, *table.rows):
        lines.append("| " + " | ".join(map(markdown_escape, row)) + " |")
    lines.insert(len(lines) - len(table.rows), "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def markdown_escape(text: str) -> str:
    """Text that GitHub shows as it is: no mark-up, no cell, no element."""
    escaped = re.sub(r"([\\|*`\[\]~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", visible(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")


def bullet(line: str) -> str:
    """A line of a list in Markdown: what it begins with is text, and not a quotation, a head or a list in it."""
    return "- " + re.sub(r"^(\d*)([>#+.)-])", r"\1\\\2", markdown_escape(line))


def _latex(table: Table) -> str:
    r"""A ``table`` environment; it needs ``\usepackage{booktabs}``, and ``amssymb`` where it has signs."""
    texts = table.text_columns
    columns = "l" * texts + "r" * (len(table.heads) - texts)
    signs = any(sign in cell for row in table.rows for cell in row for sign in MARKS.values())
    lines = [
        "% needs \\usepackage{booktabs}" + (" and \\usepackage{amssymb}" if signs else ""),
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{latex_escape(table.title)}}}"] if table.title else []),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
    ]
    if table.groups:
        spans = [rf"\multicolumn{{{count}}}{{c}}{{{latex_escape(name)}}}" for name, count in table.groups]
        lines.append(" & ".join([*[""] * texts, *spans]) + r" \\")
    lines += [_latex_row(table.heads), r"\midrule", *map(_latex_row, table.rows), r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}", r"\end{table}"])


def _latex_row(cells: Iterable[str]) -> str:
    row = " & ".join(map(latex_escape, cells)) + r" \\"
    # after a line's end or a rule these would be its options
    return "{}" + row if row.startswith(("[", "*")) else row


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
    "|": "$|$", **{char: "\\" + char for char in "&%$#_{}"},
    "▲": r"$^{\blacktriangle}$", "▼": r"$^{\blacktriangledown}$", "◆": r"$^{\blacklozenge}$", "≥": r"$\geq$",
}  # fmt: skip


def latex_escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_LATEX.get(char, char) for char in visible(text)).replace("$>$=", r"$\geq$").replace(" $^{", "$^{")


_FORMS: dict[str, tuple[Callable[[Table], str], Callable[[str], str]]] = {
    "table": (_text, str),
    "markdown": (_markdown, bullet),
    "latex": (_latex, lambda line: f"% {line}"),
}
