"""Alpha, the share of monolingual batches: constant, or moving over the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class Schedule(Protocol):
    """Alpha over a training: a frozen dataclass of numbers, known by the name it was registered under."""

    @property
    def epochs(self) -> float:
        """Epochs that the progress from 0 to 1 takes; afterwards it stays 1."""

    def at(self, progress: F64) -> F64:
        """Alpha, in [0, 1], at each progress in [0, 1]."""


Alpha = float | Schedule
_SCHEDULES: dict[str, type[Any]] = {}
_Class = TypeVar("_Class", bound=type[Any])


def register_schedule(name: str) -> Callable[[_Class], _Class]:
    """Class decorator: make a schedule one that can be written beside a model, and read again, by its name.

    Settings in a model folder name a schedule; only what the running program has registered is ever built from them.

    Example:
        ```python
        @register_schedule("step")
        @dataclass(frozen=True)
        class Step:
            before: float
            after: float
            epochs: float = 1.0

            def at(self, progress):
                return np.where(progress < 0.5, self.before, self.after)
        ```
    """

    def register(schedule: _Class) -> _Class:
        if _SCHEDULES.setdefault(name, schedule) is not schedule:
            raise ValueError(f"two alpha schedules are named {name!r}: {_SCHEDULES[name]} and {schedule}")
        return schedule

    return register


@dataclass(frozen=True)
class _FromTo:
    start: float
    end: float
    epochs: float = 1.0

    def __post_init__(self) -> None:
        check_share("the schedule's start", self.start)
        check_share("the schedule's end", self.end)
        if not self.epochs > 0:
            raise ValueError(f"a schedule's epochs must be a positive number, got {self.epochs!r}")


@register_schedule("linear")
@dataclass(frozen=True)
class Linear(_FromTo):
    """Alpha moves in a straight line from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    def at(self, progress: F64) -> F64:
        return self.start + (self.end - self.start) * progress


@register_schedule("cosine")
@dataclass(frozen=True)
class Cosine(_FromTo):
    """Alpha moves along half a cosine from ``start`` to ``end`` over ``epochs`` epochs, then stays."""

    def at(self, progress: F64) -> F64:
        return self.end + (self.start - self.end) * (1 + np.cos(np.pi * progress)) / 2


def check_share(name: str, value: Any) -> float:
    """``value`` as a float, or a ValueError that names it: it is not in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(
            f"{name} is the probability that a batch is monolingual: expected a number in [0, 1], got "
            f"{value!r} (1 trains on monolingual batches only, 0 on cross-lingual ones only)"
        )
    return float(value)


def check_alpha(alpha: Any) -> None:
    """Refuse what is neither a share nor a registered schedule."""
    if type(alpha) not in _SCHEDULES.values():
        check_share("alpha", alpha)


def alpha_at(alpha: Alpha, epoch: int, steps: int) -> F64:
    """Alpha at every step of an epoch of ``steps`` steps: ``(steps,)``."""
    if isinstance(alpha, int | float):
        return np.full(steps, float(alpha))
    values = alpha.at(np.minimum((epoch + np.arange(steps) / steps) / alpha.epochs, 1.0))
    if not ((values >= 0) & (values <= 1)).all():
        check_share(f"alpha in epoch {epoch}", float(values[(values < 0) | (values > 1)][0]))
    return values


def needs(alpha: Alpha) -> tuple[bool, bool]:
    """Whether monolingual and whether cross-lingual batches can occur under this alpha."""
    values = np.array([alpha]) if isinstance(alpha, int | float) else alpha.at(np.linspace(0.0, 1.0, 1001))
    return bool(values.max() > 0.0), bool(values.min() < 1.0)


def alpha_to_dict(alpha: Alpha) -> float | dict[str, Any]:
    """The alpha as JSON: a number, or the schedule's name and its numbers."""
    if isinstance(alpha, int | float):
        return float(alpha)
    name = next(name for name, schedule in _SCHEDULES.items() if schedule is type(alpha))
    return {"schedule": name, **asdict(alpha)}  # type: ignore[call-overload]


def alpha_from_dict(value: float | Mapping[str, Any]) -> Alpha:
    """The inverse of `alpha_to_dict`."""
    if not isinstance(value, Mapping):
        return check_share("alpha", value)
    numbers = dict(value)
    name = numbers.pop("schedule", None)
    if name not in _SCHEDULES:
        raise ValueError(
            f"unknown alpha schedule {name!r}; expected one of {', '.join(sorted(_SCHEDULES))}. A schedule of your own "
            "must be registered (register_schedule) before settings that name it are read"
        )
    return _SCHEDULES[name](**numbers)  # type: ignore[no-any-return]
