"""The means of a study over its seeds: every metric of every combination, and by group of languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from beir_hybrid.studies.analysis.language_groups import KINDS, groups_of, in_order, pair_groups
from beir_hybrid.studies.analysis.measured import TASK, Measured
from beir_hybrid.studies.analysis.options import AnalysisOptions

if TYPE_CHECKING:
    import pandas as pd

BIAS_COLUMNS = ("rank_distance", f"same_language_share@{SHARE_CUTOFF}")
"""What stands beside every metric: the language bias, measured in the multilingual setting."""
MEAN = ["dataset", "setting", "metric", "combination"]
GROUP = ["dataset", "setting", "metric", "kind", "role", "group", "combination"]
ROLES = {"query": "", "passage": " of the passage language", "pair": " (query, passage)"}
"""Whose language decides the group, and how that is said."""
SPREAD = ["value", "deviation", "ci_low", "ci_high", "seeds"]


def over_tasks(scores: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """The mean over tasks for each seed; not defined where it is not for one of them: others have another mean."""
    found = scores.groupby([*keys, "seed"]).value.agg(["mean", "count", "size"])
    return found["mean"].where(found["count"] == found["size"])


def over_seeds(values: pd.Series) -> pd.DataFrame:
    """Mean, standard deviation (n - 1) and 95 % interval (Student's t) over the seeds, the last level of the index.

    A seed without a value leaves no mean; one seed has neither deviation nor interval.
    """
    from scipy import stats

    names = list(values.index.names)[:-1]
    found = values.groupby(level=names).agg(["mean", "std", "count", "size"])
    whole, n = found["count"] == found["size"], found["size"]
    half = stats.t.ppf(0.975, n - 1) * found["std"] / n**0.5
    mean = found["mean"].where(whole)
    made = {"value": mean, "deviation": found["std"].where(whole), "ci_low": mean - half, "ci_high": mean + half}
    return found.assign(**made, seeds=n)[SPREAD]


def differences(values: pd.DataFrame, keys: Sequence[str], bases: Mapping[int, int]) -> pd.Series:
    """The values less those of each combination's baseline, for every seed both have, by keys, combination and seed.

    Args:
        values: ``value`` by keys, ``combination`` and ``seed``.
        bases: each combination's baseline.
    """
    own = values[values.combination.isin(bases)]
    own = own.assign(base=own.combination.map(bases).astype("int64"))
    same = [*keys, "seed"]
    both = own.merge(
        values, left_on=[*same, "base"], right_on=[*same, "combination"], suffixes=("", "_of_base")
    ).set_index([*keys, "combination", "seed"])
    return (both["value"] - both["value_of_base"]).rename("value")


def means(measured: Measured) -> pd.DataFrame:
    """Every metric that was measured in every setting, by `MEAN`.

    ``tasks``: how many; ``at_least``: it is a lower bound, a rank distance some of whose passages have no rank, or a
    metric whose cutoff is deeper than the ranking.
    """
    import pandas as pd

    rows = measured.compared
    found = over_seeds(over_tasks(rows, MEAN))
    found["tasks"] = rows.drop_duplicates([*MEAN, *TASK]).groupby(MEAN).size()
    bounds = measured.scores[measured.scores.common & (measured.scores.metric == "rank_distance_bound")]
    distance = pd.Categorical([BIAS_COLUMNS[0]] * len(bounds), rows.metric.cat.categories)  # else they are of none
    bounds = over_seeds(over_tasks(bounds.assign(metric=distance), MEAN))
    unknown = found.index[found.value.isna()].intersection(bounds.index)
    found["at_least"] = found.index.isin(unknown) | rows.groupby(MEAN).bound.any()
    found.loc[unknown, SPREAD] = bounds.loc[unknown, SPREAD]
    return found


def tabled_metrics(measured: Measured, options: AnalysisOptions, dataset: str) -> tuple[str, ...]:
    """The metrics that have a table of their own: those asked for, else the usual ones; bias has columns of its own."""
    there = dict.fromkeys(m for s in measured.settings(dataset) for m in measured.metrics(dataset, s))
    if options.metrics:
        return tuple(metric for metric in options.metrics if metric in there and metric not in BIAS_COLUMNS)
    usual = tuple(metric for metric in DEFAULT_METRICS if metric in there)
    return usual or tuple(metric for metric in there if metric not in BIAS_COLUMNS)[:1]


def columns_of(measured: Measured, dataset: str, metric: str) -> list[tuple[str, str]]:
    """(setting, metric) of a table: the metric in each setting, then the language bias."""
    found = [(s, metric) for s in measured.settings(dataset) if metric in measured.metrics(dataset, s)]
    return found + [("multi", name) for name in BIAS_COLUMNS if name in measured.metrics(dataset, "multi")]


def group_means(measured: Measured, options: AnalysisOptions, bases: Mapping[int, int]) -> pd.DataFrame:
    """Every grouping of languages of every metric that has a table, and of the language bias, by `GROUP`.

    ``role``: whose language decides: ``query``, ``passage`` (cross-lingual) or ``pair`` (seen, cross-lingual).
    ``languages``: of the group (or its pairs). ``change``, ``change_deviation``, ``change_low``, ``change_high``: the
    difference to the baseline's mean of the same group, over the seeds both have, where it is of the same languages.

    Args:
        bases: each combination's baseline.
    """
    import pandas as pd

    rows = measured.compared
    tabled = {dataset: tabled_metrics(measured, options, dataset) for dataset in measured.datasets}
    wanted = [
        metric in tabled[dataset] or (setting == "multi" and metric in BIAS_COLUMNS)
        for dataset, setting, metric in zip(rows.dataset, rows.setting, rows.metric, strict=True)
    ]
    rows = rows[pd.Series(wanted, index=rows.index, dtype=bool)]
    found = pd.concat(_groupings(rows))
    for name, order in (("kind", list(KINDS)), ("role", list(ROLES)), ("group", in_order(set(found.group)))):
        found[name] = pd.Categorical(found[name], order)
    means = over_seeds(by_seed := over_tasks(found, GROUP))
    members = found.groupby(GROUP).member.agg(lambda own: " ".join(sorted(set(own))))
    means.insert(0, "languages", members)
    means["at_least"] = found.groupby(GROUP).bound.any()
    values = by_seed.reset_index(name="value").merge(members.reset_index(name="languages"), on=GROUP)
    changes = over_seeds(differences(values, [*GROUP[:-1], "languages"], bases)).droplevel("languages")
    names = {"value": "change", "deviation": "change_deviation", "ci_low": "change_low", "ci_high": "change_high"}
    return means.assign(**{new: changes[old].reindex(means.index) for old, new in names.items()})


def _groupings(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows that each grouping has, with their group and what they are a member by."""
    cross = rows[rows.setting == "cross"]
    pairs = cross.query_language + "-" + cross.corpus_language
    yield cross.assign(kind="seen", role="pair", group=pair_groups(cross), member=pairs)
    for kind in KINDS:
        own = rows[(rows.setting != "cross") | (kind != "seen")]
        yield own.assign(kind=kind, role="query", group=groups_of(rows, kind, ""), member=own.query_language)
        if kind != "seen":
            groups = groups_of(rows, kind, "passage_")[cross.index]
            yield cross.assign(kind=kind, role="passage", group=groups, member=cross.corpus_language)
