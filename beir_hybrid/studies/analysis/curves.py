"""Metrics along a factor, one line for every group or other value: what charts are drawn of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beir_hybrid.report.figures import COLOURS
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import ROLES, columns_of, tabled_metrics
from beir_hybrid.studies.analysis.measured import Factor, Measured
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.tables import number

if TYPE_CHECKING:
    import pandas as pd

_KINDS = ("joshi", "cc100", "seen")
"""Groups that have curves; those of a script or family only where they are asked for."""


def curves(measured: Measured, options: AnalysisOptions, means: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """A row a point, in the order in which they are drawn: by the other factors, then by every grouping of languages.

    ``panel``: charts that share their lines; ``chart``, ``line``, ``x``, ``value``, ``ci_low``, ``ci_high``; ``words``
    say a point to those who cannot see it. Empty where there is no factor to draw along.
    """
    import pandas as pd

    factor = next((each for each in measured.factors if each.name == options.x), None)
    if factor is None:
        return pd.DataFrame(columns=["dataset", "panel"])
    rests = {at: _rest(measured, factor, at) for at in range(len(measured.combinations))}
    names = list(dict.fromkeys(rests.values()))
    panel_of = {name: _panel_of(names, name) for name in names}
    everywhere = means[~means.at_least].reset_index()
    rest = everywhere.combination.map(rests)
    tables = [everywhere.assign(panel=rest.map(panel_of), line=rest.where(rest != "", "all languages"))]
    for kind in (kind for kind in KINDS if kind in (*_KINDS, *options.group_by)):
        own = groups[groups.index.get_level_values("kind") == kind].reset_index()
        rest, of = own.combination.map(rests), own.role.astype(str).map(ROLES)
        own = own.assign(panel=KINDS[kind] + of + rest.map(lambda held: f"; {held}" if held else ""), line=own.group)
        own = own[rest.isin(names[:COLOURS])]
        # a line of its own is among those of all languages
        tables.append(own[own.groupby(["dataset", "panel"], observed=True).line.transform("nunique") > 1])
    found = pd.concat(tables, ignore_index=True).astype({"line": str, "dataset": str, "setting": str, "metric": str})
    charts: dict[tuple[str, str, str], int] = {}
    for dataset in measured.datasets:
        for metric in tabled_metrics(measured, options, dataset)[:1]:
            own_charts = [c for c in columns_of(measured, dataset, metric) if c[1] in (metric, "rank_distance")]
            charts |= {(dataset, *chart): len(charts) + at for at, chart in enumerate(own_charts)}
    found["drawn"] = [charts.get(key, -1) for key in zip(found.dataset, found.setting, found.metric, strict=True)]
    found = found[(found.drawn >= 0) & found.value.notna()]
    lines = found.groupby(["dataset", "panel"], sort=False).line
    found = found[lines.transform(lambda own: own.factorize()[0]) < COLOURS]
    places = [measured.combinations[at][measured.factors.index(factor)] for at in found.combination]
    found = found.assign(
        chart=found.setting + ": " + found.metric,
        x=[float(factor.values[place] if factor.numeric else place) for place in places],
        words=[_words(factor, place, row) for place, row in zip(places, found.itertuples(), strict=True)],
    )
    ranks = {name: found[name].factorize()[0] for name in ("panel", "line")}
    order = found.assign(**ranks, dataset=found.dataset.map(measured.datasets.index))
    return found.loc[order.sort_values(["dataset", "panel", "drawn", "line", "x"], kind="stable").index]


def _words(factor: Factor, place: int, row: Any) -> str:
    value, low, high = (number(each, row.metric) for each in (row.value, row.ci_low, row.ci_high))
    interval = "" if row.ci_low != row.ci_low else f" [{low}, {high}], {row.seeds} seeds"  # NaN: one seed has none
    return f"{row.line}, {factor.name} {factor.labels[place]}: {value}{interval}"


def _rest(measured: Measured, factor: Factor, combination: int) -> str:
    """The values of the other factors."""
    pairs = zip(measured.factors, measured.combinations[combination], strict=True)
    return ", ".join(f"{f.name}={f.labels[at]}" for f, at in pairs if f.varies and f is not factor)


def _panel_of(names: list[str], name: str) -> str:
    """More lines than can be told apart become several panels."""
    if len(names) == 1:
        return "all languages"
    part = f" ({names.index(name) // COLOURS + 1})" if len(names) > COLOURS else ""
    return f"other factors{part}"
