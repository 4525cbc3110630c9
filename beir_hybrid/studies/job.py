"""The work on one cell as a process of its own takes it, on this machine or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.store import CellFolder, Store
from beir_hybrid.studies.study import Limits, Study


@dataclass(frozen=True)
class Job:
    """A cell to work on; everything in it can be pickled.

    Attributes:
        folder: of the cell.
        shared: where tokenizers, texts and parts of groups are kept for all cells.
        tokenizer, groups, texts: digests that name what is shared; empty where nothing is.
    """

    cell: Cell
    folder: CellFolder
    shared: Path
    limits: Limits
    keep_models: bool
    keep_runs: bool
    tokenizer: str = ""
    groups: str = ""
    texts: Mapping[str, str] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What ``cell.json`` says: the identity, and what an estimate of other cells can use."""
        plan = self.cell.training
        return {
            "identity": dict(self.cell.identity),
            "kind": self.cell.kind,
            "pairs": plan.pairs if plan else 0,
            "datasets": {each.folder: each.evaluation.dataset for each in self.cell.evaluations},
        }

    def is_done(self) -> bool:
        """Whether everything the cell is to be measured on is there."""
        return all(self.folder.is_measured(each.folder) for each in self.cell.evaluations)


def job_of(cell: Cell, study: Study, store: Store) -> Job:
    """The job of a cell; paths are absolute, so that it can run anywhere that sees them."""
    placed = Store(store.root.absolute())
    plan = cell.training
    return Job(
        cell=cell,
        folder=placed.cell(cell.digest),
        shared=placed.shared,
        limits=study.limits,
        keep_models=study.keep_models,
        keep_runs=study.keep_runs,
        tokenizer=plan.tokenizer_digest if plan and plan.vocabulary else "",
        groups=plan.groups_digest if plan and not plan.subset.everything else "",
        texts={name: plan.text_digest(parts) for name, parts in plan.text.items()} if plan else None,
    )
