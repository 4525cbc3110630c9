"""Charts in the page: round ticks, every value in place, nothing but numbers and escaped text."""

from __future__ import annotations

import re

import pytest

from beir_hybrid.report.charts import Chart, Line, Point, draw, legend, nice_ticks, tick_label

CHART = Chart(
    "<mono>", "alpha", "map",
    (Line("a&b", (Point(0, 0.2, 0.1, 0.3, "a: .2"), Point(1, 0.4))), Line("c", (Point(0, 0.3),))),
    ((0, "0"), (1, "1")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.412, 0.447, [0.42, 0.43, 0.44]), (-120, 380, [-100, 0, 100, 200, 300])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    """Steps of 1, 2, 2.5 or 5 times a power of ten, at most five of them."""
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_tick_labels_have_the_digits_they_need() -> None:
    """Neither .4 .4 .4 nor .4000."""
    assert [tick_label(value, [0.42, 0.43]) for value in (0.42, 0.43)] == ["0.42", "0.43"]
    assert tick_label(0.25, [0, 0.25]) == "0.25"
    assert tick_label(-1000, [-1000, 0]) == "−1,000"


def test_a_chart_as_svg() -> None:
    """A path for a line of two points, none for one; an interval where there is one; text is escaped."""
    svg = draw(CHART)
    assert svg.count('class="path"') == 1
    assert svg.count('class="whiskers"') == 3
    assert "&lt;mono&gt;" in svg
    assert "<title>a: .2</title>" in svg
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert len(circles) == 2
    assert float(circles[0][0]) < float(circles[1][0])
    assert float(circles[0][1]) > float(circles[1][1])  # higher values stand higher


def test_points_apart_where_x_is_no_quantity() -> None:
    """Categories are not joined."""
    apart = Chart("t", "x", "y", (Line("a", (Point(0, 1), Point(1, 2))),), ((0, "one"), (1, "two")), connected=False)
    assert 'class="path"' not in draw(apart)


def test_one_value_has_a_chart_too() -> None:
    """No division by a range of nothing."""
    svg = draw(Chart("t", "x", "y", (Line("a", (Point(3, 0.5),)),), ((3, "3"),)))
    assert "nan" not in svg and "inf" not in svg
    assert "circle" in svg


def test_one_line_needs_no_legend() -> None:
    """Two do."""
    assert legend(["a"]) is None
    assert (legend(["a&", "b"]) or "").count("<li>") == 2
