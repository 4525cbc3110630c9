"""The findings as flat records: every number, unrounded, for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beir_hybrid.published.languages import languages as language_facts
from beir_hybrid.records import POOL
from beir_hybrid.studies.analysis.factors import Combination, value_label
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.language_groups import group_of, pair_group
from beir_hybrid.studies.analysis.spread import Spread
from beir_hybrid.tables import as_csv

_FACTS = ("joshi_class", "cc100_gib", "script", "family")
_SCORES = (
    "seed", "dataset", "setting", "query_language", "corpus_language", "metric", "value", "queries", "seen", *_FACTS,
    "corpus_seen", *(f"corpus_{name}" for name in _FACTS),
)  # fmt: skip
_MEANS = (
    "dataset", "setting", "metric", "value", "deviation", "ci_low", "ci_high", "seeds", "tasks", "at_least",
)  # fmt: skip
_TESTS = (
    "dataset", "setting", "query_language", "corpus_language", "metric", "baseline", "value", "delta", "ci_low",
    "ci_high", "p", "p_corrected", "effect", "wins", "ties", "losses", "queries", "seeds", "seeds_agreeing",
    "seeds_deviation", "seeds_low", "seeds_high",
)  # fmt: skip
_GROUPS = (
    "dataset", "setting", "metric", "kind", "role", "group", "languages", "value", "deviation", "ci_low", "ci_high",
    "seeds", "change", "change_deviation", "change_low", "change_high",
)  # fmt: skip
_FITS = (
    "formula", "dataset", "setting", "metric", "term", "held_apart", "estimate", "ci_low", "ci_high", "p",
    "df", "values", "models", "languages", "notes",
)  # fmt: skip


def csv_files(findings: Findings) -> dict[str, str]:
    """File name -> content; every file has its head also where there is nothing to tell."""
    return {
        "scores.csv": _csv(findings, _SCORES, list(_scores(findings))),
        "means.csv": _csv(findings, _MEANS, list(_means(findings))),
        "tests.csv": _csv(findings, _TESTS, list(_tests(findings))),
        "groups.csv": _csv(findings, _GROUPS, list(_groups(findings))),
        "fits.csv": as_csv(list(_fits(findings)), _FITS),
    }


def _csv(findings: Findings, columns: Sequence[str], records: Sequence[tuple[Combination, Mapping[str, Any]]]) -> str:
    """With a column for each factor first; one that is called as another column gets ``factor_`` before it."""
    factors = findings.measured.factors
    names = [f"factor_{factor.name}" if factor.name in columns else factor.name for factor in factors]
    rows = []
    for combination, record in records:
        values = [factor.values[place] for factor, place in zip(factors, combination, strict=True)]
        plain = [value if isinstance(value, int | float | str) else value_label(value) for value in values]
        rows.append({**dict(zip(names, plain, strict=True)), **record})
    return as_csv(rows, [*names, *columns])


def _scores(findings: Findings) -> Iterator[tuple[Combination, dict[str, Any]]]:
    for run in findings.measured.runs:
        trained = run.cell.trained_languages
        for dataset, results in run.results.items():
            for score in results.scores:
                query, corpus = score.query_language, score.corpus_language
                seen = group_of("seen", query, (), trained)
                record = {
                    "seed": run.seed, "dataset": dataset, "setting": score.setting, "query_language": query,
                    "corpus_language": corpus, "metric": score.metric, "value": score.value, "queries": score.queries,
                    "seen": pair_group(query, corpus, trained) if score.setting == "cross" else seen,
                    **_facts(query, ""),
                    "corpus_seen": None if corpus == POOL else group_of("seen", corpus, (), trained),
                    **_facts(corpus, "corpus_"),
                }  # fmt: skip
                yield run.combination, record


def _facts(language: str, prefix: str) -> dict[str, Any]:
    facts = language_facts().get(language)
    return {f"{prefix}{name}": None if facts is None else getattr(facts, name) for name in _FACTS}


def _means(findings: Findings) -> Iterator[tuple[Combination, dict[str, Any]]]:
    for mean in findings.means:
        yield (
            mean.combination,
            {
                "dataset": mean.dataset, "setting": mean.setting, "metric": mean.metric, "value": mean.spread.value,
                "deviation": mean.spread.deviation, **_ends(mean.spread, "ci_low", "ci_high"),
                "seeds": mean.spread.seeds, "tasks": mean.tasks, "at_least": mean.at_least,
            },
        )  # fmt: skip


def _tests(findings: Findings) -> Iterator[tuple[Combination, dict[str, Any]]]:
    for test in findings.tests.tests:
        row = test.row
        own = {name: getattr(row, name) for name in _TESTS if hasattr(row, name)}
        yield (
            test.combination,
            {
                **own, "dataset": test.dataset, "baseline": findings.measured.label(test.baseline),
                "seeds": test.seeds, "seeds_agreeing": test.agreeing, "seeds_deviation": test.over_seeds.deviation,
                **_ends(test.over_seeds, "seeds_low", "seeds_high"),
            },
        )  # fmt: skip


def _groups(findings: Findings) -> Iterator[tuple[Combination, dict[str, Any]]]:
    for group in findings.groups:
        spread, change = group.spread, group.change
        yield (
            group.combination,
            {
                "dataset": group.dataset, "setting": group.setting, "metric": group.metric, "kind": group.kind,
                "role": group.role, "group": group.group, "languages": " ".join(group.languages),
                "value": spread.value, "deviation": spread.deviation,
                **_ends(spread, "ci_low", "ci_high"), "seeds": spread.seeds,
                "change": None if change is None else change.value,
                "change_deviation": None if change is None else change.deviation,
                **_ends(change, "change_low", "change_high"),
            },
        )  # fmt: skip


def _fits(findings: Findings) -> Iterator[dict[str, Any]]:
    for fit in findings.fits:
        common = {
            "formula": fit.formula.text, "dataset": fit.dataset, "setting": fit.setting, "metric": fit.formula.metric,
            "values": fit.values, "models": fit.models, "languages": fit.languages,
            "notes": "; ".join(fit.notes),
        }  # fmt: skip
        for each in fit.estimates:
            yield {
                **common, "term": each.term, "held_apart": each.column.added, "estimate": each.value,
                "ci_low": each.low, "ci_high": each.high, "p": each.p, "df": each.freedom,
            }  # fmt: skip
        if not fit.estimates:
            yield common


def _ends(spread: Spread | None, low: str, high: str) -> dict[str, float | None]:
    if spread is None or spread.value is None or spread.half is None:
        return {low: None, high: None}
    return {low: spread.value - spread.half, high: spread.value + spread.half}
