"""Scores that others have published, as they were printed, under the names this package gives their metrics."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from beir_hybrid.records import Setting

MEAN = "mean"
"""The query language of a macro mean: over languages (mono, multi) or ordered pairs (cross)."""


@dataclass(frozen=True)
class Source:
    """Where numbers were published, with how many decimals, and in what they differ from a run of this package."""

    key: str
    title: str
    url: str
    short: str
    decimals: int
    differs: str


@dataclass(frozen=True)
class PublishedScore:
    """One published number.

    Attributes:
        source: the key of its `Source`.
        table: the table (of a paper) or the run (of a configuration file) it stands in.
        query_language: the language, or `MEAN` where the source itself prints the mean.
        metric: as this package names it; ``printed_as`` is the source's own name.
    """

    source: str
    table: str
    system: str
    dataset: str
    split: str
    setting: Setting
    query_language: str
    metric: str
    value: float
    printed_as: str


def published_scores(dataset: str | None = None, split: str | None = None) -> list[PublishedScore]:
    """What is known of a data set and split (None: of all), in the order of the sources; empty if nothing is."""
    return [score for score in _all() if dataset in (None, score.dataset) and split in (None, score.split)]


@cache
def sources() -> dict[str, Source]:
    """Every source by its key."""
    text = (files("beir_hybrid.published") / "sources.json").read_text(encoding="utf-8")
    return {key: Source(key, **record) for key, record in json.loads(text).items()}


@cache
def _all() -> tuple[PublishedScore, ...]:
    text = (files("beir_hybrid.published") / "scores.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(io.StringIO(text)):
        value = float(row.pop("value"))
        found.append(PublishedScore(**row, value=value))  # type: ignore[arg-type]  # a file of ours
    return tuple(found)
