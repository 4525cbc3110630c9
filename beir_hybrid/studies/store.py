"""Where cells are kept: a folder for each by the content of its configuration, filled by whoever works on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import StudyError
from beir_hybrid.evaluation.results import RESULTS_FILE
from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.outcome import CellOutcome
from beir_hybrid.studies.study import Study

_KINDS: dict[str, Any] = {
    "seconds": int | float, "pairs": int, "steps": int, "languages": list, "begun_with": dict, "message": str,
}  # fmt: skip
"""What is read of records, and as what."""


@dataclass(frozen=True)
class Job:
    """A cell of a study and its folder, for whatever process works on it; it can be pickled.

    ``cell.json`` says what it is, ``training.json`` what the training did, ``results/`` holds a folder for each
    evaluation, ``failure.json`` why it failed the last time, ``log.txt`` what it said; ``models/`` and ``inputs/`` are
    there until everything is measured.

    Attributes:
        path: of the cell's folder, which need not exist; absolute where another process is to work on it.
    """

    cell: Cell
    study: Study
    path: Path

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def missing(self) -> list[str]:
        """The folders of results that are not complete."""
        return [name for name in self.cell.evaluations if not (self.results(name) / RESULTS_FILE).exists()]

    def results(self, name: str) -> Path:
        """The folder of the results of a data set."""
        return self.path / "results" / name

    def write(self, what: str, record: Mapping[str, Any]) -> None:
        """Write one of its records."""
        write_json(self.path / f"{what}.json", dict(record))

    def fail(self, message: str) -> None:
        """Write why it failed, on one line."""
        self.write("failure", {"message": " ".join(message.split())})

    def forget_failure(self) -> None:
        """It is tried again."""
        (self.path / "failure.json").unlink(missing_ok=True)

    def outcome(self) -> CellOutcome:
        """What is known of the cell."""
        cell = self.cell
        try:
            failure, training = self.read("failure").get("message", ""), self.read("training")
        except StudyError as error:
            return CellOutcome(cell.factors, cell.seed, "failed", message=str(error))
        missing = self.missing
        measured = {each: self.results(name) for name, each in cell.evaluations.items() if name not in missing}
        return CellOutcome(
            factors=cell.factors,
            seed=cell.seed,
            status="done" if not missing else "failed" if failure else "missing",
            results={each.dataset: folder for each, folder in measured.items()},
            training=training,
            trained_languages=tuple(training.get("languages") or (cell.training.languages if cell.training else ())),
            message=failure if missing else "",
            seconds=float(training.get("seconds", 0.0)) + sum(map(_seconds, measured.values())),
        )

    def read(self, what: str) -> dict[str, Any]:
        """One of its records; empty where there is none yet.

        Raises:
            StudyError: it is damaged.
        """
        path = self.path / f"{what}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            why = "it is no record" if not isinstance(found, dict) else ""
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            found, why = {}, str(error)
        for name, kind in _KINDS.items():
            if not why and name in found and not isinstance(found[name], kind):
                why = f"{name} is {found[name]!r}"
        if why:
            raise StudyError(f"{path} is damaged ({why}); delete {path.parent}, its cell is then run again")
        return dict(found)


def _seconds(results: Path) -> float:
    """What an evaluation took."""
    try:
        return float(json.loads((results / RESULTS_FILE).read_text(encoding="utf-8"))["seconds"])
    except (OSError, LookupError, TypeError, ValueError):  # whoever reads the results says that they are damaged
        return 0.0
