"""Alpha, the share of monolingual batches: constant, or moving over the training."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def check_share(name: str, value: float) -> float:
    """``value`` as a float in [0, 1], or a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(
            f"{name} is the probability that a batch is monolingual: expected a number in [0, 1], got "
            f"{value!r} (1 trains on monolingual batches only, 0 on cross-lingual ones only)"
        )
    return float(value)


@dataclass(frozen=True)
class Linear:
    """Alpha moves in a straight line from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    start: float
    end: float
    epochs: float = 1.0

    def __post_init__(self) -> None:
        _check_ends(self.start, self.end, self.epochs)

    def at(self, progress: F64) -> F64:
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True)
class Cosine:
    """Alpha moves along half a cosine from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    start: float
    end: float
    epochs: float = 1.0

    def __post_init__(self) -> None:
        _check_ends(self.start, self.end, self.epochs)

    def at(self, progress: F64) -> F64:
        return self.end + (self.start - self.end) * (1 + np.cos(np.pi * progress)) / 2


@dataclass(frozen=True)
class OfProgress:
    """Alpha is a function of progress in [0, 1] over ``epochs`` epochs.

    Args:
        function: takes a float in [0, 1], returns alpha in [0, 1]. A module-level function, so that the
            settings can be pickled and written down (as ``module:name``).
        epochs: how long the progress takes; afterwards it stays 1.
    """

    function: Callable[[float], float]
    epochs: float = 1.0

    def __post_init__(self) -> None:
        _check_ends(0.0, 1.0, self.epochs)
        if "<" in getattr(self.function, "__qualname__", "<") or "." in self.function.__qualname__:
            raise ValueError(
                f"got {self.function!r} as a schedule; expected a function defined at the top of a module, "
                "so that it can be pickled and named in the model card"
            )

    def at(self, progress: F64) -> F64:
        return np.array([check_share("alpha of a schedule", float(self.function(p))) for p in progress])


Alpha = float | Linear | Cosine | OfProgress


def alpha_at(alpha: Alpha, epoch: int, steps: int) -> F64:
    """Alpha at every step of an epoch of ``steps`` steps: ``(steps,)``."""
    if isinstance(alpha, int | float):
        return np.full(steps, float(alpha))
    progress = np.minimum((epoch + np.arange(steps) / steps) / alpha.epochs, 1.0)
    return alpha.at(progress)


def needs(alpha: Alpha) -> tuple[bool, bool]:
    """Whether monolingual and whether cross-lingual batches can occur under this alpha."""
    if isinstance(alpha, OfProgress):
        return True, True
    ends = (alpha.start, alpha.end) if isinstance(alpha, Linear | Cosine) else (alpha, alpha)
    return max(ends) > 0.0, min(ends) < 1.0


def alpha_to_dict(alpha: Alpha) -> float | dict[str, Any]:
    """The alpha as JSON: a number, or the schedule's kind and its numbers."""
    match alpha:
        case Linear() | Cosine():
            return {"schedule": type(alpha).__name__.lower(), **asdict(alpha)}
        case OfProgress():
            name = f"{alpha.function.__module__}:{alpha.function.__qualname__}"
            return {"schedule": "function", "function": name, "epochs": alpha.epochs}
        case _:
            return check_share("alpha", alpha)


def alpha_from_dict(value: float | Mapping[str, Any]) -> Alpha:
    """The inverse of `alpha_to_dict`."""
    if not isinstance(value, Mapping):
        return check_share("alpha", value)
    match value.get("schedule"):
        case "linear":
            return Linear(value["start"], value["end"], value["epochs"])
        case "cosine":
            return Cosine(value["start"], value["end"], value["epochs"])
        case "function":
            module, _, name = value["function"].partition(":")
            return OfProgress(getattr(importlib.import_module(module), name), value["epochs"])
        case other:
            raise ValueError(f"unknown alpha schedule {other!r}; expected 'linear', 'cosine' or 'function'")


def _check_ends(start: float, end: float, epochs: float) -> None:
    check_share("the schedule's start", start)
    check_share("the schedule's end", end)
    if not epochs > 0:
        raise ValueError(f"a schedule's epochs must be a positive number, got {epochs!r}")
