"""The metrics `evaluate` is asked for: those of `measures`, and those that other packages register by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.errors import MetricError, did_you_mean
from beir_hybrid.metrics.measures import KINDS, Metric, metric_names, parse_metric
from beir_hybrid.records import ScoreArray
from beir_hybrid.registry import METRICS, provider, registered, resolve

if TYPE_CHECKING:
    from beir_hybrid.retrieval.contract import Ranking


@dataclass(frozen=True)
class RegisteredMetric:
    """A metric that another package registers in the group ``beir_hybrid.metrics``.

    Args:
        kind: the name it is registered under.
        cutoff: what is asked for behind the ``@``; None without one.
        function: from a `Ranking` (and ``cutoff=``, if one is asked for) to a value for each of its queries, [queries],
            NaN where it is not defined. Lower values are better where it has a true attribute ``lower_is_better``.
    """

    kind: str
    cutoff: int | None
    function: Callable[..., Any] = field(compare=False)

    def __str__(self) -> str:
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"

    def measure(self, ranking: Ranking) -> ScoreArray:
        """The metric of every query of a task, float64 [queries].

        Raises:
            MetricError: it fails, or gives anything but a number for each query.
        """
        n = len(ranking.task.rows)
        try:
            given = self.function(ranking, **({} if self.cutoff is None else {"cutoff": self.cutoff}))
            values = np.asarray(given, dtype=np.float64)
        except Exception as error:  # another package's code, which may fail in any way
            raise MetricError(
                f"the metric {self} of {provider(registered(METRICS)[self.kind])} failed on {ranking.task.name}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if values.shape != (n,) or np.isinf(values).any():
            raise MetricError(
                f"the metric {self} gave values of shape {values.shape} for {ranking.task.name}; expected ({n},), a "
                f"finite number or NaN for each query"
            )
        return values


def asked_metrics(names: str | Iterable[str] | None) -> tuple[Metric | RegisteredMetric, ...]:
    """The metrics of `metric_names`, each once.

    Raises:
        MetricError: a name is neither of `parse_metric` nor registered, or its provider cannot be imported.
    """
    return tuple(dict.fromkeys(_asked(name) for name in metric_names(names)))


def _asked(name: str) -> Metric | RegisteredMetric:
    try:
        return parse_metric(name)  # ours first: no package changes what map means
    except MetricError as error:
        others = registered(METRICS)
        kind, at, cutoff = name.partition("@")
        if kind not in others:
            if not others or kind.lower() in KINDS:
                raise
            near = did_you_mean(kind, (*KINDS, *others))
            raise MetricError(f"unknown metric {name!r}; {near}; the pool's language bias comes unasked") from error
    if at and not (cutoff.isdigit() and int(cutoff)):
        raise MetricError(f"metric {name!r} has cutoff {cutoff!r}; cutoffs are whole numbers from 1")
    return RegisteredMetric(kind, int(cutoff) if at else None, resolve(METRICS, kind, MetricError))


@functools.cache
def is_lower_better(kind: str) -> bool:
    """Whether lower values of a registered metric are better; False for a name that nothing here registers."""
    return kind in registered(METRICS) and bool(getattr(resolve(METRICS, kind, MetricError), "lower_is_better", False))
