"""The grid of a study: every cell with what it trains and measures, identified by the content of both."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError, StudyError
from beir_hybrid.studies.contents import (
    dataset_content,
    groups_content,
    groups_name,
    is_here,
    model_place,
    path_digest,
)
from beir_hybrid.studies.factors import RETRIEVER_MEANS, chosen
from beir_hybrid.studies.plan import TrainingPlan, plan_training
from beir_hybrid.studies.study import Evaluation, Study, Value

SCHEMA = 2
"""Raised when the same settings begin to mean something else, so that no stored cell is taken for a new one."""
_COMPUTING = ("beir-hybrid", "sentence-transformers", "torch", "transformers")
KEPT_HITS = 10
"""Passages kept of every query of a dense retriever: what the shares of languages are measured on."""


@dataclass(frozen=True)
class PlannedEvaluation:
    """A data set a cell is measured on, and the name of the folder of its results."""

    evaluation: Evaluation
    folder: str
    identity: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One value of every factor, one seed.

    Attributes:
        digest: of what is trained (or which model is taken), whatever it is measured on.
        identity: what the digest is of.
        training: None where a model is taken as it is.
        retriever: that model and its options; empty with a training.
    """

    factors: Mapping[str, Any]
    seed: int
    digest: str
    identity: Mapping[str, Any]
    evaluations: tuple[PlannedEvaluation, ...]
    training: TrainingPlan | None = None
    retriever: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Its factors and seed, for messages."""
        parts = [f"{key}={value}" for key, value in self.factors.items()]
        return " ".join([*parts, f"seed={self.seed}"] if self.training else parts)

    @property
    def kind(self) -> str:
        """Of the encoder: what its cost depends on."""
        return self.training.kind if self.training else str((self.retriever or {}).get("model"))


@dataclass(frozen=True)
class Grid:
    """The cells in the order of the study file, seed by seed; ``absent`` names data sets that are not here yet."""

    cells: tuple[Cell, ...]
    absent: tuple[str, ...] = ()


def plan_cells(study: Study, *, load: bool = True) -> Grid:
    """Every cell of a study.

    Args:
        study: as its file states it.
        load: also data sets that must be downloaded first; without it those are named in `Grid.absent`, and the
            cells' evaluations lack them.

    Raises:
        StudyError: a cell that cannot be (the message names it), an unknown data set or language.
    """
    absent = [each.dataset for each in study.evaluations if not load and not _here(study, each)]
    present = [each for each in study.evaluations if each.dataset not in absent]
    evaluations = [_planned(study, each) for each in present]
    if study.train and "groups" in study.train:
        common = study.train["groups"]
        groups_content(groups_name(study.expanded(common), study.path(common)))  # an error here is of no single cell
    cells = []
    # seed by seed, so that an interrupted study still compares all values
    for seed in study.seeds:
        for values in study.combinations():
            labels = {name: value.label for name, value in values.items()}
            try:
                cells.append(_cell(study, values, labels, seed, evaluations))
            except BeirHybridError as error:
                named = " ".join(f"{name}={label}" for name, label in labels.items()) or "of all settings"
                raise StudyError(f"{study.file}: the cell {named} cannot be: {error}") from error
    return Grid(tuple(cells), tuple(absent))


def _cell(
    study: Study, values: Mapping[str, Value], labels: Mapping[str, Any], seed: int, measured: list[PlannedEvaluation]
) -> Cell:
    if study.train is not None:
        plan = plan_training(study, values, seed)
        identity: dict[str, Any] = {"schema": SCHEMA, "versions": versions(), **plan.identity()}
        return Cell(labels, seed, _digest(identity), identity, tuple(measured), training=plan)
    retriever = chosen({}, values)
    if "model" in retriever:
        retriever["model"] = model_place(study, retriever["model"])
    stated = {key: value for key, value in retriever.items() if key not in RETRIEVER_MEANS}
    if Path(str(stated.get("model"))).exists():
        stated["model"] = path_digest(stated["model"])
    identity = {"schema": SCHEMA, "versions": versions(), "retriever": stated}
    return Cell(labels, seed, _digest(identity), identity, tuple(measured), retriever=retriever)


def versions() -> dict[str, str]:
    """The versions of what computes a cell's numbers: with others its training or embeddings are other ones."""
    return {name: importlib.metadata.version(name) for name in _COMPUTING}


def _here(study: Study, evaluation: Evaluation) -> bool:
    try:
        return is_here(_placed(study, evaluation))
    except BeirHybridError as error:
        raise StudyError(f"{study.file}: {error}") from error


def _placed(study: Study, evaluation: Evaluation) -> Evaluation:
    if evaluation.data_dir is None:
        return evaluation
    return Evaluation(**{**vars(evaluation), "data_dir": study.path(evaluation.data_dir)})


def _planned(study: Study, evaluation: Evaluation) -> PlannedEvaluation:
    placed = _placed(study, evaluation)
    try:
        content = dataset_content(placed)
    except BeirHybridError as error:
        raise StudyError(f"{study.file}: {evaluation.dataset}: {error}") from error
    identity = {
        "schema": SCHEMA,
        "dataset": evaluation.dataset,
        "content": content.fingerprint,
        "tasks": list(content.tasks),
        "metrics": None if evaluation.metrics is None else sorted(evaluation.metrics),
        "top_k": evaluation.top_k,
        "options": dict(evaluation.options),
    }
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", evaluation.dataset)
    return PlannedEvaluation(placed, f"{readable}-{_digest(identity)[:12]}", identity)


def _digest(identity: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(identity, sort_keys=True, ensure_ascii=False))
