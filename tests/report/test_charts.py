"""Charts in a page: matplotlib's lines as one SVG element, with text that can be read and found."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from beir_hybrid.report.figures import charts_svg, draw_lines

POINTS = pd.DataFrame(
    [("a&b", 0.0, 0.2, 0.1, 0.3), ("a&b", 1.0, 0.4, None, None), ("c", 0.0, 0.3, None, None)],
    columns=["line", "x", "value", "ci_low", "ci_high"],
).assign(chart="<mono>", metric="map")
AXIS: dict[str, Any] = {"ticks": {0.0: "0", 1.0: "1"}, "x_label": "alpha", "connected": True}


def test_a_chart_is_one_named_element() -> None:
    """Well-formed, escaped, told to a screen reader, without a size or style of its own; the same each time."""
    svg = charts_svg(POINTS, words='x "y"', **AXIS)
    root = ElementTree.fromstring(svg)  # made here
    assert (root.get("role"), root.get("aria-label"), root.get("width")) == ("img", 'x "y"', None)
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<mono>", "a&b", "alpha", "map"} <= texts
    assert "<style" not in svg
    assert root.get("height") is None
    ids = re.findall(r' id="([^"]+)"', svg)
    assert set(re.findall(r'href="#([^"]+)"', svg)) <= set(ids)
    assert not set(ids) & set(re.findall(r' id="([^"]+)"', charts_svg(POINTS, words="other words", **AXIS))), (
        "two in one page"
    )
    assert svg == charts_svg(POINTS, words='x "y"', **AXIS)


def test_ticks_can_be_told_apart() -> None:
    """Differences of a hundred-thousandth have ticks that are not all 0."""
    small = POINTS[:2].assign(value=[0.0, 2e-5], ci_low=None, ci_high=None)
    root = ElementTree.fromstring(charts_svg(small, words="x", **AXIS))
    texts = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]
    ticks = [text for text in texts if re.fullmatch(r"[\d.−-]+", text)]
    assert len(set(ticks) - {"0", "1"}) >= 3


def test_one_value_has_a_chart_too() -> None:
    """No division by a range of nothing."""
    svg = charts_svg(POINTS[2:], words="x", **{**AXIS, "connected": False})
    assert "nan" not in svg


def test_lines_and_their_intervals_are_where_their_numbers_are() -> None:
    """A point without an interval has none drawn."""
    figure = Figure()
    draw_lines(figure, POINTS, **AXIS)
    (axes,) = figure.axes
    assert [line.get_xydata().tolist() for line in axes.lines[::3]] == [[[0.0, 0.2], [1.0, 0.4]], [[0.0, 0.3]]]
    ends = [segment[:, 1].tolist() for bars in axes.collections for segment in bars.get_segments()]
    assert ends == [pytest.approx([0.1, 0.3]), [0.4, 0.4], [0.3, 0.3]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1"]


def test_charts_stand_four_in_a_row() -> None:
    """Five take two rows, with no frame where there is none."""
    figure = Figure()
    draw_lines(figure, pd.concat([POINTS.assign(chart=f"{at}") for at in range(5)]), **AXIS)
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False] * 3
    assert {axes.get_gridspec().get_geometry() for axes in figure.axes} == {(2, 4)}
