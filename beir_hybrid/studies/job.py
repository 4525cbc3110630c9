"""The work on one cell as a process of its own takes it, on this machine or another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.store import CellFolder, Store
from beir_hybrid.studies.study import Limits, Study


@dataclass(frozen=True)
class Job:
    """A cell to work on; everything in it can be pickled, and its paths are absolute.

    Attributes:
        folder: of the cell.
        shared: where tokenizers, texts and parts of groups are kept for all cells.
    """

    cell: Cell
    folder: CellFolder
    shared: Path
    limits: Limits
    keep_models: bool
    keep_runs: bool

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
        return self.folder.has_measured(self.cell)


def job_of(cell: Cell, study: Study, store: Store) -> Job:
    """The job of a cell."""
    placed = Store(store.root.absolute())
    folder = placed.cell(cell.digest)
    return Job(cell, folder, placed.shared, study.limits, study.keep_models, study.keep_runs)
