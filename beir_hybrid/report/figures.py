"""The page's figures for papers, as PNG and SVG. The one module that draws with matplotlib.

Labels are language codes, numbers and the names of the systems, so that no script needs a font of its own.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.comparison import Comparison
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.published.scores import MEAN
from beir_hybrid.report.contents import Contents, read_contents
from beir_hybrid.report.differences import Bars, all_bars
from beir_hybrid.report.distances import Distances, labels, rank_distances
from beir_hybrid.report.matrices import Matrix, Measure, difference, measures
from beir_hybrid.report.preference import own_language, pool_shares
from beir_hybrid.tables import MARKS

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("png", "svg")
# Okabe and Ito's, which can be told apart without seeing red or green
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
COLOURS = len(_COLOURS)
"""Lines that can be told apart in one chart."""
_MARKERS = "os^D"
_BLUE, _ORANGE, _GREEN, _RED, _GREY = "#14508c", "#b5500c", "#1b7f4b", "#b3392f", "#8a949e"
# of these only; the page has all
_BARS = ("map", "recall@1", "recall@10", "rank_distance")
_HEAT = ("multi", "map")
_SETTINGS = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False,
    "svg.fonttype": "path", "svg.hashsalt": "beir-hybrid", "figure.dpi": 200, "savefig.dpi": 200,
    "text.parse_math": False,
}  # fmt: skip


def write_figures(comparison: Comparison, out: Path | str) -> list[Path]:
    """Write every figure of the comparison into a folder, once for each of `FORMATS`; several data sets have their own.

    Heat maps of each system and its difference to the baseline, the same-language share, the rank distances, and
    the difference to the baseline by language. What was not measured has no figure. The same input gives the same
    files.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ResultsError: as `render_page`.
    """
    every = {each.comparison.dataset: each for each in read_contents(comparison)}
    folders = _plain(every) if len(every) > 1 else dict.fromkeys(every, "")
    return [path for name, each in every.items() for path in _write(_figures(each), Path(out) / folders[name])]


def charts_svg(points: pd.DataFrame, ticks: Mapping[float, str], x_label: str, words: str, *, connected: bool) -> str:
    """Charts side by side as one SVG element for a page; text stays text, and the same input gives the same bytes.

    Args:
        points: a row a point, by ``chart`` and ``line``: ``x``, ``value``, and ``ci_low`` and ``ci_high`` where it has
            an interval; ``metric`` is what y is called.
        ticks: x -> label.
        words: what a screen reader says of it.
        connected: whether x is a quantity or an order; else points stand by themselves.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    out = io.StringIO()
    # what is referred to within it is called by its words too: a page has several
    with _matplotlib({"svg.fonttype": "none", "svg.hashsalt": words}) as figure:
        draw_lines(figure, points, ticks, x_label, connected=connected)
        figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    # its style and size are the page's, and nothing of it is for a file that stands alone
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?) width="[^"]*"| height="[^"]*pt"', r"\1", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><")
    named = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in named else "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(words)}" class="chart" ').strip()


@contextlib.contextmanager
def _matplotlib(settings: Mapping[str, Any]) -> Iterator[Any]:
    """A figure drawn with the settings of this module and these."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing figures", "matplotlib", "report") from error
    with mpl.rc_context({**_SETTINGS, **settings}), warnings.catch_warnings():
        # a name in a script that the font lacks shows as boxes: it is in the file's name too
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield Figure(layout="constrained")


def _write(figures: Iterable[tuple[str, Callable[[Any], None]]], out: Path) -> list[Path]:
    written = []
    for name, draw in figures:
        with _matplotlib({}) as figure:
            draw(figure)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # laid out once, for all formats
            for form in FORMATS:
                path = out / f"{name}.{form}"
                with written_whole(path) as part:
                    # without the date, so that the same results give the same file
                    metadata = {"Date": None} if form == "svg" else {}
                    figure.savefig(part, format=form, metadata=metadata)
                written.append(path)
    return written


def _figures(contents: Contents) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """(file name, drawing) of each figure."""
    comparison = contents.comparison
    names = _plain(contents.names)
    for measure in (each for each in measures(contents) if each.key in _HEAT):
        for name in contents.names:
            yield f"heat-{measure.key}-{names[name]}", _heat(contents.languages, measure, measure.matrices[name], name)
        for name in contents.others:
            change = difference(measure.matrices[name], measure.matrices[comparison.baseline])
            title = f"{name} minus {comparison.baseline}"
            file = f"heat-{measure.key}-{names[name]}-minus-{names[comparison.baseline]}"
            yield file, _heat(contents.languages, measure, change, title, signed=True)
    if own_language(contents):
        yield "same-language-share", lambda figure: _shares(figure, contents)
    distances = rank_distances(contents)
    if distances:
        yield "rank-distance", lambda figure: _distances(figure, distances)
    bars: dict[tuple[str, str], list[Bars]] = {}
    for each in all_bars(contents):
        bars.setdefault((each.setting, each.metric), []).append(each)
    for (setting, metric), own in bars.items():
        if metric in _BARS:
            yield f"baseline-{setting}-{re.sub('[@_]', '-', metric)}", _differences(contents, own)


def _plain(names: Iterable[str]) -> dict[str, str]:
    """A part of a file name for each name: its letters of whatever script, and a number where two would be alike."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w.-]+|_", "-", name).strip("-.") or "system"
        alike = sum(each.casefold() == plain.casefold() for each in found.values())
        found[name] = f"{plain}-{alike + 1}" if alike else plain
    return found


