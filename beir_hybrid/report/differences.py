"""Each system against the baseline by query language: what bars are drawn of."""

from __future__ import annotations

from beir_hybrid.comparison.rows import Row
from beir_hybrid.published.scores import MEAN
from beir_hybrid.report.contents import Contents

# facts of the data, or the same number in another unit
_UNSHOWN = ("rank_distance_floor", "rank_distance_excess", "rank_distance_bound", "same_language_lift", "peer")


def settings_and_metrics(contents: Contents) -> list[tuple[str, str]]:
    """What there are differences of by query language, in the comparison's order."""
    found = dict.fromkeys(
        (row.setting, row.metric)
        for row in contents.comparison.rows
        if row.delta is not None and row.setting != "cross" and not row.metric.startswith(_UNSHOWN)
    )
    return list(found)


def against_baseline(contents: Contents, name: str, setting: str, metric: str) -> dict[str, Row]:
    """``{query language: row}``, the mean last; only what was measured."""
    found = {}
    for language in (*contents.languages, MEAN):
        row = contents.by_language.get((name, setting, metric, language))
        if row is not None:
            found[language] = row
    return found
