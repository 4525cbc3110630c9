"""Families: many data sets under one registered name, each asked for as ``family/set``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.source import FileSource, Source
from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.records import Licence


@dataclass(frozen=True)
class Family:
    """Data sets by the name that follows the family's: ``beir/scifact`` is ``family.sets["scifact"]``.

    It is a source like any other, save that it cannot be loaded as a whole.

    Args:
        find: of sets that another tool names and loads (``mteb/XQuADRetrieval``, ``ir/mmarco/v2/de/dev``): the source
            for what stands behind the family's name. ``sets`` is empty then.
        example: one of those.
    """

    name: str
    summary: str
    licence: Licence
    sets: Mapping[str, FileSource] = field(default_factory=dict)
    find: Callable[[str], Source] | None = None
    example: str = ""

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({language for member in self.sets.values() for language in member.languages}))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(split for member in self.sets.values() for split in member.splits))

    def knows(self, name: str) -> bool:
        """Whether there is a set of that name, as far as can be told without loading anything."""
        return bool(name) if self.find else name in self.sets

    def member(self, name: str) -> Source:
        """One of the sets.

        Raises:
            DatasetError: there is none of that name.
        """
        if self.find:
            return self.find(name)
        if name not in self.sets:
            raise DatasetError(f"{self.name} has no data set {name!r}; {did_you_mean(name, self.sets)}")
        return self.sets[name]

    def refuse(self) -> NoReturn:
        """Say that one of the sets must be named."""
        example = self.example or f"{self.name}/{next(iter(self.sets))}"
        known = f"; known: {', '.join(self.sets)}" if self.sets else ""
        raise DatasetError(f"{self.name} is a family of data sets; name one, as {example}{known}")

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        self.refuse()
