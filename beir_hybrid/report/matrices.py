"""Query language by passage language: a system as a square of numbers, and its difference to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beir_hybrid.evaluation.results import Results
from beir_hybrid.metrics.bias import LANGUAGE_SHARE, SHARE_CUTOFF
from beir_hybrid.report.contents import Contents

Matrix = list[list[float | None]]
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
    # it is of all queries and of a metric of its own: no part of a comparison that leaves something out
    if contents.whole and "multi" in contents.comparison.settings and all(map(_says, pooled.values())):
        found.append(Measure("multi", "multi: reciprocal rank of the answer in the pool", languages, pooled))
    firsts = {each.name: share_matrix(each, languages) for each in contents.results}
    if all(map(_says, firsts.values())):
        title = f"multi: share of the first {SHARE_CUTOFF} by passage language"
        found.append(Measure("shares", title, languages, firsts))
    shared = [set(metrics) for each in contents.results if (metrics := each.summary.get("cross"))]
    if len(shared) == len(contents.results):
        for metric in contents.results[0].summary["cross"]:
            if all(metric in names for names in shared) and metric in _METRICS:
                matrices = {each.name: pair_matrix(each, languages, metric) for each in contents.results}
                found.append(Measure(metric, f"mono and cross: {metric}", languages, matrices))
    return found


def pool_matrix(results: Results, languages: Sequence[str]) -> Matrix:
    """The language matrix that `evaluate` has measured in the multilingual setting."""
    return [[results.matrix.get(query, {}).get(passage) for passage in languages] for query in languages]


def share_matrix(results: Results, languages: Sequence[str]) -> Matrix:
    """Which languages the first results from the pool are in."""
    values = {(score.query_language, score.metric): score.value for score in results.scores if score.setting == "multi"}
    return [[values.get((query, f"{LANGUAGE_SHARE}{passage}")) for passage in languages] for query in languages]


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
        found += [_square(measure, name, matrix, signed=signed) for name, matrix, signed in shown]
    return found


def _square(measure: Measure, name: str, matrix: Matrix, *, signed: bool) -> Square:
    known = [abs(value) for row in matrix for value in row if value is not None]
    largest = max(known) if signed and any(known) else 1.0
    there = [at for at in range(len(measure.languages)) if any(row[at] is not None for row in matrix)]
    rows = tuple(
        (language, tuple(_cell(row[at], largest, signed=signed) for at in there))
        for language, row in zip(measure.languages, matrix, strict=True)
        if any(value is not None for value in row)
    )
    return Square(measure.title, name, tuple(measure.languages[at] for at in there), rows)


def _cell(value: float | None, largest: float, *, signed: bool) -> Cell | None:
    if value is None:
        return None
    text = f"{abs(value):.2f}".removeprefix("0") if abs(value) < 0.995 else "1"
    sign = ("−" if value < 0 else "+") if signed and text != ".00" else ""
    return Cell(sign + text, round(SHADES * value / largest))


def _says(matrix: Matrix) -> bool:
    """Whether anything is known between two languages: without that a square is a list."""
    return any(value is not None for at, row in enumerate(matrix) for to, value in enumerate(row) if at != to)