def _heat(
    languages: Sequence[str], measure: Measure, matrix: Matrix, title: str, *, signed: bool = False
) -> Callable[[Any], None]:
    def draw(figure: Any) -> None:
        values = np.array([[matrix.get((query, passage), np.nan) for passage in languages] for query in languages])
        side = 0.32 * len(languages) + 1.0
        figure.set_size_inches(side, side)
        axes = figure.add_subplot()
        largest = (np.nanmax(np.abs(values)) or 1.0) if signed else 1.0
        image = axes.imshow(values, cmap="PuOr" if signed else "Blues", vmin=-largest if signed else 0, vmax=largest)
        axes.set_xticks(range(len(languages)), languages)
        axes.set_yticks(range(len(languages)), languages)
        axes.tick_params(length=0)
        axes.set_xlabel("passage language")
        axes.set_ylabel("query language")
        axes.set_title(f"{title}\n{measure.title}", fontsize=8)
        for row, column in np.argwhere(~np.isnan(values)):
            value = values[row, column]
            text = f"{value:+.2f}" if signed and abs(value) >= 0.005 else f"{value:.2f}".removeprefix("-")
            text = text.replace("-", "−").replace("0.", ".")
            dark = abs(value) / largest > 0.6
            axes.text(column, row, text, ha="center", va="center", fontsize=5.5,
                      color="white" if dark else "black").set_in_layout(False)  # fmt: skip
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, shrink=0.6)

    return draw


def _shares(figure: Any, contents: Contents) -> None:
    shares = own_language(contents)
    pool = pool_shares(shares)
    figure.set_size_inches(0.55 * len(contents.languages) + 1.5, 2.6)
    axes = figure.add_subplot()
    width = 0.8 / len(contents.names)
    for place, name in enumerate(contents.names):
        values = [shares.get((name, language), (None, None))[0] for language in contents.languages]
        x = np.arange(len(contents.languages)) + (place - (len(contents.names) - 1) / 2) * width
        heights = [np.nan if value is None else value for value in values]
        axes.bar(x, heights, width, label=name, color=_COLOURS[place % COLOURS])
    if pool:
        places = np.array([place for place, language in enumerate(contents.languages) if language in pool])
        levels = [pool[language] for language in contents.languages if language in pool]
        axes.hlines(levels, places - 0.45, places + 0.45, color="black", linewidth=1, label="share of the pool")
    axes.set_xticks(range(len(contents.languages)), contents.languages)
    axes.set_ylim(0, 1)
    axes.set_xlabel("query language")
    axes.set_ylabel(f"same-language share@{SHARE_CUTOFF}")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7)


