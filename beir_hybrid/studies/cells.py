"""The grid of a study: every cell with what it trains and measures, identified by the content of both."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError, StudyError
from beir_hybrid.studies.contents import (
    dataset_content,
    groups_content,
    groups_name,
    is_here,
    known_by,
    model_place,
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
    evaluations, absent = [], []
    for each in study.evaluations:
        placed = each if each.data_dir is None else replace(each, data_dir=study.path(each.data_dir))
        try:
            if load or is_here(placed):
                evaluations.append(_planned(placed))
            else:
                absent.append(each.dataset)
        except BeirHybridError as error:
            raise StudyError(f"{study.file}: {each.dataset}: {error}") from error
    if study.train and "groups" in study.train:
        common = study.train["groups"]
        groups_content(groups_name(study.expanded(common), study.path(common)))  # an error here is of no single cell
    cells = []
    # seed by seed, so that an interrupted study still compares all values
    for seed in study.seeds:
        for values in study.combinations():
            try:
                cells.append(_cell(study, values, seed, evaluations))
            except BeirHybridError as error:
                named = " ".join(f"{name}={value.label}" for name, value in values.items()) or "of all settings"
                raise StudyError(f"{study.file}: the cell {named} cannot be: {error}") from error
    return Grid(tuple(cells), tuple(absent))


def _cell(study: Study, values: Mapping[str, Value], seed: int, measured: Sequence[PlannedEvaluation]) -> Cell:
    plan, retriever = None, None
    identity: dict[str, Any] = {"schema": SCHEMA, "versions": versions()}
    if study.train is not None:
        plan = plan_training(study, values, seed)
        identity |= plan.identity()
    else:
        retriever = chosen({}, values)
        if "model" in retriever:
            retriever["model"] = model_place(study, retriever["model"])
        stated = {key: value for key, value in retriever.items() if key not in RETRIEVER_MEANS}
        identity["retriever"] = stated | ({"model": known_by(stated["model"])} if "model" in stated else {})
    labels = {name: value.label for name, value in values.items()}
    return Cell(labels, seed, _digest(identity), identity, tuple(measured), plan, retriever)


def versions() -> dict[str, str]:
    """The versions of what computes a cell's numbers: with others its training or embeddings are other ones."""
    return {name: importlib.metadata.version(name) for name in _COMPUTING}


def _planned(evaluation: Evaluation) -> PlannedEvaluation:
    content = dataset_content(evaluation)
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
    return PlannedEvaluation(evaluation, f"{readable}-{_digest(identity)[:12]}")


def _digest(identity: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(identity, sort_keys=True, ensure_ascii=False))
