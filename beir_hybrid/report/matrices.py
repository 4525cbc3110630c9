"""Query language by passage language: a system as a square of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beir_hybrid.evaluation.results import Results
from beir_hybrid.report.contents import Contents

Matrix = list[list[float | None]]


@dataclass(frozen=True)
class Measure:
    """One kind of square: rows are query languages, columns passage languages; None where nothing was measured."""

    key: str
    title: str
    languages: tuple[str, ...]
    matrices: dict[str, Matrix]


def measures(contents: Contents) -> list[Measure]:
    """The squares that there are for every system.

    ``multi``: mean reciprocal rank, in the pool, of the answer in each language. ``pairs``: a metric of the
    monolingual (diagonal) and cross-lingual settings.
    """
    found = []
    languages = contents.languages
    pooled = {each.name: pool_matrix(each, languages) for each in contents.results}
    if all(_any(matrix) for matrix in pooled.values()):
        found.append(Measure("multi", "multi: reciprocal rank of the answer in the pool", languages, pooled))
    shared = [set(metrics) for each in contents.results if (metrics := each.summary.get("cross"))]
    if len(shared) == len(contents.results):
        for metric in contents.results[0].summary["cross"]:
            if all(metric in names for names in shared) and metric in ("map", "recall@1", "ndcg@10"):
                matrices = {each.name: pair_matrix(each, languages, metric) for each in contents.results}
                found.append(Measure(metric, f"mono and cross: {metric}", languages, matrices))
    return found


def pool_matrix(results: Results, languages: Sequence[str]) -> Matrix:
    """The language matrix that `evaluate` has measured in the multilingual setting."""
    return [[results.matrix.get(query, {}).get(passage) for passage in languages] for query in languages]


def pair_matrix(results: Results, languages: Sequence[str], metric: str) -> Matrix:
    """A metric of mono (the diagonal) and cross."""
    values = {
        (score.query_language, score.corpus_language): score.value
        for score in results.scores
        if score.setting != "multi" and score.metric == metric
    }
    return [[values.get((query, passage)) for passage in languages] for query in languages]


def difference(one: Matrix, two: Matrix) -> Matrix:
    """One minus two, None where either is."""
    return [
        [None if a is None or b is None else a - b for a, b in zip(*rows, strict=True)]
        for rows in zip(one, two, strict=True)
    ]


def _any(matrix: Matrix) -> bool:
    return any(value is not None for row in matrix for value in row)
