"""Lines with intervals over a few values: what is drawn, and how it is drawn into a page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from beir_hybrid.report.markup import Html, h

COLOURS = 8
"""Lines that can be told apart in one chart."""
_WIDTH, _HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
_LONG = 18
_TURN = 30


@dataclass(frozen=True)
class Point:
    """A value with its interval, where there is one; ``words`` say it to those who point at it."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Line:
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


def draw(chart: Chart) -> Html:
    """The chart as inline SVG, in the colours of the page."""
    low, high = y_range(chart)
    steps = nice_ticks(low, high)
    low, high = min(low, steps[0]), max(high, steps[-1])
    xs = [x for x, _ in chart.ticks]
    margin = 0.08 * (max(xs) - min(xs)) or 0.5
    left, right = min(xs) - margin, max(xs) + margin
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(x: float) -> float:
        return _LEFT + width * (x - left) / (right - left)

    def down(y: float) -> float:
        return _TOP + height * (high - y) / (high - low)

    parts = [
        [
            h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_n(down(y)), y2=_n(down(y)), class_="rule"),
            h("text", tick_label(y, steps), x=_LEFT - 6, y=_n(down(y) + 4), text_anchor="end"),
        ]
        for y in steps
    ]
    parts.append(_x_axis(chart, across))
    middle = _TOP + height / 2
    parts.append(
        [h("text", chart.y_label, x=12, y=_n(middle), text_anchor="middle", transform=f"rotate(-90 12 {_n(middle)})")]
    )
    shift = min(5.0, 0.3 * width / max(1, len(chart.ticks)) / max(1, len(chart.lines)))
    for place, line in enumerate(chart.lines):
        aside = (place - (len(chart.lines) - 1) / 2) * shift
        parts.append([_line(line, place, chart.connected, partial(_aside, across, aside), down)])
    longest = max(min(_LONG, len(label)) for _, label in chart.ticks)
    below = max(0, round(longest * 6.2 * math.sin(math.radians(_TURN))) - 16) if _turned(chart) else 0
    words = f"{chart.title}: {chart.y_label} by {chart.x_label}"
    svg = h("svg", parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT + below}", role="img", aria_label=words, class_="chart")
    return h("figure", h("figcaption", h("strong", chart.title)), svg)


def legend(names: Sequence[str]) -> Html | None:
    """Which line is which; None for one line."""
    if len(names) < 2:
        return None
    items = [
        h("li", h("svg", marker(place, 8, 8), viewBox="0 0 16 16", class_=f"key series{place % COLOURS}"), " ", name)
        for place, name in enumerate(names)
    ]
    return h("ul", items, class_="legend")


def marker(place: int, x: float, y: float) -> Html:
    """A shape of its own for every line, for those who cannot tell the colours apart."""
    size = 4
    match place % 4:
        case 0:
            return h("circle", cx=_n(x), cy=_n(y), r=size)
        case 1:
            return h("rect", x=_n(x - size + 0.5), y=_n(y - size + 0.5), width=2 * size - 1, height=2 * size - 1)
        case 2:
            return h(
                "polygon", points=_corners((x, y - size - 1), (x - size - 0.5, y + size), (x + size + 0.5, y + size))
            )
        case _:
            reach = size + 1
            return h("polygon", points=_corners((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)))


def _corners(*places: tuple[float, float]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in places)


def y_range(chart: Chart) -> tuple[float, float]:
    """The values and their intervals, with a little room."""
    values = [
        value for line in chart.lines for point in line.points for value in (point.y, point.low, point.high)
        if value is not None
    ]  # fmt: skip
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most that many."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def tick_label(value: float, ticks: Sequence[float]) -> str:
    """As many digits as tell the ticks apart."""
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)
    digits = next((d for d in range(6) if abs(round(step, d) - step) < 1e-9), 6)
    return f"{value:,.{digits}f}".replace("-", "−")


def _line(
    line: Line, place: int, connected: bool, across: Callable[[float], float], down: Callable[[float], float]
) -> Html:
    places = [(across(point.x), down(point.y)) for point in line.points]
    parts: list[Html] = []
    if connected and len(places) > 1:
        parts.append(h("polyline", points=_corners(*places), class_="path"))
    for point, (x, y) in zip(line.points, places, strict=True):
        inner = [h("title", point.words)] if point.words else []
        if point.low is not None and point.high is not None:
            top, end = down(point.high), down(point.low)
            for one, two, level_one, level_two in (
                (x, x, top, end),
                (x - 3, x + 3, top, top),
                (x - 3, x + 3, end, end),
            ):
                inner.append(h("line", x1=_n(one), x2=_n(two), y1=_n(level_one), y2=_n(level_two), class_="whiskers"))
        parts.append(h("g", inner, marker(place, x, y)))
    return h("g", parts, class_=f"series{place % COLOURS}")


def _turned(chart: Chart) -> bool:
    """Whether the labels of x have no room side by side."""
    total = sum(min(_LONG, len(label)) + 2 for _, label in chart.ticks)
    return total * 6.2 > _WIDTH - _LEFT - _RIGHT


def _x_axis(chart: Chart, across: Callable[[float], float]) -> list[Html]:
    base = _HEIGHT - _BOTTOM
    turned = _turned(chart)
    found = [h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=base, y2=base, class_="axis")]
    for x, label in chart.ticks:
        text = label if len(label) <= _LONG else label[: _LONG - 1] + "…"
        at, below = _n(across(x)), base + 16
        turn = f"rotate(-{_TURN} {at} {below})" if turned else None
        anchor = "end" if turned else "middle"
        found.append(h("text", h("title", label), text, x=at, y=below, text_anchor=anchor, transform=turn))
    if not turned:
        found.append(h("text", chart.x_label, x=_n((_LEFT + _WIDTH - _RIGHT) / 2), y=_HEIGHT - 8, text_anchor="middle"))
    return found


def _aside(across: Callable[[float], float], by: float, x: float) -> float:
    """Lines stand a little beside each other, so that their intervals can be seen."""
    return across(x) + by


def _n(value: float) -> str:
    return f"{value:.1f}"
