"""Metrics along a factor, one line for every group or other value: what charts are drawn of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beir_hybrid.report.figures import COLOURS
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import ROLES, columns_of, tabled_metrics
from beir_hybrid.studies.analysis.measured import Measured, combination_label
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.tables import number

if TYPE_CHECKING:
    import pandas as pd

_KINDS = ("joshi", "cc100", "seen")
"""Groups that have curves; those of a script or family only where they are asked for."""
_ALL = "all languages"


def curves(measured: Measured, options: AnalysisOptions, means: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """A row a point, in the order in which they are drawn: by the other factors, then by every grouping of languages.

    ``panel``: charts that share their lines; ``chart``, ``line``, ``x``, ``value``, ``ci_low``, ``ci_high``; ``words``
    say a point to those who cannot see it. Empty where there is no factor to draw along.
    """
    import pandas as pd

    factor = next((each for each in measured.factors if each.name == options.x), None)
    if factor is None:
        return pd.DataFrame(columns=["dataset", "panel"])
    others = [combination_label(measured.factors, each, but=factor.name) for each in measured.combinations]
    names = list(dict.fromkeys(others))
    # more lines than can be told apart become several panels
    parts = {name: f" ({at // COLOURS + 1})" if len(names) > COLOURS else "" for at, name in enumerate(names)}
    everywhere = means[~means.at_least].reset_index()
    rest = everywhere.combination.map(dict(enumerate(others)))
    alone = len(names) == 1
    panels = _ALL if alone else "other factors" + rest.map(parts)
    tables = [everywhere.assign(panel=panels, line=rest.where(rest != "all", _ALL))]
    for kind in (kind for kind in KINDS if kind in (*_KINDS, *options.group_by)):
        own = groups[groups.index.get_level_values("kind") == kind].reset_index()
        rest = own.combination.map(dict(enumerate(others)))
        held = "" if alone else "; " + rest
        own = own.assign(panel=KINDS[kind] + own.role.astype(str).map(ROLES) + held, line=own.group)
        own = own[rest.isin(names[:COLOURS])]
        # a line of its own is among those of all languages
        tables.append(own[own.groupby(["dataset", "panel"]).line.transform("nunique") > 1])
    found = pd.concat(tables, ignore_index=True).astype({"line": str, "dataset": str, "setting": str, "metric": str})
    charts: dict[tuple[str, str, str], int] = {}
    for dataset in measured.datasets:
        for metric in tabled_metrics(measured, options, dataset)[:1]:
            own_charts = [c for c in columns_of(measured, dataset, metric) if c[1] in (metric, "rank_distance")]
            charts |= {(dataset, *chart): len(charts) + at for at, chart in enumerate(own_charts)}
    found["drawn"] = [charts.get(key) for key in zip(found.dataset, found.setting, found.metric, strict=True)]
    found = found[found.drawn.notna() & found.value.notna()]
    lines = found.groupby(["dataset", "panel"]).line
    found = found[lines.transform(lambda own: own.factorize()[0]) < COLOURS]
    places = [measured.combinations[at][measured.factors.index(factor)] for at in found.combination]
    found = found.assign(
        chart=found.setting + ": " + found.metric,
        x=[float(factor.values[place] if factor.numeric else place) for place in places],
        at=[f"{factor.name} {factor.labels[place]}" for place in places],
    )
    found["words"] = [_words(row) for row in found.itertuples()]
    ranks = {name: found[name].factorize()[0] for name in ("panel", "line")}
    order = found.assign(**ranks, dataset=found.dataset.map(measured.datasets.index))
    return found.loc[order.sort_values(["dataset", "panel", "drawn", "line", "x"], kind="stable").index]


def _words(row: Any) -> str:
    value, low, high = (number(each, row.metric) for each in (row.value, row.ci_low, row.ci_high))
    interval = "" if row.ci_low != row.ci_low else f" [{low}, {high}], {row.seeds} seeds"  # NaN: one seed has none
    return f"{row.line}, {row.at}: {value}{interval}"
