"""Expectations: the scores that a command should give again, and within what tolerance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results, read_results_file
from beir_hybrid.records import SETTINGS

SCHEMA = 1
TOLERANCE = 0.005
"""How far a score may be off where a file names no tolerance of its own: half a point."""


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
        # a folder of one's own may be called like a data set, and is another
        published = not results.inputs.get("dataset_folder")
        same_data = published and (self.dataset, self.split) == (results.dataset, results.split)
        options = dict(results.inputs.get("dataset_options", {}))
        return same_data and options == dict(self.options) and _within(self.match, results.retriever)


def _within(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    return all(got.get(key) == value for key, value in wanted.items())


@cache
def expectations() -> tuple[Expectation, ...]:
    """Those the package carries."""
    text = (files("beir_hybrid.published") / "expected.json").read_text(encoding="utf-8")
    return tuple(_expectation(record) for record in json.loads(text)["expectations"])


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
    scores = tuple(
        ExpectedScore(s["setting"], s["query_language"], s["metric"], float(s["value"])) for s in record["scores"]
    )
    for score in scores:
        if score.setting not in SETTINGS:
            raise ValueError(f"unknown setting {score.setting!r}")
    if not scores:
        raise ValueError("no scores")
    return Expectation(**{"source": "", **record, "languages": tuple(record["languages"]), "scores": scores})


def _of_results(results: Results) -> Expectation:
    scores = [
        ExpectedScore(setting, "mean", metric, value)
        for setting, metrics in results.summary.items()
        for metric, value in metrics.items()
        if value is not None
    ]
    scores += [
        ExpectedScore(score.setting, score.query_language, score.metric, score.value)
        for score in results.scores
        if score.setting != "cross" and score.value is not None
    ]
    return Expectation(
        name=results.name,
        source=str(results.folder or ""),
        dataset=results.dataset,
        split=results.split,
        languages=results.languages,
        scores=tuple(scores),
        options=dict(results.inputs.get("dataset_options", {})),
    )
