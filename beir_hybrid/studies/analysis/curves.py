"""Metrics along a factor, one line for every group or other value: what charts are drawn of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beir_hybrid.report.charts import COLOURS, Chart, Line, Point
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import columns_of, tabled_metrics
from beir_hybrid.studies.analysis.measured import Combination, Factor, Measured
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.words import is_known
from beir_hybrid.tables import number

if TYPE_CHECKING:
    import pandas as pd

_KINDS = ("joshi", "cc100", "seen")
"""Groups that have curves; those of a script or family only where they are asked for."""
_ROLES = {"query": "", "passage": " of the passages", "pair": " (pairs)"}


@dataclass(frozen=True)
class Panel:
    """Charts that share their lines: one data set, and what the lines are."""

    dataset: str
    lines: str
    charts: tuple[Chart, ...]


def panels(measured: Measured, options: AnalysisOptions, means: pd.DataFrame, groups: pd.DataFrame) -> list[Panel]:
    """The curves of every data set: by the other factors, then by every grouping of languages."""
    factor = next((each for each in measured.factors if each.name == options.x), None)
    if factor is None:
        return []
    rests = {at: _rest(measured, factor, at) for at in range(len(measured.combinations))}
    names = list(dict.fromkeys(rests.values()))
    panel_of = {name: _panel_of(names, name) for name in names}
    everywhere = means[~means.at_least].reset_index()
    rest = everywhere.combination.map(rests)
    lines = [everywhere.assign(panel=rest.map(panel_of), line=rest.where(rest != "", "all languages"))]
    for kind in (kind for kind in KINDS if kind in (*_KINDS, *options.group_by)):
        own = groups[groups.index.get_level_values("kind") == kind].reset_index()
        rest, of = own.combination.map(rests), own.role.astype(str).map(_ROLES)
        own = own.assign(panel=KINDS[kind] + rest.map(lambda held: f"; {held}" if held else "") + of, line=own.group)
        lines.append(own[rest.isin(names[:COLOURS])])
    found = []
    for dataset in measured.datasets:
        metrics = tabled_metrics(measured, options, dataset)[:1]
        columns = [
            c
            for metric in metrics
            for c in columns_of(measured, dataset, metric)
            if c[1] in (*metrics, "rank_distance")
        ]
        for at, table in enumerate(lines):
            there = table[table.dataset == dataset]
            for title in there.panel.unique():
                own = there[there.panel == title]
                if at and own.line.nunique() < 2:
                    continue  # a line of its own is among those of all languages
                charts = [_chart(measured, factor, own, *column) for column in columns]
                if drawn := tuple(chart for chart in charts if any(line.points for line in chart.lines)):
                    found.append(Panel(dataset, title, drawn))
    return found


def _rest(measured: Measured, factor: Factor, combination: Combination) -> str:
    """The values of the other factors."""
    pairs = zip(measured.factors, measured.combinations[combination], strict=True)
    return ", ".join(f"{f.name}={f.labels[at]}" for f, at in pairs if f.varies and f is not factor)


def _panel_of(names: list[str], name: str) -> str:
    """More lines than can be told apart become several panels."""
    if len(names) == 1:
        return "all languages"
    part = f" ({names.index(name) // COLOURS + 1})" if len(names) > COLOURS else ""
    return f"other factors{part}"


def _chart(measured: Measured, factor: Factor, rows: pd.DataFrame, setting: str, metric: str) -> Chart:
    at = measured.factors.index(factor)
    own = rows[(rows.setting == setting) & (rows.metric == metric)]
    lines: dict[str, list[Point]] = {str(name): [] for name in list(rows.line.unique())[:COLOURS]}
    for row in own.to_dict("records"):
        if is_known(row["value"]) and row["line"] in lines:
            lines[row["line"]].append(_point(factor, measured.combinations[row["combination"]][at], row, metric))
    made = tuple(Line(name, tuple(sorted(points, key=lambda point: point.x))) for name, points in lines.items())
    ticks = tuple((_x(factor, place), label) for place, label in enumerate(factor.labels))
    return Chart(f"{setting}: {metric}", factor.name, metric, made, ticks, connected=factor.numeric)


def _point(factor: Factor, place: int, row: Mapping[str, Any], metric: str) -> Point:
    words = f"{row['line']}, {factor.name} {factor.labels[place]}: {number(row['value'], metric)}"
    if not is_known(row["ci_low"]):
        return Point(_x(factor, place), row["value"], words=words)
    low, high = row["ci_low"], row["ci_high"]
    words += f" [{number(low, metric)}, {number(high, metric)}], {row['seeds']} seeds"
    return Point(_x(factor, place), row["value"], low, high, words)


def _x(factor: Factor, place: int) -> float:
    return float(factor.values[place] if factor.numeric else place)
