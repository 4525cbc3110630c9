"""A BEIR folder by its path, wherever it is: ``path/to/folder`` or ``folder:path``; its language must be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence
from beir_hybrid.settings import AnyLanguage

PREFIX = "folder:"


@dataclass(frozen=True)
class FolderSource:
    """The source of one folder. See `beir_hybrid.corpus.beir_folder.load_beir_folder`."""

    path: Path
    languages: Sequence[str] = field(default_factory=AnyLanguage)
    licence: Licence = field(default_factory=Licence)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def summary(self) -> str:
        return f"the BEIR folder {self.path}"

    @property
    def splits(self) -> tuple[str, ...]:
        from beir_hybrid.corpus.beir_folder import folder_splits

        if not self.path.is_dir():
            raise DatasetError(f"{self.path} is not a folder; expected one with corpus, queries and qrels")
        return tuple(folder_splits(self.path))

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        from beir_hybrid.corpus.beir_folder import load_beir_folder

        if data_dir is not None:
            raise DatasetError(f"{self.path} is a folder already; leave the data folder {data_dir} out")
        if len(languages) != 1:
            got = f"got {', '.join(languages)}" if languages else "a folder does not say it"
            raise DatasetError(f"name the one language of the texts in {self.path}, as --language de: {got}")
        return load_beir_folder(self.path, languages[0], split)


def folder_source(name: str) -> FolderSource | None:
    """The folder a name stands for; None if it stands for none."""
    if name.startswith(PREFIX):
        return FolderSource(Path(name.removeprefix(PREFIX)).expanduser())
    path = Path(name).expanduser()
    return FolderSource(path) if path.is_dir() else None
