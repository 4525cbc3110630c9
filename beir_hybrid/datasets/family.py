"""Families: many data sets of one shape under one registered name, each asked for as ``family/set``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.records import Licence


@dataclass(frozen=True)
class Family:
    """Data sets by the name that follows the family's: ``beir/scifact`` is ``family.sets["scifact"]``.

    It is a source like any other, save that it cannot be loaded as a whole.
    """

    name: str
    summary: str
    licence: Licence
    sets: Mapping[str, FileSource]

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({language for member in self.sets.values() for language in member.languages}))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(split for member in self.sets.values() for split in member.splits))

    def member(self, name: str) -> FileSource:
        """One of the sets.

        Raises:
            DatasetError: there is none of that name.
        """
        if name not in self.sets:
            raise DatasetError(f"{self.name} has no data set {name!r}; {did_you_mean(name, self.sets)}")
        return self.sets[name]

    def refuse(self) -> NoReturn:
        """Say that one of the sets must be named."""
        raise DatasetError(
            f"{self.name} is a family of data sets; name one, as {self.name}/{next(iter(self.sets))}; "
            f"known: {', '.join(self.sets)}"
        )

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        self.refuse()
