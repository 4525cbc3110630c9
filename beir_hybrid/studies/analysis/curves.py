"""Metrics along a factor, one line for every group or other value: what charts are drawn of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beir_hybrid.report.charts import COLOURS, Chart, Line, Point
from beir_hybrid.studies.analysis.factors import Combination, Factor
from beir_hybrid.studies.analysis.groups import GroupMean
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import Mean, columns_of, tabled_metrics
from beir_hybrid.studies.analysis.measurements import Measurements
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.spread import Spread
from beir_hybrid.studies.analysis.words import shown

_RANK = "rank_distance"
_KINDS = ("joshi", "cc100", "seen")
"""Groups that have curves; those of a script or family only where they are asked for."""


@dataclass(frozen=True)
class Panel:
    """Charts that share their lines: one data set, what the lines are, and what is held."""

    dataset: str
    lines: str
    names: tuple[str, ...]
    charts: tuple[Chart, ...]


def panels(
    measured: Measurements, options: AnalysisOptions, means: Sequence[Mean], groups: Sequence[GroupMean]
) -> list[Panel]:
    """The curves of every data set: by the other factors, then by every grouping of languages."""
    factor = next((each for each in measured.factors if each.name == options.x), None)
    if factor is None:
        return []
    place = measured.factors.index(factor)
    found: list[Panel] = []
    for dataset in measured.datasets:
        metrics = tabled_metrics(measured, options, dataset)
        if not metrics:
            continue
        columns = [c for c in columns_of(measured, options, dataset, metrics[0]) if c[1] in (metrics[0], _RANK)]
        found += _by_factors(measured, dataset, columns, factor, place, means)
        rests = list(dict.fromkeys(_rest(combination, place) for combination in measured.combinations))
        for kind, title in KINDS.items():
            if kind not in (*_KINDS, *options.group_by):
                continue
            for rest in rests[:COLOURS]:
                held = _rest_label(measured, rest, place)
                name = f"{title}; {held}" if held else title
                found += _by_groups(dataset, columns, factor, place, rest, kind, name, groups)
    return found


def _by_factors(
    measured: Measurements, dataset: str, columns: Sequence[tuple[str, str]], factor: Factor, place: int,
    means: Sequence[Mean],
) -> Iterable[Panel]:  # fmt: skip
    rests = list(dict.fromkeys(_rest(combination, place) for combination in measured.combinations))
    # more lines than can be told apart become several panels
    for begin in range(0, len(rests), COLOURS):
        own = rests[begin : begin + COLOURS]
        names = [_rest_label(measured, rest, place) or "all languages" for rest in own]
        charts = []
        for setting, metric in columns:
            lines = []
            for rest, name in zip(own, names, strict=True):
                points = [
                    point
                    for mean in means
                    if (mean.dataset, mean.setting, mean.metric) == (dataset, setting, metric)
                    and _rest(mean.combination, place) == rest
                    and not mean.at_least
                    and (point := _point(factor, mean.combination[place], mean.spread, metric, name))
                ]
                lines.append(Line(name, tuple(sorted(points, key=lambda point: point.x))))
            charts += _chart(factor, setting, metric, lines)
        if charts:
            part = f" ({begin // COLOURS + 1})" if len(rests) > COLOURS else ""
            title = "all languages" if len(rests) == 1 else f"other factors{part}"
            yield Panel(dataset, title, tuple(names), tuple(charts))


def _by_groups(
    dataset: str, columns: Sequence[tuple[str, str]], factor: Factor, place: int, rest: Combination, kind: str,
    title: str, groups: Sequence[GroupMean],
) -> Iterable[Panel]:  # fmt: skip
    own = [
        group
        for group in groups
        if group.dataset == dataset and group.kind == kind and _rest(group.combination, place) == rest
    ]
    for roles, words in ((("query",), ""), (("passage",), " of the passages"), (("pair",), " (pairs)")):
        there = [group for group in own if group.role in roles]
        names = list(dict.fromkeys(group.group for group in there))[:COLOURS]
        if len(names) < 2:
            continue
        charts = []
        for setting, metric in columns:
            lines = []
            for name in names:
                points = [
                    point
                    for group in there
                    if (group.setting, group.metric, group.group) == (setting, metric, name)
                    and (point := _point(factor, group.combination[place], group.spread, metric, name))
                ]
                lines.append(Line(name, tuple(sorted(points, key=lambda point: point.x))))
            charts += _chart(factor, setting, metric, lines)
        if charts:
            yield Panel(dataset, title + words, tuple(names), tuple(charts))


def _chart(factor: Factor, setting: str, metric: str, lines: Sequence[Line]) -> list[Chart]:
    if not any(line.points for line in lines):
        return []
    ticks = tuple(zip(_places(factor), factor.labels, strict=True))
    return [Chart(f"{setting}: {metric}", factor.name, metric, tuple(lines), ticks, connected=factor.numeric)]


def _point(factor: Factor, place: int, spread: Spread, metric: str, name: str) -> Point | None:
    if spread.value is None:
        return None
    low = high = None
    words = f"{name}, {factor.name} {factor.labels[place]}: {shown(spread.value, metric)}"
    if spread.half is not None:
        low, high = spread.value - spread.half, spread.value + spread.half
        words += f" [{shown(low, metric)}, {shown(high, metric)}], {spread.seeds} seeds"
    return Point(_places(factor)[place], spread.value, low, high, words)


def _places(factor: Factor) -> list[float]:
    return (
        [float(value) for value in factor.values] if factor.numeric else [float(at) for at in range(len(factor.values))]
    )


def _rest(combination: Combination, place: int) -> Combination:
    return combination[:place] + combination[place + 1 :]


def _rest_label(measured: Measurements, rest: Combination, place: int) -> str:
    others = measured.factors[:place] + measured.factors[place + 1 :]
    return ", ".join(f"{f.name}={f.labels[at]}" for f, at in zip(others, rest, strict=True) if f.varies)
