"""A comparison as text: tables for a terminal, Markdown or LaTeX, and every row as CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from beir_hybrid.comparison.notes import notes
from beir_hybrid.comparison.rows import COLUMNS, MEAN, Comparison, Row
from beir_hybrid.errors import ComparisonError, did_you_mean
from beir_hybrid.metrics.bias import LANGUAGE_SHARE, OWN_LANGUAGE, SHARE_CUTOFF, pool_share
from beir_hybrid.tables import Table, as_csv, interval, marked, number, p_value, percent, signed
from beir_hybrid.tables import render as render_tables

FORMS = ("table", "markdown", "latex", "csv", "json")
# what stands in tables of its own, facts of the data, and the same number in another unit: in CSV and JSON alone
_UNSHOWN = (
    "rank_distance_bound", "rank_distance_floor", "rank_distance_excess", "same_language_lift", LANGUAGE_SHARE,
    "tied_share",
)  # fmt: skip


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


def tables(comparison: Comparison, datasets: Sequence[str], *, per_language: bool) -> list[Table]:
    """The tables of some data sets, or of the mean over them."""
    made = []
    several = len(comparison.scores) > 1
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
            made.append(_share_table(comparison, rows, what, per_language=per_language))
            if per_language:
                made += _per_language(comparison, single, what, metrics)
            elif setting != "cross" and metrics:
                made.append(_language_table(comparison, [row for row in single if row.metric == metrics[0]], what))
    return [table for table in made if table.rows]


def _macro_table(comparison: Comparison, rows: Sequence[Row], what: str, metrics: Sequence[str]) -> Table:
    of = {(row.name, row.metric): row for row in rows if row.is_mean}
    cells = {metric: [_value(comparison, of.get((name, metric))) for name in comparison.names] for metric in metrics}
    # a metric no system has a value for says nothing
    kept = [metric for metric in metrics if set(cells[metric]) != {"-"}]
    body = [[name, *(cells[metric][at] for metric in kept)] for at, name in enumerate(comparison.names)]
    over = "ordered language pairs" if what.endswith("cross") else "languages"
    return Table(f"{what}: mean over {over}", ["system", *kept], body if kept else [])


def _value(comparison: Comparison, row: Row | None) -> str:
    if row is None:
        return "-"
    least = comparison.least_distance(row)
    if least is not None:
        return number(least, row.metric, at_least=True)
    return marked(number(row.value, row.metric, at_least=row.at_least), comparison.verdict(row))


def _share_table(comparison: Comparison, rows: Sequence[Row], what: str, *, per_language: bool) -> Table:
    """Which languages the first results from the pool are in, of each system, and what the pool holds of each."""
    values = {(row.name, row.query_language, row.metric): row.value for row in rows}
    metrics = sorted({metric for *_, metric in values if metric.startswith(LANGUAGE_SHARE)})
    passages = [metric.removeprefix(LANGUAGE_SHARE) for metric in metrics]
    asked = sorted({row.query_language for row in rows if not row.is_mean}) if per_language else [MEAN]
    shares = {
        (name, language): [values.get((name, language, metric)) for metric in metrics]
        for name in comparison.names
        for language in asked
    }
    pool = [
        pool_share(*(values.get((comparison.baseline, passage, each)) for each in OWN_LANGUAGE)) for passage in passages
    ]
    if None not in pool:
        shares["pool", ""] = pool
    body = [[*key[: 1 + per_language], *map(percent, found)] for key, found in shares.items()]
    heads = ["system", "asked in"] if per_language else ["system"]
    over = "" if per_language else ", mean over query languages"
    title = f"{what}: percent of the first {SHARE_CUTOFF} in each passage language{over}"
    return Table(title, [*heads, *passages], body if len(passages) > 1 else [], len(heads))


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
