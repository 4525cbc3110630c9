"""The folder of a study: one study, one process at a time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import alone, write_json, written_whole
from beir_hybrid.errors import StudyError
from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.store import Job
from beir_hybrid.studies.study import Study

_RECORD = "study.json"
_FILE = "study.toml"
_LOCK = ".study.lock"
_OURS = {_RECORD, _FILE, _LOCK, "cells", "shared", "report"}


class StudyFolder:
    """Where a study keeps its cells (unless they are shared elsewhere), its file and its report.

    Raises:
        StudyError: the folder holds another study, or something else.
    """

    def __init__(self, path: Path, study: Study, cells: Path | None = None) -> None:
        self.path = path.expanduser()
        self.study = study
        record = self._claim(study)
        self._cells = str(cells.expanduser().absolute()) if cells is not None else record.get("cells_folder")

    def jobs(self, cells: Iterable[Cell]) -> list[Job]:
        """The cells with their folders."""
        root = Path(self._cells or self.path).absolute() / "cells"
        return [Job(cell, self.study, root / cell.digest) for cell in cells]

    def _claim(self, study: Study) -> dict[str, Any]:
        file = self.path / _RECORD
        if self.path.exists() and not self.path.is_dir():
            raise StudyError(f"{self.path} is a file; choose a folder as --out")
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            others = [each.name for each in self.path.iterdir()] if self.path.exists() else []
            if set(others) - _OURS:
                raise StudyError(f"{self.path} exists and holds no study; choose another --out") from None
            return {}
        except OSError as error:
            raise StudyError(f"{file} cannot be read: {error.strerror or error}; choose another --out") from error
        except ValueError as error:
            raise StudyError(f"{file} is damaged ({error}); delete it, the cells beside it are kept") from error
        if not isinstance(record, dict) or record.get("name") != study.name:
            name = record.get("name") if isinstance(record, dict) else None
            raise StudyError(
                f"{self.path} holds the study {name!r}, not {study.name!r}; choose another --out (studies share cells "
                "through --cells)"
            )
        return record

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder while the study runs; the system lets it go with the process.

        Raises:
            StudyError: another process holds it.
        """
        busy = f"another process is running the study in {self.path}; wait for it, or choose another --out"
        # not of the whole folder, in which others may be writing cells
        return alone(self.path / "study", StudyError, busy)

    def remember(self) -> None:
        """Write down whose folder this is, and where its cells are."""
        write_json(self.path / _RECORD, {"name": self.study.name, "cells_folder": self._cells})
        with written_whole(self.path / _FILE) as part:
            part.write_text(self.study.content, encoding="utf-8")
