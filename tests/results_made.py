"""Results made by hand, for tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.records import POOL


def made_results(
    name: str,
    mono: Mapping[str, float | None],
    *,
    dataset: str = "xquad-r",
    split: str = "test",
    metric: str = "map",
    retriever: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> Results:
    """Results of the monolingual setting: one metric, the value of each language."""
    scores = [Score("mono", language, language, metric, value, queries=4) for language, value in mono.items()]
    return Results(
        name, dataset, split, retriever or {"type": "dense"}, scores, inputs={"languages": list(mono), **inputs}
    )


def multi_scores(language: str, **values: float | None) -> list[Score]:
    """Scores of the multilingual setting for one query language."""
    return [Score("multi", language, POOL, metric, value, queries=4) for metric, value in values.items()]
