"""The table people read: every number in its place, rounded only here."""

from __future__ import annotations

from typing import Any

import pytest

from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.evaluation.table import render_table
from beir_hybrid.metrics.measures import DEFAULT_METRICS


def results(*scores: Score) -> Results:
    measured = list(dict.fromkeys(score.metric for score in scores))
    return Results(
        name="mine", dataset="tiny", split="test", retriever={"type": "run"}, scores=scores,
        inputs={"metrics": [metric for metric in measured if not metric.startswith(("rank_distance", "same_"))]},
    )  # fmt: skip


def test_settings_stand_side_by_side_with_a_mean_row() -> None:
    """A row a query language: mono, cross over the passage languages, multi; then the macro mean."""
    table = render_table(
        results(
            Score("mono", "de", "de", "map", 0.81249, 3),
            Score("mono", "en", "en", "map", 0.7, 3),
            Score("cross", "de", "en", "map", 0.6, 3),
            Score("cross", "en", "de", "map", 0.5, 3),
            Score("multi", "de", "all", "map", 0.4, 3),
            Score("multi", "en", "all", "map", 0.3, 3),
            Score("multi", "de", "all", "rank_distance", 10.4, 3),
            Score("multi", "en", "all", "rank_distance", 21.0, 3),
        )
    )
    assert table.splitlines() == [
        "mine on tiny (test): 6 settings, 3 queries each",
        "",
        "       mono  cross  ---- multi -----",
        "        map    map    map  rank dist",
        "de    0.812  0.600  0.400         10",
        "en    0.700  0.500  0.300         21",
        "mean  0.756  0.550  0.350         16",
        "",
        "cross: mean over the passage languages; its last row is the mean over the ordered pairs",
    ]


def test_a_narrow_column_is_as_wide_as_its_settings_name() -> None:
    """Where nothing is defined the columns of the next setting still stand under its name."""
    scores = [Score(setting, "de", "de", "map", None, 3) for setting in ("mono", "cross", "multi")]
    assert render_table(results(*scores)).splitlines()[2:5] == [
        "    mono  cross  multi",
        "     map    map    map",
        "de     -      -      -",
    ]


def test_the_mean_of_cross_is_over_pairs() -> None:
    """With unequal numbers of passage languages the mean over pairs is not the mean over the rows."""
    table = render_table(
        results(
            Score("cross", "de", "en", "map", 0.9, 3),
            Score("cross", "de", "es", "map", 0.6, 3),
            Score("cross", "en", "de", "map", 0.3, 3),
        )
    )
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line[:1].strip()}
    assert (rows["de"], rows["en"], rows["mean"]) == (["0.750"], ["0.300"], ["0.600"])


def test_a_rank_distance_without_ranks_shows_its_bound() -> None:
    """A truncated run has no rank distance: its lower bound is shown as one, and explained."""
    table = render_table(
        results(
            Score("multi", "de", "all", "rank_distance", None, 3),
            Score("multi", "de", "all", "rank_distance_bound", 40.0, 3),
            Score("multi", "en", "all", "rank_distance", 12.0, 3),
            Score("multi", "en", "all", "rank_distance_bound", 12.0, 3),
        )
    )
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line[:1].strip()}
    assert (rows["de"], rows["en"], rows["mean"]) == ([">=40"], ["12"], [">=26"])
    assert "lower bound, some relevant passages were not retrieved" in table


def test_one_language_has_no_mean_row_and_a_value_that_is_not_defined_is_a_dash() -> None:
    """A mean of one row would repeat it; None is never shown as a number."""
    table = render_table(
        results(Score("mono", "de", "de", "map", None, 3), Score("mono", "de", "de", "ndcg@10", 0.5, 3))
    )
    assert table.splitlines()[-1].split() == ["de", "-", "0.500"]
    assert "mean" not in table


def test_every_metric_asked_for_is_shown() -> None:
    """Metrics chosen by hand all have a column, in every setting; the default ones do not fill the screen."""
    chosen = results(
        *(Score("mono", "de", "de", metric, 0.5, 3) for metric in ("map", "mrr@10", "ndcg@5")),
        *(Score("multi", "de", "all", metric, 0.5, 3) for metric in ("map", "mrr@10", "ndcg@5", "rank_distance")),
    )
    heads = render_table(chosen).splitlines()[3].split()
    assert heads == ["map", "mrr@10", "ndcg@5", "map", "rank", "dist", "mrr@10", "ndcg@5"]
    usual = results(*(Score("mono", "de", "de", metric, 0.5, 3) for metric in DEFAULT_METRICS))
    assert render_table(usual).splitlines()[3].split() == ["map", "ndcg@10", "recall@1", "recall@100"]


def test_queries_without_an_answer_are_counted_once_a_task() -> None:
    """Silent queries score 0; how many there were stands below the table, not once for each metric."""
    table = render_table(
        results(
            Score("mono", "de", "de", "map", 0.5, 3, missing_queries=1),
            Score("mono", "de", "de", "mrr@10", 0.5, 3, missing_queries=1),
            Score("mono", "en", "en", "map", 0.5, 3, missing_queries=1200),
        )
    )
    assert table.splitlines()[-1] == "queries for which nothing was retrieved (they score 0): mono 1,201"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"precision": "int8"}, "int8 against float32"),
        ({"truncate_dim": 64}, "the first 64 dimensions against whole vectors"),
        ({"precision": "int8", "truncate_dim": 64}, "the first 64 dimensions in int8 against whole vectors"),
    ],
)
def test_what_smaller_vectors_lose_is_said(record: dict[str, Any], said: str) -> None:
    """Agreement with what the model gives stands below the table, where a retriever measured it."""
    scores = [Score("mono", "de", "de", "map", 0.5, 3)]
    observed = {
        "agreement_with_float32": {"queries": 40, "top_10_overlap": 0.9875, "first_100_rank_correlation": 0.999},
    }
    line = render_table(Results("toy", "toy", "test", record, scores, observed=observed)).splitlines()[-1]
    assert line == f"{said}, on 40 queries: top-10 overlap 0.988, rank correlation of the first 100 0.999"


def test_which_language_a_model_prefers() -> None:
    """Of the first ten from the pool, how many are in each passage language; below, what the pool holds of each."""
    shares = {"de": {"de": 0.8, "en": 0.2}, "en": {"de": 0.125, "en": 0.875}}
    scores = [
        Score("multi", query, "all", f"language_share@10:{passage}", value, 3)
        for query, row in shares.items()
        for passage, value in row.items()
    ]
    for language, share, lift in (("de", 0.8, 2.0), ("en", 0.9, 1.5)):
        scores.append(Score("multi", language, "all", "same_language_share@10", share, 3))
        scores.append(Score("multi", language, "all", "same_language_lift@10", lift, 3))
    text = render_table(results(*scores))
    assert text[text.index("multi: percent") :].splitlines()[:5] == [
        "multi: percent of the first 10 in each passage language, by query language",
        "      de  en",
        "de    80  20",
        "en    12  88",
        "pool  40  60",
    ]
