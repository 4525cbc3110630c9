"""A comparison as text: tables for a terminal, Markdown or LaTeX, and every row as CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from beir_hybrid.comparison.rows import COLUMNS, MEAN, Comparison, Row
from beir_hybrid.errors import ComparisonError, did_you_mean
from beir_hybrid.tables import MARKS, Table, as_csv, interval, marked, number, p_value, signed
from beir_hybrid.tables import render as render_tables

FORMS = ("table", "markdown", "latex", "csv", "json")
# facts of the data, and the same number in another unit: in CSV and JSON, not in tables
_UNSHOWN = ("rank_distance_floor", "rank_distance_excess", "same_language_lift", "language_share", "tied_share")


def render(comparison: Comparison, form: str, *, per_language: bool = False) -> str:
    """The comparison as ``table``, ``markdown``, ``latex`` (rounded, what matters), ``csv`` or ``json`` (all of it).

    Tables hold the macro means of every metric, then the first metric by query language.

    Args:
        per_language: instead of that, every language and pair of every metric: queries, difference, interval, p.

    Raises:
        ComparisonError: an unknown format.
    """
    if form not in FORMS:
        raise ComparisonError(f"unknown format {form!r}; {did_you_mean(form, FORMS)}")
    if form == "json":
        return json.dumps(comparison.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if form == "csv":
        return as_csv([row.to_json() for row in comparison.rows], COLUMNS)
    made = tables(comparison, comparison.datasets, per_language=per_language)
    return render_tables(made, form, notes(comparison))


def shown(metric: str) -> bool:
    """Whether tables show a metric."""
    return not metric.startswith(_UNSHOWN)


def notes(comparison: Comparison) -> list[str]:
    """What was compared with what, how, and what the signs mean."""
    subject = f"{comparison.dataset} ({comparison.split}), baseline {comparison.baseline}"
    shallow = dict.fromkeys(row.metric for row in comparison.rows if row.at_least)
    bounds = [f">=: a lower bound; rankings are less deep than the cutoff of {', '.join(shallow)}"] if shallow else []
    if len(comparison.names) < 2:
        return [f"{subject}; 95% intervals: bootstrap over question groups", *bounds]
    corrected = "over all systems" if comparison.test == "tukey" else f"corrected: {comparison.correction}"
    made = [
        f"{subject}; {_test(comparison)}, {corrected}",
        f"{MARKS['better']} better, {MARKS['worse']} worse, {MARKS['differs']} different than the baseline "
        f"with corrected p <= {comparison.alpha:g}",
        "95% intervals: bootstrap over question groups; effect: mean difference over its standard deviation",
    ]
    if comparison.test == "wilcoxon":
        made.append("the signed-rank test is of single languages: it says nothing of a mean over them")
    return [*made, *bounds, *_unreachable(comparison)]


def _unreachable(comparison: Comparison) -> list[str]:
    """Where a correction leaves no p value that could be significant."""
    if comparison.test != "permutation" or comparison.correction not in ("holm", "bh"):
        return []
    sizes: dict[tuple[str, str, str, bool], int] = {}
    for row in comparison.rows:
        if row.p is not None:
            key = (row.dataset, row.setting, row.metric, row.is_mean)
            sizes[key] = sizes.get(key, 0) + 1
    largest = max(sizes.values(), default=0)
    least = largest / (1 + comparison.draws)
    if comparison.correction == "bh" or least <= comparison.alpha:
        return []
    return [
        f"of {largest} tests Holm's correction leaves no p below {least:.3f} at {comparison.draws:,} draws: "
        "use --correction max-t, or more --draws"
    ]


def _test(comparison: Comparison) -> str:
    return {
        "permutation": f"paired permutation test ({comparison.draws:,} draws)",
        "student": "paired Student t test",
        "wilcoxon": "Wilcoxon signed-rank test",
        "tukey": f"randomised Tukey HSD ({comparison.draws:,} draws)",
    }[comparison.test]


def tables(comparison: Comparison, datasets: Sequence[str], *, per_language: bool = False) -> list[Table]:
    """The tables of some data sets, or of the mean over them."""
    made = []
    several = len(comparison.datasets) > 1
    for dataset in datasets:
        for setting in comparison.settings:
            rows = comparison.select(setting, dataset=dataset)
            there = list(dict.fromkeys(row.metric for row in rows))
            metrics = [metric for metric in there if shown(metric)]
            what = f"{'mean over data sets' if dataset == MEAN else dataset}, {setting}" if several else setting
            made.append(_macro_table(comparison, rows, what, metrics or there))
            means = [row for row in rows if row.is_mean]
            if len(comparison.names) > 1:
                made.append(_differences(comparison, means, f"{what}: against {comparison.baseline}"))
            single = [row for row in rows if not row.is_mean]
            if per_language:
                made += _per_language(comparison, single, what, metrics)
            elif setting != "cross" and metrics:
                made.append(_language_table(comparison, [row for row in single if row.metric == metrics[0]], what))
    return [table for table in made if table.rows]


def _macro_table(comparison: Comparison, rows: Sequence[Row], what: str, metrics: Sequence[str]) -> Table:
    of = {(row.name, row.metric): row for row in rows if row.is_mean}
    # a metric no system has a value for says nothing
    kept = [m for m in metrics if any((n, m) in of and of[n, m].value is not None for n in comparison.names)]
    body = [[name, *(_value(comparison, of.get((name, metric))) for metric in kept)] for name in comparison.names]
    over = "ordered language pairs" if what.endswith("cross") else "languages"
    return Table(f"{what}: mean over {over}", ["system", *kept], body if kept else [])


def _value(comparison: Comparison, row: Row | None) -> str:
    if row is None or row.value is None:
        return "-"
    bound = ">=" if row.at_least else ""
    return marked(bound + number(row.value, row.metric), comparison.verdict(row))


def _differences(comparison: Comparison, rows: Sequence[Row], title: str, *, language: bool = False) -> Table:
    """Rows in full: difference, interval, p, wins, ties, losses."""
    body = []
    for row in rows:
        if row.delta is None or not shown(row.metric):
            continue
        counts = f"{row.wins}/{row.ties}/{row.losses}" if row.wins is not None else "-"
        where = row.query_language if row.setting != "cross" else f"{row.query_language}-{row.corpus_language}"
        body.append([
            where if language else row.metric, row.name, *([str(row.queries)] if language else []),
            marked(signed(row.delta, row.metric), comparison.verdict(row)),
            interval(row.ci_low, row.ci_high, row.metric), p_value(row.p), p_value(row.p_corrected),
            "-" if row.effect is None else f"{row.effect:+.2f}", counts,
        ])  # fmt: skip
    heads = ["delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"]
    first = ["language", "system", "queries"] if language else ["metric", "system"]
    return Table(title, [*first, *heads], body, text_columns=2)


def _per_language(comparison: Comparison, rows: Sequence[Row], what: str, metrics: Sequence[str]) -> list[Table]:
    """Every language or pair of every metric; of one system alone its values."""
    if len(comparison.names) > 1:
        return [
            _differences(
                comparison, [row for row in rows if row.metric == metric],
                f"{what}: {metric} by language, against {comparison.baseline}", language=True,
            )
            for metric in metrics
        ]  # fmt: skip
    return [_language_table(comparison, [row for row in rows if row.metric == metric], what) for metric in metrics]


def _language_table(comparison: Comparison, rows: Sequence[Row], what: str) -> Table:
    names = {
        (row.query_language, row.corpus_language): row.query_language
        if row.setting != "cross"
        else f"{row.query_language}-{row.corpus_language}"
        for row in rows
    }
    of = {(row.name, row.query_language, row.corpus_language): row for row in rows}
    body = [[name, *(_value(comparison, of.get((name, *key))) for key in names)] for name in comparison.names]
    metric = rows[0].metric if rows else ""
    title = f"{what}: {metric} by query language"
    return Table(title, ["system", *names.values()], body if len(names) > 1 else [])
