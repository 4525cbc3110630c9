"""Metrics of other packages: found by name, measured with ours, refused where they give no number a query."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from beir_hybrid import evaluate
from beir_hybrid.errors import MetricError
from beir_hybrid.metrics import registered as module
from beir_hybrid.metrics.bias import direction
from beir_hybrid.metrics.measures import Metric
from beir_hybrid.metrics.registered import RegisteredMetric, asked_metrics, is_lower_better
from tests.systems_made import letters


def hits_of(ranking: Any, cutoff: int = 7) -> Any:
    """How many passages stand above the cutoff: the same for every query of a dense retriever."""
    return np.minimum(ranking.hits.counts, cutoff)


hits_of.lower_is_better = True  # type: ignore[attr-defined]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Registers functions as another package would."""

    def made(**functions: Any) -> None:
        monkeypatch.setattr(
            module, "registered", lambda group: {x: EntryPoint(x, f"other:{x}", group) for x in functions}
        )
        monkeypatch.setattr(module, "resolve", lambda group, name, error: functions[name])
        is_lower_better.cache_clear()

    return made


def test_a_registered_metric_stands_beside_ours(register: Callable[..., None]) -> None:
    """Asked for by its name, with or without a cutoff; its values are in the results of every setting."""
    register(hits_of=hits_of)
    results = evaluate("sample", letters(8), languages="de,en", metrics="map,hits_of,hits_of@3", top_k=5)
    assert results.inputs["metrics"] == ["map", "hits_of", "hits_of@3"]
    # the run is as deep as the deepest cutoff that is asked for, and the default of a function is its own affair
    assert {setting: (means["hits_of"], means["hits_of@3"]) for setting, means in results.summary.items()} == {
        "mono": (7, 3), "cross": (7, 3), "multi": (7, 3),
    }  # fmt: skip


def test_the_direction_is_what_the_function_says(register: Callable[..., None]) -> None:
    """Comparisons turn marks and orders round by it; a name nobody registers is better when higher."""
    register(hits_of=hits_of, other=lambda ranking: ranking)
    assert [direction(name) for name in ("hits_of", "hits_of@3", "other", "unknown", "map", "rank_distance")] == [
        -1, -1, 1, 1, 1, -1,
    ]  # fmt: skip


def test_ours_cannot_be_taken(register: Callable[..., None]) -> None:
    """A package that registers map does not change what map means, under none of its names."""
    register(map=hits_of, AP=hits_of)
    assert asked_metrics("map,AP@5") == (Metric("map"), Metric("map", 5))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda ranking: [1.0], r"metric odd gave values of shape \(1,\) for mono:de; expected \(30,\)"),
        (lambda ranking: np.full(30, np.inf), "a finite number or NaN for each query"),
        (lambda ranking: 1 / 0, r"metric odd of other:odd failed on mono:de: ZeroDivisionError: division by zero"),
        (lambda ranking: ["a"] * 30, "metric odd of other:odd failed on mono:de: ValueError"),
    ],
)
def test_what_is_no_number_a_query_is_refused(register: Callable[..., None], function: Any, said: str) -> None:
    register(odd=function)
    with pytest.raises(MetricError, match=said):
        evaluate("sample", letters(8), languages="de", settings="mono", metrics="odd")


def test_names_and_cutoffs_that_cannot_be(register: Callable[..., None]) -> None:
    register(hits_of=hits_of)
    assert asked_metrics("hits_of@3") == (RegisteredMetric("hits_of", 3, hits_of),)
    for name, said in {
        "hits_off": "did you mean 'hits_of'",
        "hits_of@0": "cutoffs are whole numbers from 1",
        "hits_of@x": "cutoffs are whole numbers from 1",
        "recall": "needs a cutoff, like recall@10",
    }.items():
        with pytest.raises(MetricError, match=said):
            asked_metrics(name)
