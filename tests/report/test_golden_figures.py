"""Figures for papers, against the numbers of `golden`: everything that is drawn is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from beir_hybrid.comparison import Comparison, compare
from beir_hybrid.report import figures
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.distances import labels, rank_distances
from tests.report.golden import HIGH, LOW


def axes_drawn(draw: Any) -> tuple[Figure, list[Any]]:
    """What is drawn, and the charts that can be seen."""
    figure = Figure()
    draw(figure)
    return figure, [axes for axes in figure.axes if axes.get_visible()]


def ticks(axis: Any) -> list[tuple[float, str]]:
    return [(float(at), label.get_text()) for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)]


def bars(axes: Any) -> list[tuple[float, ...]]:
    """Middle across, begin and length along, colour."""
    return [(bar.get_x(), bar.get_y() + bar.get_height() / 2, bar.get_width(), to_hex(bar.get_facecolor()))
            for bar in axes.patches]  # fmt: skip


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def drawn(comparison: Comparison) -> dict[str, Any]:
    return dict(figures._figures(read_contents(comparison)[0]))


def test_differences_to_the_baseline(drawn: dict[str, Any]) -> None:
    """Bars in the colour of what can be said, whiskers and marks where there are some, from above to below."""
    figure, (one, two) = axes_drawn(drawn["baseline-mono-map"])
    assert figure.get_suptitle() == "mono map: difference to a"
    assert [axes.get_title() for axes in (one, two)] == ["b", "c"]
    assert ticks(one.yaxis) == [(0, "de"), (1, "en"), (2, "mean")]
    assert one.get_ylim()[0] > one.get_ylim()[1]
    green, red, grey = figures._GREEN, figures._RED, figures._GREY
    for axes, ends, colour, mark in ((one, [0.25, 0, 0.125], green, "▲"), (two, [-0.2, 0, -0.1], red, "▼")):
        found = [(place, end, shown) for _, place, end, shown in bars(axes)]
        assert [(place, shown) for place, _, shown in found] == [(0, colour), (1, grey), (2, colour)]
        assert [end for _, end, _ in found] == pytest.approx(ends)
        assert [(text.get_text(), text.xy) for text in axes.texts] == [(mark, (1, 0)), (mark, (1, 2))]
        assert axes.texts[0].xycoords == ("axes fraction", "data"), "at the right edge"
    whiskers = {
        line.get_ydata()[0]: line.get_xdata() for line in two.lines if line.get_ydata()[0] == line.get_ydata()[1]
    }
    assert [f"{end:+.3f}" for end in whiskers[2]] == [LOW, HIGH]
    assert sorted(whiskers) == [0, 1, 2]
    (middle,) = (line for line in two.lines if line.get_ydata()[0] != line.get_ydata()[1])
    assert list(middle.get_xdata()) == [0, 0]


def test_heat_maps(drawn: dict[str, Any]) -> None:
    """Each number in its square, in ink that can be read on it; scales from nothing to 1, or as far down as up."""
    _, (axes, _) = axes_drawn(drawn["heat-multi-b"])
    assert axes.images[0].get_array().tolist() == [[0.5, 0.5], [0.125, 0.75]]
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == [(0, "de"), (1, "en")]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("passage language", "query language")
    assert axes.get_title() == "b\nmulti: reciprocal rank of the answer in the pool"
    texts = [(text.get_position(), text.get_text(), text.get_color()) for text in axes.texts]
    assert texts == [
        ((0, 0), ".50", "black"), ((1, 0), ".50", "black"), ((0, 1), ".12", "black"), ((1, 1), ".75", "white"),
    ]  # fmt: skip
    assert axes.images[0].get_clim() == (0, 1)
    _, (axes, _) = axes_drawn(drawn["heat-multi-b-minus-a"])
    assert axes.images[0].get_clim() == (-0.5, 0.5)
    assert axes.get_title() == "b minus a\nmulti: reciprocal rank of the answer in the pool"
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [
        ("−.50", "white"), ("+.25", "black"), ("−.12", "black"), ("−.25", "black"),
    ]  # fmt: skip


def test_a_difference_of_nothing_is_no_sign(folders: list[Path], make_folder: Any) -> None:
    """Equal systems: squares of .00 on a scale of its own, no bar, and no mark."""
    flat = {f"mono:{x}": {"map": [0.5] * 6} for x in ("de", "en")} | {"cross:de-en": {"map": [0.5] * 6}}
    made = compare([make_folder(name, flat) for name in ("one", "two")], draws=100)
    drawn = dict(figures._figures(read_contents(made)[0]))
    assert {(bar.length, bar.whisker) for each in all_bars(read_contents(made)[0]) for bar in each.bars} == {
        (0.0, (50.0, 0.0))
    }
    _, (axes, _) = axes_drawn(drawn["heat-map-two-minus-one"])
    assert axes.images[0].get_clim() == (-1, 1)
    assert [text.get_text() for text in axes.texts] == [".00", ".00", ".00"]


def test_same_language_shares(drawn: dict[str, Any]) -> None:
    """Side by side around the place of their language, 0 and 1, and the pool's share across them."""
    figure, (axes,) = axes_drawn(drawn["same-language-share"])
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.5, 0.9, 0.9, 0.5, 0.5]
    middles = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert middles == pytest.approx([-0.8 / 3, 1 - 0.8 / 3, 0, 1, 0.8 / 3, 1 + 0.8 / 3])
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.8 / 3] * 6)
    assert len({to_hex(bar.get_facecolor()) for bar in axes.patches}) == 3
    lines = [segment.ravel().tolist() for line in axes.collections for segment in line.get_segments()]
    assert lines == [[-0.45, 0.5, 0.45, 0.5], [0.55, 0.5, 1.45, 0.5]]
    assert ticks(axes.xaxis) == [(0, "de"), (1, "en")]
    assert (axes.get_ylim(), axes.get_xlabel()) == ((0, 1), "query language")
    assert axes.get_ylabel() == "same-language share@10"
    assert sorted(legend(figure)) == ["a", "b", "c", "share of the pool"]


