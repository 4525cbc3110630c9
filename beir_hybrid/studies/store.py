"""Where cells are kept: a folder for each by the content of its configuration, filled by whoever works on it."""

from __future__ import annotations

import contextlib
import json
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

_CELL = "cell.json"
_TRAINING = "training.json"
_FAILURE = "failure.json"
_BEGUN = ".begun"
LOG_FILE = "log.txt"


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
        return self.path / LOG_FILE

    def results(self, name: str) -> Path:
        """The results folder of a data set or model."""
        return self.path / "results" / name

    def is_measured(self, name: str) -> bool:
        """Whether that folder is complete."""
        return (self.results(name) / RESULTS_FILE).exists()

    def describe(self, record: Mapping[str, Any]) -> None:
        """Write what this cell is."""
        write_json(self.path / _CELL, dict(record))

    def keep_training(self, training: Mapping[str, Any]) -> None:
        """Write what the training did."""
        write_json(self.path / _TRAINING, dict(training))

    def training(self) -> dict[str, Any]:
        """What the training did; empty where there was none yet."""
        return _read(self.path / _TRAINING)

    def fail(self, message: str) -> None:
        """Write why it failed, on one line."""
        write_json(self.path / _FAILURE, {"message": " ".join(message.split())})

    def begin(self) -> None:
        """From now on it is worked on: its limits of time count from here."""
        (self.path / _BEGUN).touch()

    def forget_beginning(self) -> None:
        """It is not worked on any more."""
        (self.path / _BEGUN).unlink(missing_ok=True)

    def seconds_of_work(self) -> float:
        """Since `begin`; 0 while it waits for another process that has the same cell."""
        try:
            return max(0.0, time.time() - (self.path / _BEGUN).stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def forget_failure(self) -> None:
        """It is tried again."""
        (self.path / _FAILURE).unlink(missing_ok=True)

    def failure(self) -> str:
        """Why it failed the last time; empty if it did not."""
        return str(_read(self.path / _FAILURE).get("message", ""))

    def seconds(self) -> float:
        """What training and evaluations took."""
        # beside the folders stand the locks of evaluations under way
        measured = [path.name for path in self.path.glob("results/*") if self.is_measured(path.name)]
        return float(self.training().get("seconds", 0.0)) + sum(map(self.evaluation_seconds, measured))

    def evaluation_seconds(self, name: str) -> float:
        """What one evaluation took."""
        try:
            return float(_read(self.results(name) / RESULTS_FILE).get("seconds", 0.0))
        except StudyError:  # whoever reads the results says that they are damaged
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

    def all_cells(self) -> list[tuple[dict[str, Any], CellFolder]]:
        """Every cell here, of whatever study, with its record."""
        found = []
        for path in sorted(self.root.glob("cells/*")):
            with contextlib.suppress(StudyError):
                if record := _read(path / _CELL):
                    found.append((record, CellFolder(path)))
        return found

    def is_done(self, cell: Cell) -> bool:
        """Whether everything a cell is to be measured on is there."""
        folder = self.cell(cell.digest)
        return all(folder.is_measured(each.folder) for each in cell.evaluations)

    def outcome(self, cell: Cell) -> CellOutcome:
        """What is known of a cell."""
        folder = self.cell(cell.digest)
        try:
            failure, training = folder.failure(), folder.training()
        except StudyError as error:
            return CellOutcome(cell.factors, cell.seed, "failed", message=str(error))
        done = self.is_done(cell)
        status: Literal["done", "failed", "missing"] = "done" if done else "failed" if failure else "missing"
        languages = training.get("languages") or (cell.training.languages if cell.training else ())
        measured = {
            each.evaluation.dataset: folder.results(each.folder)
            for each in cell.evaluations
            if folder.is_measured(each.folder)
        }
        return CellOutcome(
            factors=cell.factors,
            seed=cell.seed,
            status=status,
            results=measured,
            training=training,
            trained_languages=tuple(languages),
            message=failure if status == "failed" else "",
            seconds=folder.seconds() if training or measured else 0.0,
        )


def _read(path: Path) -> dict[str, Any]:
    """A record; empty where there is none.

    Raises:
        StudyError: it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is damaged ({error}); delete {path.parent}, its cell is then run again") from error
    if not isinstance(found, dict):
        raise StudyError(f"{path} is no record; delete {path.parent}, its cell is then run again")
    return found
