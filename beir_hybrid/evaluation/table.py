"""Results as a table a person reads in a terminal: a row a query language, the settings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.metrics.bias import LANGUAGE_SHARE, OWN_LANGUAGE, SHARE_CUTOFF, pool_share
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from beir_hybrid.progress import counted
from beir_hybrid.records import SETTINGS
from beir_hybrid.tables import Table, number, percent, render, visible

if TYPE_CHECKING:
    from beir_hybrid.evaluation.results import Results

COLUMNS = {
    "mono": ("map", "ndcg@10", "recall@1", "recall@100", "mrr@100"),
    "cross": ("map", "recall@1"),
    "multi": ("map", "recall@10", "rank_distance", "same_language_share@10", "consistency_overlap@10"),
}
"""What is worth a column, in this order, where it was measured; others are in csv and json."""
TIES_SAID = 0.01
HEADS = {"rank_distance": "rank dist", "rank_distance_bound": "rank dist", "same_language_share@10": "same@10",
          "consistency_overlap@10": "overlap@10"}  # fmt: skip


def render_table(results: Results) -> str:
    """The results as text; a number is rounded here and nowhere else.

    A rank distance that is not defined (a relevant passage has no rank) shows as its lower bound, ``>=``.
    """
    settings = [setting for setting in SETTINGS if setting in results.summary and _shown(results, setting)]
    languages = sorted({score.query_language for score in results.scores})
    columns = [(setting, metric) for setting in settings for metric in _shown(results, setting)]
    values: dict[tuple[str, str, str], list[float | None]] = {}
    bounds = set()
    for score in results.scores:
        key = (score.setting, score.metric, score.query_language)
        values.setdefault(key, []).append(score.value)
        if score.is_bound:
            bounds.add(key)

    def cell(setting: str, metric: str, rows: Sequence[str]) -> str:
        def mean(name: str) -> float | None:
            if setting == "cross" and rows == languages:  # over the pairs, not over the query languages
                return results.value("cross", name)
            return mean_or_none(mean_or_none(values[key]) for row in rows if (key := (setting, name, row)) in values)

        value, at_least = mean(metric), any((setting, metric, row) in bounds for row in rows)
        if value is None and metric == "rank_distance":
            value, at_least = mean("rank_distance_bound"), True
        return number(value, metric, at_least=at_least)

    body = [[language, *(cell(s, m, [language]) for s, m in columns)] for language in languages]
    if len(languages) > 1:
        body.append(["mean", *(cell(s, m, languages) for s, m in columns)])
    groups = [(setting, sum(s == setting for s, _ in columns)) for setting in settings]
    table = Table("", ["", *(HEADS.get(metric, metric) for _, metric in columns)], body, groups=groups)
    tables = [table, *_shares(results)]
    return "\n\n".join([visible(_title(results)), render(tables, "table", _notes(results)).rstrip("\n")])


def _shares(results: Results) -> list[Table]:
    """Which languages the first results from the pool are in, by query language, and what the pool holds of each."""
    found: dict[str, dict[str, float | None]] = {}
    pool: dict[str, float] = {}
    for score in results.scores:
        if score.metric.startswith(LANGUAGE_SHARE):
            found.setdefault(score.query_language, {})[score.metric.removeprefix(LANGUAGE_SHARE)] = score.value
    for language in found:
        share = pool_share(*(results.value("multi", metric, language) for metric in OWN_LANGUAGE))
        if share is not None:
            pool[language] = share
    passages = list(dict.fromkeys(passage for row in found.values() for passage in row))
    if len(passages) < 2:
        return []
    rows = [[query, *(percent(row.get(passage)) for passage in passages)] for query, row in sorted(found.items())]
    if len(pool) == len(passages):
        rows.append(["pool", *(percent(pool.get(passage)) for passage in passages)])
    title = f"multi: percent of the first {SHARE_CUTOFF} in each passage language, by query language"
    return [Table(title, ["", *passages], rows)]


def _shown(results: Results, setting: str) -> list[str]:
    measured = results.summary[setting]
    fixed = [metric for metric in COLUMNS[setting] if metric in measured]
    ranking = [metric for metric in measured if metric in results.inputs.get("metrics", DEFAULT_METRICS)]
    asked_for = [metric for metric in ranking if metric not in fixed]
    # what was asked for must not be hidden; the metrics measured by default do not fill the screen
    return fixed if set(ranking) == set(DEFAULT_METRICS) else [*fixed, *asked_for]


def _title(results: Results) -> str:
    tasks = len({(s.setting, s.query_language, s.corpus_language) for s in results.scores})
    sizes = sorted({score.queries for score in results.scores})
    asked = f"{sizes[0]:,} to {sizes[-1]:,} queries" if len(sizes) > 1 else counted(sum(sizes), "query", "queries")
    return (
        f"{results.name} on {results.dataset} ({results.split}): {counted(tasks, 'setting', 'settings')}, {asked} each"
    )


def _notes(results: Results) -> list[str]:
    notes = []
    if results.inputs.get("passed_over"):
        notes.append(f"judgments: {results.inputs['passed_over']}")
    if "cross" in results.summary:
        notes.append("cross: mean over the passage languages; its last row is the mean over the ordered pairs")
    multi = results.summary.get("multi", {})
    if multi.get("rank_distance_bound") is not None and multi.get("rank_distance") is None:
        notes.append("rank dist >=: lower bound, some relevant passages were not retrieved and have no rank")
    missing = {s.setting: 0 for s in results.scores}
    for key in {(s.setting, s.query_language, s.corpus_language, s.missing_queries) for s in results.scores}:
        missing[key[0]] += key[3]
    empty = [f"{setting} {count:,}" for setting, count in missing.items() if count]
    if empty:
        notes.append(f"queries for which nothing was retrieved (they score 0): {', '.join(empty)}")
    shallow = [score for score in results.scores if score.is_bound]
    if shallow:
        least = min(score.depth or 0 for score in shallow)
        metrics = ", ".join(dict.fromkeys(score.metric for score in shallow))
        deep = counted(least, "passage", "passages")
        notes.append(f">=: lower bound, rankings are {deep} deep and the cutoff is deeper: {metrics}")
    notes += _ties(results)
    notes += _observed(results)
    return notes


def _ties(results: Results) -> list[str]:
    """Where ties decide more than a hundredth of the ranks: ids, and with them the alphabet, then rank passages."""
    shares = {setting: share for setting, means in results.summary.items() if (share := means.get("tied_share"))}
    if not any(share > TIES_SAID for share in shares.values()):
        return []
    note = "ranks of judged passages that a tie of scores decided: "
    note += ", ".join(f"{setting} {share:.1%}" for setting, share in shares.items())
    opposite = results.summary.get("multi", {}).get("rank_distance_reversed")
    if opposite is not None:
        note += f"; with ties broken the opposite way, rank dist {opposite:.0f}"
    return [note]


def _observed(results: Results) -> list[str]:
    """What a reader of the scores should know of how the retriever worked."""
    observed, notes = results.observed, []
    if count := observed.get("unjudged_queries"):
        notes.append(f"queries of the run without judgments, passed over: {count:,}")
    said = {language: spec["note"] for language, spec in observed.get("analyzers", {}).items() if spec.get("note")}
    if said:
        notes.append(f"analyzers: {'; '.join(f'{language}: {note}' for language, note in said.items())}")
    if agreement := observed.get("agreement_with_float32"):
        cut, precision = results.retriever.get("truncate_dim"), results.retriever.get("precision")
        smaller = " in ".join([*([f"the first {cut} dimensions"] if cut else []), *([precision] if precision else [])])
        notes.append(
            f"{smaller} against {'whole vectors' if cut else 'float32'}, on {agreement['queries']} queries: "
            f"top-10 overlap {number(agreement['top_10_overlap'], '')}, "
            f"rank correlation of the first 100 {number(agreement['first_100_rank_correlation'], '')}"
        )
    return notes
