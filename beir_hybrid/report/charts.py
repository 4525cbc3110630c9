"""Lines with intervals over a few values: what is drawn of a study."""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = 8
"""Lines that can be told apart in one chart."""


@dataclass(frozen=True)
class Point:
    """A value with its interval, where there is one; ``words`` say it to those who cannot see it."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Line:
    """One named line of a chart."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """Lines over the same x.

    Attributes:
        ticks: (x, label) of every value of x.
        connected: whether x is a quantity or an order; else points stand by themselves.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    connected: bool = True
