"""Does a result reproduce what is expected of the command that made it?

Expectations stand in ``expected.json``, made by ``benchmarks/published_facts.py``, or in a file of one's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results, read_results_file
from beir_hybrid.evaluation.scores import bounds_among, mean_or_none
from beir_hybrid.published.scores import MEAN
from beir_hybrid.records import SETTINGS

TOLERANCE = 0.005
"""How far a score may be off where a file names no tolerance of its own: half a point."""
Status = Literal["OK", "FAIL", "not measured"]
STATUSES: tuple[Status, ...] = ("OK", "FAIL", "not measured")


@dataclass(frozen=True)
class ExpectedScore:
    """One number to be reached; ``query_language`` is a language or ``mean``."""

    setting: str
    query_language: str
    metric: str
    value: float


@dataclass(frozen=True)
class Expectation:
    """What a retriever should score on a data set.

    Attributes:
        languages: those of the pool; means and the multilingual setting hold for exactly these.
        options: the loading options of the data set.
        match: what `Retriever.describe` must say for the expectation to be about it; empty: about any.
        tolerance: the largest difference that is still OK; absolute, and relative for values above 1 (ranks).
        command: what makes the result.
    """

    name: str
    source: str
    dataset: str
    split: str
    languages: tuple[str, ...]
    scores: tuple[ExpectedScore, ...]
    match: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = TOLERANCE
    command: str = ""
    note: str = ""

    def allows(self, expected: float, got: float) -> bool:
        """Whether a figure is within the tolerance: relative above 1, else absolute."""
        # both numbers are printed with four decimals or fewer: the edge itself is inside
        return abs(expected - got) <= self.tolerance * max(1.0, abs(expected)) + 1e-9

    def is_about(self, results: Results) -> bool:
        """Whether it was made for these results' data set, split, options and retriever."""
        inputs, retriever = results.inputs, results.retriever
        # a folder of one's own may be called like a data set, and is another
        return (
            not inputs.get("dataset_folder")
            and (self.dataset, self.split) == (results.dataset, results.split)
            and dict(inputs.get("dataset_options", {})) == dict(self.options)
            and all(retriever.get(key) == value for key, value in self.match.items())
        )


@dataclass(frozen=True)
class Checked:
    """One expected number beside the one that was got (None: not measured, or not defined)."""

    setting: str
    query_language: str
    metric: str
    expected: float
    got: float | None
    status: Status

    @property
    def difference(self) -> float | None:
        return None if self.got is None else self.got - self.expected


@dataclass(frozen=True)
class Check:
    """All that was compared for one result."""

    name: str
    expectation: Expectation
    rows: Sequence[Checked]

    def count(self, status: Status) -> int:
        """How many figures have this status."""
        return sum(row.status == status for row in self.rows)

    @property
    def ok(self) -> bool:
        return self.count("FAIL") == 0


@cache
def expectations() -> tuple[Expectation, ...]:
    """Those the package carries."""
    text = (files("beir_hybrid.published") / "expected.json").read_text(encoding="utf-8")
    return tuple(_expectation(record) for record in json.loads(text)["expectations"])


def find_expectation(results: Results) -> Expectation:
    """The expectation the package carries for these results, told by what their retriever says of itself.

    Raises:
        ResultsError: there is none.
    """
    if folder := results.inputs.get("dataset_folder"):
        raise ResultsError(
            f"{results.name} was measured on the folder {folder}, whatever it is called, and scores are registered of "
            "published data sets only; give --expect FILE with scores of your own"
        )
    for each in expectations():
        if each.is_about(results):
            return each
    known = sorted({f"{each.dataset} {each.match.get('variant', '')}".strip() for each in expectations()})
    raise ResultsError(
        f"nothing is registered for {results.name} on {results.dataset} ({results.split}); known: BM25 with its "
        f"default options on {', '.join(known)}; give --expect FILE with scores of your own"
    )


