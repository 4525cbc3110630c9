"""Alpha, the share of monolingual batches: constant, or moving over the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Alpha moves in a straight line from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    start: float
    end: float
    epochs: float = 1.0

    def __post_init__(self) -> None:
        check_share("the schedule's start", self.start)
        check_share("the schedule's end", self.end)
        if not self.epochs > 0:
            raise ValueError(f"a schedule's epochs must be a positive number, got {self.epochs!r}")

    def at(self, progress: F64) -> F64:
        """Alpha at each progress in [0, 1]."""
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True)
class Cosine(Linear):
    """Alpha moves along half a cosine from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    def at(self, progress: F64) -> F64:
        """Alpha at each progress in [0, 1]."""
        return self.end + (self.start - self.end) * (1 + np.cos(np.pi * progress)) / 2


Alpha = float | Linear
_SCHEDULES: dict[str, type[Linear]] = {"cosine": Cosine, "linear": Linear}
"""What settings in a model folder may name: nothing else is ever built from them."""


def check_share(name: str, value: Any) -> float:
    """``value`` as a float, or a ValueError that names it: it is not in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(
            f"{name} is the probability that a batch is monolingual: expected a number in [0, 1], got "
            f"{value!r} (1 trains on monolingual batches only, 0 on cross-lingual ones only)"
        )
    return float(value)


def alpha_at(alpha: Alpha, epoch: int, steps: int) -> F64:
    """Alpha at every step of an epoch of ``steps`` steps: ``(steps,)``."""
    if not isinstance(alpha, Linear):
        return np.full(steps, float(alpha))
    return alpha.at(np.minimum((epoch + np.arange(steps) / steps) / alpha.epochs, 1.0))


def ends(alpha: Alpha) -> tuple[float, float]:
    """The values that alpha stays between."""
    return (alpha.start, alpha.end) if isinstance(alpha, Linear) else (alpha, alpha)


def alpha_to_dict(alpha: Alpha) -> float | dict[str, Any]:
    """The alpha as JSON: a number, or the schedule's name and its numbers."""
    if not isinstance(alpha, Linear):
        return float(alpha)
    return {"schedule": type(alpha).__name__.lower(), **asdict(alpha)}


def alpha_from_dict(value: float | Mapping[str, Any]) -> Alpha:
    """The inverse of `alpha_to_dict`."""
    if not isinstance(value, Mapping):
        return check_share("alpha", value)
    name, numbers = value.get("schedule"), {key: number for key, number in value.items() if key != "schedule"}
    if name not in _SCHEDULES:
        raise ValueError(f"unknown alpha schedule {name!r}; expected one of {', '.join(_SCHEDULES)}")
    return _SCHEDULES[name](**numbers)
