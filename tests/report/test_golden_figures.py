"""Figures for papers, against the numbers of `golden`."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from beir_hybrid.comparison import Comparison
from beir_hybrid.report import figures
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.distances import rank_distances
from tests.report.golden import HIGH, LOW


@pytest.mark.slow
def test_figures_draw_the_known_numbers(folders: list[Path], comparison: Comparison) -> None:
    """Bars in the colour of what can be said, whiskers where there is an interval, squares with their numbers."""
    contents = read_contents(comparison)[0]
    figure = Figure()
    bars = [each for each in all_bars(contents) if (each.setting, each.metric) == ("mono", "map")]
    figures._differences(contents, bars)(figure)
    one, two = figure.axes
    assert [bar.get_width() for bar in one.patches] == pytest.approx([0.25, 0.0, 0.125])
    assert [bar.get_width() for bar in two.patches] == pytest.approx([-0.2, 0.0, -0.1])
    colours = [[to_hex(bar.get_facecolor()) for bar in axes.patches] for axes in (one, two)]
    green, red, grey = figures._GREEN, figures._RED, figures._GREY
    assert colours == [[green, grey, green], [red, grey, red]]
    assert [text.get_text() for text in two.texts] == ["▼", "▼"]
    whiskers = [line.get_xdata() for line in two.lines if list(line.get_ydata()) == [2, 2]]
    assert [f"{end:+.3f}" for end in whiskers[0]] == [LOW, HIGH]
    drawn = dict(figures._figures(contents))
    figure = Figure()
    drawn["heat-multi-b"](figure)
    assert figure.axes[0].images[0].get_array().tolist() == [[0.5, 0.5], [0.125, 0.75]]
    assert [text.get_text() for text in figure.axes[0].texts] == [".50", ".50", ".12", ".75"]
    assert [text.get_color() for text in figure.axes[0].texts] == ["black", "black", "black", "white"]
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    figure = Figure()
    drawn["heat-multi-b-minus-a"](figure)
    assert figure.axes[0].images[0].get_clim() == (-0.5, 0.5)
    assert [(text.get_text(), text.get_color()) for text in figure.axes[0].texts] == [
        ("−.50", "white"), ("+.25", "black"), ("−.12", "black"), ("−.25", "black"),
    ]  # fmt: skip
    figure = Figure()
    figures._shares(figure, contents)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.5, 0.5, 0.9, 0.9, 0.5, 0.5]
    # side by side around the place of their language: 0 and 1
    middles = [bar.get_x() + bar.get_width() / 2 for bar in figure.axes[0].patches]
    assert middles == pytest.approx([-0.8 / 3, 1 - 0.8 / 3, 0, 1, 0.8 / 3, 1 + 0.8 / 3])
    lines = [line.get_segments()[0].ravel().tolist() for line in figure.axes[0].collections]
    assert lines == [[-0.45, 0.5, 0.45, 0.5], [0.55, 0.5, 1.45, 0.5]], "the pool's share of each language"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["a", "b", "c", "share of the pool"]
    figure = Figure()
    figures._distances(figure, rank_distances(contents))
    widths = [[bar.get_width() for bar in axes.patches if bar.get_width()] for axes in figure.axes]
    assert widths == [[1.0], [1.0], [1.0]]