def read_expectation(path: Path | str) -> Expectation:
    """An expectation from a file: one record as in ``expected.json``, or the ``results.json`` of another run.

    The macro means and the language means of the settings mono and multi of a ``results.json`` are expected.

    Raises:
        ResultsError: the file is neither.
    """
    path = Path(path)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ResultsError(
            f"{path} is not a file; --expect takes an expectation or the results.json of another run"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path}:{getattr(error, 'lineno', 1)}: not valid JSON ({error})") from error
    if isinstance(record, dict) and "retriever" in record and "summary" in record:
        return _of_results(read_results_file(path))
    try:
        return _expectation(record)
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{path} is no expectation ({type(error).__name__}: {error}); expected an object with name, dataset, "
            'split, languages and scores: [{"setting", "query_language", "metric", "value"}, ...]'
        ) from error


def _expectation(record: Mapping[str, Any]) -> Expectation:
    scores = tuple(ExpectedScore(**{**score, "value": float(score["value"])}) for score in record["scores"])
    for score in scores:
        if score.setting not in SETTINGS:
            raise ValueError(f"unknown setting {score.setting!r}")
    if not scores:
        raise ValueError("no scores")
    return Expectation(**{"source": "", **record, "languages": tuple(record["languages"]), "scores": scores})


def _of_results(results: Results) -> Expectation:
    bounds = bounds_among(results.scores, MEAN)
    means = ((setting, MEAN, *each) for setting, found in results.summary.items() for each in found.items())
    own = ((s.setting, s.query_language, s.metric, s.value) for s in results.scores if s.setting != "cross")
    given = (*means, *own)
    scores = tuple(
        ExpectedScore(setting, language, metric, value)
        for setting, language, metric, value in given
        if value is not None and (setting, metric, language) not in bounds
    )
    options = dict(results.inputs.get("dataset_options", {}))
    return Expectation(
        results.name, "", results.dataset, results.split, results.languages, scores, options=options
    )  # fmt: skip


def check(results: Results, expectation: Expectation) -> Check:
    """Compare results with an expectation.

    A number whose setting, language or metric was not measured is "not measured" and fails nothing. So is one of which
    a lower bound is known, and so are means and the multilingual setting if the pool held other languages than
    expected: they are other numbers. A value that was measured and is not defined fails.

    Raises:
        ResultsError: the results are of another data set or split, or none of the numbers was measured.
    """
    ours, theirs = (results.dataset, results.split), (expectation.dataset, expectation.split)
    if ours != theirs:
        raise ResultsError(
            f"{results.name} was measured on {ours[0]} ({ours[1]}), but {expectation.name} "
            f"is of {theirs[0]} ({theirs[1]})"
        )
    same_pool = set(results.languages) == set(expectation.languages)
    values: dict[tuple[str, str, str], list[float | None]] = {}
    bounds = bounds_among(results.scores, MEAN)
    for score in results.scores:
        for language in (score.query_language, MEAN):
            if (score.setting, score.metric, language) in bounds:
                continue
            if same_pool or (score.setting == "mono" and language != MEAN):
                values.setdefault((score.setting, language, score.metric), []).append(score.value)
    rows = []
    for wanted in expectation.scores:
        found = values.get((wanted.setting, wanted.query_language, wanted.metric))
        got = mean_or_none(found) if found else None
        status: Status = "not measured"
        if found:
            status = "OK" if got is not None and expectation.allows(wanted.value, got) else "FAIL"
        rows.append(Checked(wanted.setting, wanted.query_language, wanted.metric, wanted.value, got, status))
    made = Check(results.name, expectation, rows)
    if made.count("not measured") == len(rows):
        raise ResultsError(
            f"{results.name} holds none of the {len(rows)} numbers that {expectation.name} expects; "
            f"make it with: {expectation.command or 'the settings, metrics and languages of the expectation'}"
        )
    return made
