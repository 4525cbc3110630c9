"""The grid of a study: every cell with what it trains and measures, identified by the content of both."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError, StudyError
from beir_hybrid.studies.contents import dataset_content, groups_content, groups_place, is_here, known_by, model_place
from beir_hybrid.studies.factors import RETRIEVER_MEANS, Value, chosen
from beir_hybrid.studies.plan import TrainingPlan, plan_training
from beir_hybrid.studies.study import Evaluation, Study

SCHEMA = 2
"""Raised when the same settings begin to mean something else, so that no stored cell is taken for a new one."""
_COMPUTING = ("beir-hybrid", "sentence-transformers", "torch", "transformers")


@dataclass(frozen=True)
class Cell:
    """One value of every factor, one seed.

    Attributes:
        identity: of what is trained (or which model is taken), whatever it is measured on.
        evaluations: the data sets it is measured on, by the name of the folder of the results.
        training: None where a model is taken as it is.
        retriever: that model and its options; empty with a training.
    """

    factors: Mapping[str, Any]
    seed: int
    identity: Mapping[str, Any]
    evaluations: Mapping[str, Evaluation]
    training: TrainingPlan | None
    retriever: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        return _digest(self.identity)

    @property
    def name(self) -> str:
        """Its factors and seed, for messages."""
        seed = [f"seed={self.seed}"] if self.training else []
        return " ".join([*(f"{key}={value}" for key, value in self.factors.items()), *seed]) or "the only cell"

    @property
    def kind(self) -> str:
        """Of the encoder: what its cost depends on."""
        return self.training.kind if self.training else str(self.retriever.get("model"))


def plan_cells(study: Study, *, download: bool = True) -> tuple[Cell, ...]:
    """Every cell of a study in the order of its file, seed by seed.

    Args:
        study: as its file states it.
        download: else the cells' evaluations lack the data sets that are not on this machine.

    Raises:
        StudyError: a cell that cannot be (the message names it), an unknown data set or language.
    """
    evaluations: dict[str, Evaluation] = {}
    for each in study.evaluations:
        placed = each if each.data_dir is None else each.model_copy(update={"data_dir": study.path(each.data_dir)})
        try:
            if download or is_here(placed):
                evaluations[_results_folder(placed)] = placed
        except BeirHybridError as error:
            raise StudyError(f"{study.file}: {each.dataset}: {error}") from error
    if study.train and "groups" in study.train:
        groups_content(groups_place(study, study.train["groups"]))  # an error here is of no single cell
    cells = []
    # seed by seed, so that an interrupted study still compares all values
    for seed in study.seeds:
        for values in study.combinations():
            try:
                cells.append(_cell(study, values, seed, evaluations))
            except BeirHybridError as error:
                named = " ".join(f"{name}={value.label}" for name, value in values.items()) or "of all settings"
                raise StudyError(f"{study.file}: the cell {named} cannot be: {error}") from error
    return tuple(cells)


def _cell(study: Study, values: Mapping[str, Value], seed: int, evaluations: Mapping[str, Evaluation]) -> Cell:
    plan, retriever = None, dict[str, Any]()
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
    return Cell({name: value.label for name, value in values.items()}, seed, identity, evaluations, plan, retriever)


def versions() -> dict[str, str]:
    """The versions of what computes a cell's numbers: with others its training or embeddings are other ones."""
    return {name: importlib.metadata.version(name) for name in _COMPUTING}


def _results_folder(evaluation: Evaluation) -> str:
    content = dataset_content(evaluation)
    identity = {
        "schema": SCHEMA,
        "dataset": evaluation.dataset,
        "content": content.fingerprint,
        "tasks": list(content.tasks),
        "metrics": None if evaluation.metrics is None else sorted(evaluation.metrics),
        "top_k": evaluation.top_k,
        "options": evaluation.options,
    }
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', evaluation.dataset)}-{_digest(identity)[:12]}"


def _digest(identity: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(identity, sort_keys=True, ensure_ascii=False))
