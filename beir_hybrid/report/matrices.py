"""Query language by passage language: a system as a square of numbers, and its difference to the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beir_hybrid.evaluation.results import Results
from beir_hybrid.metrics.bias import LANGUAGE_SHARE, SHARE_CUTOFF
from beir_hybrid.report.contents import Contents

Matrix = Mapping[tuple[str, str], float]
"""By query language and passage language; without what was not measured."""
SHADES = 25
"""Steps from no colour to full colour."""
_METRICS = ("map", "recall@1", "ndcg@10")


@dataclass(frozen=True)
class Cell:
    """A number as it is shown, and its colour: from `SHADES`, one in full, by 0, none, to -`SHADES`, the other."""

    text: str
    shade: int


@dataclass(frozen=True)
class Square:
    """One square of a page; only languages that have a number have a row, or a column.

    Attributes:
        name: of the system, or of the difference.
        rows: (query language, cells), None where nothing was measured.
    """

    measure: str
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]

    @property
    def title(self) -> str:
        return f"{self.name}, {self.measure}"


@dataclass(frozen=True)
class Measure:
    """One kind of square, of every system."""

    key: str
    title: str
    matrices: Mapping[str, Matrix]


def measures(contents: Contents) -> list[Measure]:
    """The squares that there are for every system.

    ``multi``: mean reciprocal rank, in the pool, of the answer in each language. ``shares``: which languages the first
    results from the pool are in. Then metrics of the monolingual (diagonal) and cross-lingual settings.
    """
    pooled = {
        each.name: {(query, passage): value for query, row in each.matrix.items() for passage, value in row.items()}
        for each in contents.results
    }
    # it is of all queries and of a metric of its own: no part of a comparison that leaves something out
    kept = contents.whole and "multi" in contents.comparison.settings
    found = [Measure("multi", "multi: reciprocal rank of the answer in the pool", pooled if kept else {})]
    shares = {each.name: _shares(each) for each in contents.results}
    found.append(Measure("shares", f"multi: share of the first {SHARE_CUTOFF} by passage language", shares))
    for metric in contents.results[0].summary.get("cross", ()):
        if metric in _METRICS:
            pairs = {each.name: _pairs(each, metric) for each in contents.results}
            found.append(Measure(metric, f"mono and cross: {metric}", pairs))
    return [each for each in found if each.matrices and all(map(_says, each.matrices.values()))]


def _shares(results: Results) -> Matrix:
    return {
        (score.query_language, score.metric.removeprefix(LANGUAGE_SHARE)): score.value
        for score in results.scores
        if score.setting == "multi" and score.metric.startswith(LANGUAGE_SHARE) and score.value is not None
    }


def _pairs(results: Results, metric: str) -> Matrix:
    return {
        (score.query_language, score.corpus_language): score.value
        for score in results.scores
        if score.setting != "multi" and score.metric == metric and score.value is not None
    }


def _says(matrix: Matrix) -> bool:
    """Whether anything is known between two languages: without that a square is a list."""
    return any(query != passage for query, passage in matrix)


def difference(one: Matrix, two: Matrix) -> Matrix:
    """One minus two, where both are."""
    return {pair: value - two[pair] for pair, value in one.items() if pair in two}


def squares(contents: Contents) -> list[Square]:
    """Every measure of every system, and of every system minus the baseline."""
    found = []
    base = contents.comparison.baseline
    for measure in measures(contents):
        shown = [(name, measure.matrices[name], False) for name in contents.names]
        shown += [
            (f"{name} minus {base}", difference(measure.matrices[name], measure.matrices[base]), True)
            for name in contents.others
        ]
        found += [_square(measure.title, name, matrix, signed=signed) for name, matrix, signed in shown]
    return found


def _square(measure: str, name: str, matrix: Matrix, *, signed: bool) -> Square:
    largest = max(map(abs, matrix.values()), default=0.0) if signed else 1.0
    queries, passages = (sorted(set(codes)) for codes in zip(*matrix, strict=True)) if matrix else ([], [])
    rows = tuple(
        (query, tuple(_cell(matrix.get((query, passage)), largest or 1.0, signed=signed) for passage in passages))
        for query in queries
    )
    return Square(measure, name, tuple(passages), rows)


def _cell(value: float | None, largest: float, *, signed: bool) -> Cell | None:
    if value is None:
        return None
    text = f"{abs(value):.2f}".removeprefix("0") if abs(value) < 0.995 else "1"
    sign = ("−" if value < 0 else "+") if signed and text != ".00" else ""
    return Cell(sign + text, round(SHADES * value / largest))
