"""Charts in a page: matplotlib's lines as one SVG element, with text that can be read and found."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from beir_hybrid.report.charts import Chart, Line, Point
from beir_hybrid.report.figures import charts_svg

CHART = Chart(
    "<mono>", "alpha", "map",
    (Line("a&b", (Point(0, 0.2, 0.1, 0.3, "a: .2"), Point(1, 0.4))), Line("c", (Point(0, 0.3),))),
    ((0, "0"), (1, "1")),
)  # fmt: skip


def test_a_chart_is_one_named_element() -> None:
    """Well-formed, escaped, told to a screen reader, without a size or style of its own; the same each time."""
    svg = charts_svg([CHART], 'x "y"')
    root = ElementTree.fromstring(svg)  # made here
    assert (root.get("role"), root.get("aria-label"), root.get("width")) == ("img", 'x "y"', None)
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<mono>", "a&b", "alpha", "map"} <= texts
    assert "<style" not in svg
    assert root.get("height") is None
    ids = re.findall(r' id="([^"]+)"', svg)
    assert set(re.findall(r'href="#([^"]+)"', svg)) <= set(ids)
    assert not set(ids) & set(re.findall(r' id="([^"]+)"', charts_svg([CHART], "other words"))), "two in one page"
    assert svg == charts_svg([CHART], 'x "y"')


def test_ticks_can_be_told_apart() -> None:
    """Differences of a hundred-thousandth have ticks that are not all 0."""
    small = Chart("t", "x", "y", (Line("a", (Point(0, 0.0), Point(1, 2e-5))),), ((0, "0"), (1, "1")))
    root = ElementTree.fromstring(charts_svg([small], "x"))
    texts = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]
    ticks = [text for text in texts if re.fullmatch(r"[\d.−-]+", text)]
    assert len(set(ticks) - {"0", "1"}) >= 3


def test_one_value_has_a_chart_too() -> None:
    """No division by a range of nothing."""
    svg = charts_svg([Chart("t", "x", "y", (Line("a", (Point(3, 0.5),)),), ((3, "3"),), connected=False)], "x")
    assert "nan" not in svg
