"""The factors of a study: their values in order, how these are told apart, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from beir_hybrid.studies.outcome import StudyOutcome

Combination: TypeAlias = tuple[int, ...]
"""One place among the values of each factor, in the order of the factors."""
_LONGEST = 40


@dataclass(frozen=True)
class Factor:
    """A factor and its values, each once, in the order of the study file.

    Attributes:
        labels: the values as they are written, all different.
    """

    name: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]

    @property
    def varies(self) -> bool:
        return len(self.values) > 1

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers (true and false are not)."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    def place(self, value: Any) -> int | None:
        """Where a value stands among those of the factor; None if it is none of them."""
        wanted = _canonical(value)
        return next((at for at, own in enumerate(self.values) if _canonical(own) == wanted), None)


def factors_of(outcome: StudyOutcome) -> tuple[Factor, ...]:
    """The factors a study declares, with what its cells have besides."""
    found: dict[str, list[Any]] = {name: list(values) for name, values in outcome.factors.items()}
    for cell in outcome.cells:
        for name, value in cell.factors.items():
            found.setdefault(name, []).append(value)
    return tuple(make_factor(name, values) for name, values in found.items())


def make_factor(name: str, values: Iterable[Any]) -> Factor:
    """A factor of these values; a value that comes again is the same one."""
    distinct: dict[str, Any] = {}
    for value in values:
        distinct.setdefault(_canonical(value), value)
    kept = tuple(distinct.values())
    return Factor(name, kept, _labels(kept))


def combination_of(factors: Sequence[Factor], values: Mapping[str, Any]) -> Combination:
    """The places of a cell's values; a factor a cell does not name has its first value."""
    return tuple(factor.place(values[factor.name]) or 0 if factor.name in values else 0 for factor in factors)


def combination_label(factors: Sequence[Factor], combination: Combination) -> str:
    """``alpha=0.5, encoder=static``; only what varies, and ``all`` where nothing does."""
    parts = [f"{f.name}={f.labels[at]}" for f, at in zip(factors, combination, strict=True) if f.varies]
    return ", ".join(parts) or "all"


def value_label(value: Any) -> str:
    """A value in few words: numbers short, lists joined, a table by its name."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str):
            return str(value["name"])
        return " ".join(f"{key}={value_label(each)}" for key, each in value.items())
    return "+".join(value_label(each) for each in value)


def _labels(values: Sequence[Any]) -> tuple[str, ...]:
    found: list[str] = []
    for value in values:
        label = value_label(value) or "(empty)"
        if len(label) > _LONGEST:
            label = label[: _LONGEST - 1] + "…"
        found.append(label if label not in found else f"{label} #{len(found) + 1}")
    return tuple(found)


def _canonical(value: Any) -> str:
    """Equal for values that mean the same: 1 and 1.0, a list and a tuple, tables in any order."""

    def plain(each: Any) -> Any:
        if isinstance(each, float) and each.is_integer():
            return int(each)
        if isinstance(each, Mapping):
            return {str(key): plain(part) for key, part in each.items()}
        if isinstance(each, list | tuple):
            return [plain(part) for part in each]
        return each

    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, default=str)
