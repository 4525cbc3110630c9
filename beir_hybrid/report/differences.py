"""Each system against the baseline by query language: what bars are drawn of."""

from __future__ import annotations

from dataclasses import dataclass

from beir_hybrid.comparison.render import shown
from beir_hybrid.comparison.rows import MEAN, Row
from beir_hybrid.report.contents import Contents

# without a test by query
_UNSHOWN = ("peer", "epsilon_squared")


@dataclass(frozen=True)
class Bar:
    """One row as a bar; places are percent of a track whose middle, 50, is no difference.

    Attributes:
        kind: the way it points: ``better``, ``worse`` or ``differs`` (also where it is no more than chance).
        length: to the right, or (below 0) to the left, of the middle.
        whisker: where its interval begins, and how wide it is; None without one.
    """

    row: Row
    verdict: str | None
    kind: str
    length: float
    whisker: tuple[float, float] | None


@dataclass(frozen=True)
class Bars:
    """The bars of one system and metric, by query language, the mean last; all on one scale."""

    name: str
    setting: str
    metric: str
    bars: tuple[Bar, ...]


def all_bars(contents: Contents) -> list[Bars]:
    """Every system and metric that some system has a difference in; no bars where this one has none.

    By query language, of cross the mean alone; only what was measured.
    """
    kinds = dict.fromkeys(
        (row.setting, row.metric)
        for row in contents.comparison.rows
        if row.delta is not None and shown(row.metric) and not row.metric.startswith(_UNSHOWN)
    )
    found = []
    for name in contents.others:
        for setting, metric in kinds:
            given = [contents.by_language.get((name, setting, metric, x)) for x in (*contents.languages, MEAN)]
            rows = [row for row in given if row is not None and row.delta is not None]
            ends = [abs(v) for row in rows for v in (row.delta, row.ci_low, row.ci_high) if v is not None]
            largest = max([0.0, *ends])
            found.append(Bars(name, setting, metric, tuple(_bar(contents, row, largest) for row in rows)))
    return found


def _bar(contents: Contents, row: Row, largest: float) -> Bar:
    def length(value: float) -> float:
        return 50 * value / largest if largest else 0.0

    ends = [length(value) for value in (row.ci_low, row.ci_high) if value is not None]
    whisker = (50 + ends[0], ends[1] - ends[0]) if ends else None
    verdict = contents.comparison.verdict(row)
    return Bar(row, verdict, contents.comparison.leaning(row), length(row.delta or 0.0), whisker)
