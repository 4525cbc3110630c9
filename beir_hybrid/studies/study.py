"""A study as its file states it: factors, seeds, what is trained and what is measured."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from beir_hybrid.errors import StudyError

Budget = Literal["pairs", "steps", "each", "none"]


@dataclass(frozen=True)
class Value:
    """A value of a factor: what results call it, and the settings it makes."""

    label: str | float | int | bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """A data set that every cell is measured on. None: what `beir_hybrid.evaluate` does by default.

    Attributes:
        options: of the data set, such as ``with_paragraph``.
    """

    dataset: str
    settings: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    split: str | None = None
    data_dir: str | None = None
    top_k: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Limits(BaseModel):
    """What a cell may use; None is no limit. ``threads`` is how many it computes with."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    minutes_per_cell: PositiveFloat | None = None
    memory_gb: PositiveFloat | None = None
    threads: PositiveInt = 1


@dataclass(frozen=True)
class Study:
    """A study file, checked but for what needs its data.

    Attributes:
        train: settings common to all cells; None: nothing is trained, the factors choose models.
        exclude: combinations left out; each names factors and the labels of which any matches.
        only: if not empty, the combinations kept.
        texts: named unlabelled texts for domain-adaptive pretraining, each a list of parts.
        file: where it was read from; paths in it are relative to its folder.
        content: the file as it is.
    """

    name: str
    title: str
    question: str
    seeds: tuple[int, ...]
    train: Mapping[str, Any] | None
    factors: Mapping[str, tuple[Value, ...]]
    evaluations: tuple[Evaluation, ...]
    file: Path
    content: str
    exclude: tuple[Mapping[str, tuple[Any, ...]], ...] = ()
    only: tuple[Mapping[str, tuple[Any, ...]], ...] = ()
    budget: Budget = "pairs"
    limits: Limits = field(default_factory=Limits)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    analysis: Mapping[str, Any] = field(default_factory=dict)
    keep_models: bool = False
    keep_runs: bool = False

    def combinations(self) -> Iterator[Mapping[str, Value]]:
        """One value of every factor, in the order of the file, the last factor moving fastest."""
        for values in itertools.product(*self.factors.values()):
            found = dict(zip(self.factors, values, strict=True))
            if self.only and not any(_matches(found, rule) for rule in self.only):
                continue
            if not any(_matches(found, rule) for rule in self.exclude):
                yield found

    def path(self, given: str) -> str:
        """A path of the file as an absolute one: variables and ``~`` expanded, relative to the file's folder.

        Raises:
            StudyError: an environment variable that is not set.
        """
        return str(self.file.parent.absolute() / self.expanded(given))

    def expanded(self, given: str) -> str:
        """Text with ``$NAME`` and ``~`` expanded.

        Raises:
            StudyError: an environment variable that is not set.
        """
        for name in re.findall(r"\$\{?(\w+)", given):
            if not os.environ.get(name):
                raise StudyError(f"{self.file} names {given}, but ${name} is not set; run: export {name}=...")
        return str(Path(os.path.expandvars(given)).expanduser())


def _matches(found: Mapping[str, Value], rule: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(any(found[name].label == wanted for wanted in labels) for name, labels in rule.items())
