"""Where cells are kept: a folder for each by the content of its configuration, filled by whoever works on it."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import StudyError
from beir_hybrid.evaluation.results import RESULTS_FILE
from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.outcome import CellOutcome

Record = Literal["cell", "training", "failure"]
_KINDS: dict[str, Any] = {
    "seconds": int | float, "pairs": int, "steps": int, "languages": list, "begun_with": dict, "datasets": dict,
    "message": str,
}  # fmt: skip
"""What is read of records, and as what."""


@dataclass(frozen=True)
class CellFolder:
    """The folder of one cell.

    ``cell.json`` says what it is, ``training.json`` what the training did, ``results/`` holds a folder for each
    evaluation, ``failure.json`` why it failed the last time, ``log.txt`` what it said; ``models/`` is there until
    everything is measured.
    """

    path: Path

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def results(self, name: str) -> Path:
        """The results folder of a data set or model."""
        return self.path / "results" / name

    def is_measured(self, name: str) -> bool:
        """Whether that folder is complete."""
        return (self.results(name) / RESULTS_FILE).exists()

    def has_measured(self, cell: Cell) -> bool:
        """Whether everything a cell is to be measured on is there."""
        return all(self.is_measured(each.folder) for each in cell.evaluations)

    def write(self, what: Record, record: Mapping[str, Any]) -> None:
        """Write one of its records."""
        write_json(self.path / f"{what}.json", dict(record))

    def read(self, what: Record) -> dict[str, Any]:
        """One of its records; empty where there is none yet.

        Raises:
            StudyError: it is damaged.
        """
        path = self.path / f"{what}.json"
        found = _read(path)
        for name, kind in _KINDS.items():
            if name in found and not isinstance(found[name], kind):
                raise _damaged(path, f"{name} is {found[name]!r}")
        return found

    def fail(self, message: str) -> None:
        """Write why it failed, on one line."""
        self.write("failure", {"message": " ".join(message.split())})

    def begin(self) -> None:
        """From now on this process works on it: its limits of time count from here."""
        self._begun(os.getpid()).touch()

    def pause(self, pid: int | None = None) -> None:
        """This process (or that one) does not work on it any more."""
        self._begun(pid or os.getpid()).unlink(missing_ok=True)

    def seconds_of_work(self, pid: int) -> float:
        """Since a process of this machine began; 0 while it waits for another one that has the same cell."""
        try:
            return max(0.0, time.time() - self._begun(pid).stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def _begun(self, pid: int) -> Path:
        return self.path / f".begun.{platform.node()}.{pid}"

    def forget_failure(self) -> None:
        """It is tried again."""
        (self.path / "failure.json").unlink(missing_ok=True)

    def evaluation_seconds(self, name: str) -> float:
        """What one evaluation took."""
        try:
            return float(_read(self.results(name) / RESULTS_FILE).get("seconds", 0.0))
        except (StudyError, TypeError, ValueError):  # whoever reads the results says that they are damaged
            return 0.0


@dataclass(frozen=True)
class Store:
    """Cells and what they share (tokenizers, texts, parts of groups), below one folder."""

    root: Path

    def cell(self, digest: str) -> CellFolder:
        """The folder of a cell by its digest; it need not exist."""
        return CellFolder(self.root / "cells" / digest)

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    def all_cells(self) -> list[CellFolder]:
        """Every cell here, of whatever study."""
        return [CellFolder(path) for path in sorted(self.root.glob("cells/*"))]

    def is_done(self, cell: Cell) -> bool:
        """Whether everything a cell is to be measured on is there."""
        return self.cell(cell.digest).has_measured(cell)

    def outcome(self, cell: Cell) -> CellOutcome:
        """What is known of a cell."""
        folder = self.cell(cell.digest)
        try:
            failure, training = folder.read("failure").get("message", ""), folder.read("training")
        except StudyError as error:
            return CellOutcome(cell.factors, cell.seed, "failed", message=str(error))
        done = folder.has_measured(cell)
        measured = [each for each in cell.evaluations if folder.is_measured(each.folder)]
        evaluating = sum(folder.evaluation_seconds(each.folder) for each in measured)
        return CellOutcome(
            factors=cell.factors,
            seed=cell.seed,
            status="done" if done else "failed" if failure else "missing",
            results={each.evaluation.dataset: folder.results(each.folder) for each in measured},
            training=training,
            trained_languages=tuple(
                training.get("languages") or (cell.training.languages if cell.training else ())
            ),
            message="" if done else failure,
            seconds=float(training.get("seconds", 0.0)) + evaluating,
        )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    """A record; empty where there is none.

    Raises:
        StudyError: it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(found, dict):
        raise _damaged(path, "it is no record")
    return found


def _damaged(path: Path, why: object) -> StudyError:
    return StudyError(f"{path} is damaged ({why}); delete {path.parent}, its cell is then run again")
