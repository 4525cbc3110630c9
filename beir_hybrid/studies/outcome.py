"""What a study has measured so far: the seam between the engine that fills cells and the analysis that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class CellOutcome:
    """One cell of the grid: one value of every factor, one seed.

    Attributes:
        factors: factor -> its value in this cell (JSON values, as the study file names them).
        seed: of the training; a model that is only evaluated has seed 0.
        status: ``missing`` was not tried yet.
        results: data set -> the folder `beir_hybrid.evaluate` wrote (``results.json``, ``per_query.parquet``, ...).
        training: what the training did (``TrainSummary`` as a mapping: steps, pairs, seconds, ...); empty without one.
            For one model per language, pairs and steps are summed over the models.
        trained_languages: the languages it was trained on; empty when not known (a model by name).
        message: why it failed, in one line.
        seconds: the whole cell, training and evaluation.
    """

    factors: Mapping[str, Any]
    seed: int
    status: Literal["done", "failed", "missing"]
    results: Mapping[str, Path] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trained_languages: tuple[str, ...] = ()
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class StudyOutcome:
    """All cells of a study, done or not, in the order of the grid.

    Attributes:
        name: of the study.
        title: one line.
        question: what it asks, in plain words.
        factors: factor -> its values in the order of the study file.
        cells: the grid.
        analysis: the table ``[analysis]`` of the study file: what is compared and fitted.
        budget: how the training budget is held equal, in one sentence.
    """

    name: str
    title: str
    question: str
    factors: Mapping[str, tuple[Any, ...]]
    cells: tuple[CellOutcome, ...]
    analysis: Mapping[str, Any] = field(default_factory=dict)
    budget: str = ""


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