def _distances(figure: Any, distances: dict[str, Distances]) -> None:
    figure.set_size_inches(2.2 * min(3, len(distances)) + 0.8, 2.0 * -(-len(distances) // 3) + 0.4)
    grid = figure.subplots(-(-len(distances) // 3), min(3, len(distances)), squeeze=False, sharex=True, sharey=True)
    places = np.arange(len(labels()))
    for axes, (name, each) in zip(grid.flat, distances.items(), strict=False):
        known, bound = (np.array(counts) / each.queries for counts in (each.known, each.at_least))
        axes.barh(places, known, color=_BLUE, label="known")
        unsure = bound > 0  # a bar of no length would still have its edge
        axes.barh(
            places[unsure],
            bound[unsure],
            left=known[unsure],
            color="white",
            edgecolor=_ORANGE,
            hatch="////",
            label="at least",
        )
        axes.set_title(name, fontsize=8)
        axes.set_yticks(places, labels(), fontsize=6)
    grid[0][0].invert_yaxis()
    for axes in list(grid.flat)[len(distances) :]:
        axes.set_visible(False)
    figure.supxlabel("share of the queries", fontsize=8)
    figure.supylabel("rank distance", fontsize=8)
    found = [axes.get_legend_handles_labels() for axes in grid.flat]
    legend = {label: handle for handles, names in found for handle, label in zip(handles, names, strict=True)}
    figure.legend(list(legend.values()), list(legend), loc="outside lower right", ncols=2, frameon=False, fontsize=7)


def _differences(contents: Contents, bars: Sequence[Bars]) -> Callable[[Any], None]:
    """A setting and metric of every system, side by side."""

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        languages = [*contents.languages, MEAN]
        figure.set_size_inches(1.7 * len(bars) + 0.8, 0.2 * len(languages) + 1.0)
        grid = figure.subplots(1, len(bars), squeeze=False, sharey=True)[0]
        for axes, each in zip(grid, bars, strict=True):
            for bar in each.bars:
                row, place = bar.row, languages.index(bar.row.query_language)
                colour = {"better": _GREEN, "worse": _RED}.get(bar.verdict or "", _GREY)
                axes.barh(place, row.delta, color=colour)
                if bar.whisker:
                    axes.plot([row.ci_low, row.ci_high], [place, place], color="black", linewidth=0.8)
                if bar.verdict:
                    axes.annotate(
                        MARKS[bar.verdict], (1, place), xycoords=("axes fraction", "data"), va="center", ha="left"
                    )
            axes.axvline(0, color="black", linewidth=0.6)
            axes.set_title(each.name, fontsize=7)
            axes.tick_params(labelsize=6)
            axes.xaxis.set_major_locator(MaxNLocator(3))
        grid[0].set_yticks(range(len(languages)), languages)
        grid[0].invert_yaxis()
        title = f"{bars[0].setting} {bars[0].metric}: difference to {contents.comparison.baseline}"
        figure.suptitle(title, fontsize=8)

    return draw


def draw_lines(figure: Any, points: pd.DataFrame, ticks: Mapping[float, str], x_label: str, *, connected: bool) -> None:
    """Charts side by side, with one legend; arguments as of `charts_svg`."""
    charts, lines = list(points.groupby("chart", sort=False)), list(points.line.unique())
    columns = min(4, len(charts))
    rows = -(-len(charts) // columns)
    figure.set_size_inches(2.3 * columns + 0.3, 2.0 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False)
    shown = {}
    for axes, (title, chart) in zip(grid.flat, charts, strict=False):
        for name, line in chart.groupby("line", sort=False):
            place = lines.index(name)
            ends = [(line.value - line.ci_low).fillna(0.0), (line.ci_high - line.value).fillna(0.0)]
            shown[name] = axes.errorbar(
                line.x, line.value, yerr=ends, label=name, color=_COLOURS[place % COLOURS],
                marker=_MARKERS[place % len(_MARKERS)], markersize=3, linewidth=1, capsize=2,
                linestyle="-" if connected else "none",
            )  # fmt: skip
        axes.set_xticks(list(ticks), list(ticks.values()), rotation=0 if connected else 25)
        axes.tick_params(labelsize=6)
        axes.set_xlabel(x_label, fontsize=7)
        axes.set_ylabel(chart.metric.iloc[0], fontsize=7)
        axes.set_title(title, fontsize=7)
    for axes in list(grid.flat)[len(charts) :]:
        axes.set_visible(False)
    if len(shown) > 1:
        handles = [shown[name] for name in lines]
        figure.legend(handles, lines, loc="outside lower center", ncols=4, frameon=False, fontsize=6)