def test_rank_distances(drawn: dict[str, Any], comparison: Comparison) -> None:
    """A bar for each bin, from above to below; what is only bounded is hatched and begins where the known ends."""
    figure, charts = axes_drawn(drawn["rank-distance"])
    assert [axes.get_title() for axes in charts] == ["a", "b", "c"]
    assert ticks(charts[0].yaxis) == list(enumerate(labels()))
    assert charts[0].get_ylim()[0] > charts[0].get_ylim()[1]
    known = [[(place, width) for _, place, width, _ in bars(axes)[:11] if width] for axes in charts]
    assert known == [[(3, 1.0)], [(2, 1.0)], []]
    bounds = [bars(axes)[11:] for axes in charts]
    assert bounds == [[], [], [(0.0, 1.0, 1.0, "#ffffff")]]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("share of the queries", "rank distance")
    assert legend(figure) == ["known", "at least"]
    alone = rank_distances(read_contents(comparison)[0])["a"]
    _, (axes,) = axes_drawn(lambda figure: figures._distances(figure, {"a": alone}))
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "of one system too"
    half = rank_distances(read_contents(comparison)[0])["c"]
    mixed = {"known": (1, *half.known[1:]), "at_least": (0, 3, *half.at_least[2:]), "quantiles": {}}
    _, charts = axes_drawn(lambda figure: figures._distances(figure, dict.fromkeys("wxyz", type(half)(**mixed))))
    assert len(charts) == 4, "a second line of charts; what is left of it cannot be seen"
    assert bars(charts[3])[0] == (0, 0, 0.25, figures._BLUE)
    assert bars(charts[3])[11:] == [(0, 1, 0.75, "#ffffff")]


def test_lines_of_several_charts() -> None:
    """Charts and lines in the order they come in; colours and shapes are a line's own in every chart; one legend."""
    rows = [("z", "w", 0.0, 0.2), ("z", "w", 1.0, 0.4), ("z", "v", 0.0, 0.3), ("a", "v", 0.0, 0.7)]
    rows += [(f"more {at}", "w", 0.0, 0.1) for at in range(3)]
    points = pd.DataFrame(rows, columns=["chart", "line", "x", "value"])
    points = points.assign(ci_low=points.value - 0.1, ci_high=points.value + 0.2, metric="map")
    figure, charts = axes_drawn(
        lambda figure: figures.draw_lines(figure, points, {0.0: "none", 1.0: "all"}, "alpha", connected=True)
    )
    assert [axes.get_title() for axes in charts] == ["z", "a", "more 0", "more 1", "more 2"]
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in charts] == [("alpha", "map")] * 5
    assert ticks(charts[4].xaxis) == [(0, "none"), (1, "all")]
    shown = {}
    for axes in charts:
        for container in axes.containers:
            line, _, (ends,) = container.lines
            shown[axes.get_title(), container.get_label()] = line
            for (x, value), segment in zip(line.get_xydata(), ends.get_segments(), strict=True):
                assert segment.ravel().tolist() == pytest.approx([x, value - 0.1, x, value + 0.2])
    assert list(shown) == [("z", "w"), ("z", "v"), ("a", "v"), *((f"more {at}", "w") for at in range(3))]
    assert shown["z", "w"].get_xydata().tolist() == [[0.0, 0.2], [1.0, 0.4]]
    looks = {key: (line.get_color(), line.get_marker(), line.get_linestyle()) for key, line in shown.items()}
    assert looks["z", "v"] == looks["a", "v"] == ("#e69f00", "s", "-")
    assert looks["z", "w"] == looks["more 2", "w"] == ("#0072b2", "o", "-")
    assert legend(figure) == ["w", "v"]
    figure, (axes,) = axes_drawn(
        lambda figure: figures.draw_lines(figure, points[:2], {0.0: "none"}, "order", connected=False)
    )
    assert axes.containers[0].lines[0].get_linestyle() == "None"
    assert not figure.legends, "one line needs no legend"
