"""Studies made by hand: result folders whose values are what a function says, so that a fit must find it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import Score, mean_or_none
from beir_hybrid.records import POOL
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome

# two of Joshi class 5, two of 4, two of 3
LANGUAGES = ("de", "el", "en", "hi", "ru", "th")
Effect = Callable[[Mapping[str, Any], str, str, str], float]
"""(factors of a cell, setting, query language, passage language) -> the mean of the metric."""


def tasks(languages: Sequence[str], settings: Sequence[str]) -> list[tuple[str, str, str]]:
    found = [("mono", each, each) for each in languages if "mono" in settings]
    found += [("cross", one, two) for one, two in itertools.permutations(languages, 2) if "cross" in settings]
    return found + [("multi", each, POOL) for each in languages if "multi" in settings]


def make_results(
    folder: Path, value: Callable[[str, str, str], float], rng: np.random.Generator, *,
    languages: Sequence[str] = LANGUAGES, settings: Sequence[str] = ("mono",), questions: int = 8,
    noise: float = 0.02, ranks: bool = True, fingerprint: str = "same", dataset: str = "toy",
) -> Path:  # fmt: skip
    """A result folder: ``map`` of every question is the value of its task, give or take the noise.

    In multi there is a rank distance as well, 100 times what is missing to 1; without ``ranks`` it is undefined.
    """
    rows: list[dict[str, Any]] = []
    scores = []
    for setting, query, corpus in tasks(languages, settings):
        values = np.clip(value(setting, query, corpus) + rng.normal(0, noise, questions), 0, 1).tolist()
        columns: dict[str, list[float | None]] = {"map": values}
        if setting == "multi":
            distances = [100 * (1 - each) for each in values]
            columns["rank_distance"] = [*distances] if ranks else [None, *distances[1:]]
            columns["rank_distance_bound"] = [*distances]
            columns["same_language_share@10"] = [0.5] * questions
        for at in range(questions):
            key = {"setting": setting, "query_language": query, "corpus_language": corpus}
            row = {**key, "query_id": f"{query}-q{at}", "group": f"g{at}", "retrieved": 10}
            rows.append({**row, **{name: column[at] for name, column in columns.items()}})
        for name, column in columns.items():
            scores.append(Score(setting, query, corpus, name, mean_or_none(column), questions))  # type: ignore[arg-type]
    inputs = {"languages": list(languages), "dataset_fingerprint": fingerprint}
    Results(folder.name, dataset, "test", {"type": "toy"}, scores, inputs=inputs, versions={"numpy": "2"}).write(folder)
    names = list(dict.fromkeys(name for row in rows for name in row))
    types = {"retrieved": pa.int64(), **dict.fromkeys(names[:5], pa.string())}
    arrays = {name: pa.array([row.get(name) for row in rows], types.get(name, pa.float64())) for name in names}
    pq.write_table(pa.table(arrays), folder / "per_query.parquet")
    return folder


def make_study(
    root: Path, effect: Effect, *, factors: Mapping[str, Sequence[Any]] | None = None, seeds: Sequence[int] = (1, 2, 3),
    analysis: Mapping[str, Any] | None = None, trained: Sequence[str] = LANGUAGES, luck: float = 0.01,
    datasets: Sequence[str] = ("toy",), **results: Any,
) -> StudyOutcome:  # fmt: skip
    """A study whose every cell is done. ``luck``: standard deviation of what one training adds to all its values."""
    chosen = factors or {"alpha": (0.0, 0.5, 1.0)}
    cells = []
    for number, values in enumerate(itertools.product(*chosen.values())):
        cell = dict(zip(chosen, values, strict=True))
        for seed in seeds:
            rng = np.random.default_rng([number, seed])
            shift = float(rng.normal(0, luck))
            folders = {
                name: make_results(
                    root / f"{number}-{seed}-{name}",
                    lambda *task, cell=cell, shift=shift: effect(cell, *task) + shift,
                    rng, dataset=name, **results,
                )
                for name in datasets
            }  # fmt: skip
            training = {"pairs": 1000, "steps": 10, "seconds": 1.0}
            cells.append(CellOutcome(cell, seed, "done", folders, training, tuple(trained), seconds=2.0))
    return StudyOutcome(
        "toy", "A toy study", "Does it work?", {name: tuple(values) for name, values in chosen.items()}, tuple(cells),
        dict(analysis or {}), "Every cell sees the same number of pairs",
    )  # fmt: skip


def flat(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
    """No effect of anything."""
    return 0.5
