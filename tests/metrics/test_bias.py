"""Language bias of pooled rankings built so that every value can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.metrics.bias import (
    BIAS_METRICS,
    LOWER_IS_BETTER,
    direction,
    language_bias,
    language_shares,
    peer,
    reciprocal_ranks_by_language,
)
from beir_hybrid.records import Hits, Passages, Queries
from beir_hybrid.retrieval.contract import Ranking


def pool(languages: Sequence[str], n_queries: int, n_passages: int) -> Dataset:
    """Query i of every language is answered by passage i of every language."""
    return Dataset(
        "toy",
        "test",
        {x: Passages(x, [f"{x}-p-{i:02d}" for i in range(n_passages)], ["t"] * n_passages) for x in languages},
        {x: Queries(x, [f"{x}-q-{i:02d}" for i in range(n_queries)], ["t"] * n_queries) for x in languages},
        {f"{x}-q-{i:02d}": {f"{y}-p-{i:02d}": 1 for y in languages} for x in languages for i in range(n_queries)},
    )


def ranked(dataset: Dataset, language: str, *orders: Sequence[int]) -> Ranking:
    """The ranking that lists these pool positions, best first, one list a query."""
    task = dataset.task("multi", language)
    rows = [row for row, order in enumerate(orders) for _ in order]
    scores = [-float(rank) for order in orders for rank in range(len(order))]
    return Ranking.of_hits(task, Hits.sorted(len(task.rows), rows, [p for order in orders for p in order], scores))


# pool positions: de 0 1 2, en 3 4 5; query 0 is answered by 0 and 3, query 1 by 1 and 4
DE_EN = pool(["de", "en"], 2, 3)


def values(ranking: Ranking, cutoff: int = 10) -> dict[str, list[float]]:
    return {name: found.tolist() for name, found in language_bias(ranking, cutoff).items()}


def test_rank_distance_of_a_whole_ranking() -> None:
    """Worst minus best relevant rank, its floor of one place between two, and what is above the floor."""
    # query 0: relevant at 1 and 4; query 1: relevant at 2 and 3
    found = values(ranked(DE_EN, "de", [0, 1, 2, 3, 4, 5], [0, 1, 4, 2, 3, 5]))
    assert found["rank_distance"] == [3, 1]
    assert found["rank_distance_bound"] == [3, 1]
    assert found["rank_distance_floor"] == [1, 1]
    assert found["rank_distance_excess"] == [2, 0]
    assert found["worst_rank"] == [4, 3]
    assert tuple(found) == BIAS_METRICS
    assert {*BIAS_METRICS, "peer", "epsilon_squared"} > LOWER_IS_BETTER


def test_the_worst_rank_of_one_and_of_no_relevant_passage() -> None:
    """One has a rank and no distance; where none is relevant there is neither."""
    qrels = {"de-q-00": {"en-p-01": 1}, "de-q-01": {"de-p-01": 0}}
    found = values(ranked(replace(DE_EN, qrels=qrels), "de", [0, 1, 4, 2, 3, 5], [0, 1, 2, 3, 4, 5]))
    assert found["worst_rank"] == [3, pytest.approx(np.nan, nan_ok=True)]
    assert np.isnan(found["rank_distance"]).all()


def test_every_metric_has_a_direction() -> None:
    """Distances shrink as a system gets better, rankings improve upwards, a share can be too large and too small."""
    directions = [("map", 1), ("peer", 1), ("rank_distance", -1), ("epsilon_squared", -1), ("worst_rank", -1)]
    directions += [("same_language_share@10", 0), ("same_language_lift@10", 0), ("rank_distance_floor", 0)]
    assert [(metric, direction(metric)) for metric, _ in directions] == directions


def test_a_truncated_ranking_has_a_bound_and_no_distance() -> None:
    """A relevant passage that was not retrieved makes the distance undefined, never the depth of the run."""
    # query 0: 0 at rank 1, 3 missing below rank 2; query 1: neither retrieved
    found = values(ranked(DE_EN, "de", [0, 1], [5, 3, 2]))
    assert np.isnan(found["rank_distance"]).all()
    assert np.isnan(found["rank_distance_excess"]).all()
    assert np.isnan(found["worst_rank"]).all()
    assert found["rank_distance_bound"] == [3 - 1, 1]


def test_a_bound_never_exceeds_the_distance_it_bounds() -> None:
    """Cutting random rankings at every depth: the bound is at most the true distance and grows to it."""
    rng = np.random.default_rng(0)
    dataset = pool(["ar", "de", "en", "zh"], 3, 5)
    for _ in range(30):
        orders = [rng.permutation(20).tolist() for _ in range(3)]
        true = np.array(values(ranked(dataset, "de", *orders))["rank_distance"])
        for depth in range(1, 21):
            found = language_bias(ranked(dataset, "de", *(order[:depth] for order in orders)))
            assert (found["rank_distance_bound"] <= true).all()
            defined = ~np.isnan(found["rank_distance"])
            assert np.array_equal(found["rank_distance"][defined], true[defined])


def test_a_cut_ranking_that_holds_every_relevant_passage_has_a_distance() -> None:
    """What lies below the last relevant passage does not matter."""
    assert values(ranked(DE_EN, "de", [0, 3], [4, 0, 1]))["rank_distance"] == [1, 2]


def test_share_and_lift_of_the_query_language() -> None:
    """Share of German passages among the first k, and that over their half of the pool."""
    ranking = ranked(DE_EN, "de", [0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2])
    found = values(ranking, cutoff=4)
    assert found["same_language_share@4"] == [3 / 4, 1 / 4]
    assert found["same_language_lift@4"] == [1.5, 0.5]
    english = values(ranked(DE_EN, "en", [0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]), 4)
    assert (english["same_language_share@4"], english["same_language_lift@4"]) == ([0.25, 0.75], [0.5, 1.5])
    # a pool smaller than the cutoff: all of it, and no preference can show
    assert values(ranking)["same_language_lift@10"] == [1, 1]


def test_share_of_fewer_hits_is_of_those_found_and_of_none_is_undefined() -> None:
    """A lexical retriever that finds two passages has a share of two; one that finds nothing has none."""
    found = values(ranked(DE_EN, "de", [0, 3], []), cutoff=4)
    assert found["same_language_share@4"][0] == 0.5
    assert np.isnan(found["same_language_share@4"][1])


def test_share_is_undefined_where_a_whole_ranking_kept_too_few_hits() -> None:
    """Keeping 2 hits of a full-depth ranking must not turn the share at 4 into a share at 2."""
    ranking = ranked(DE_EN, "de", [0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2])
    cut = Ranking(ranking.task, ranking.hits.cut(2), ranking.ranks, complete=True)
    assert np.isnan(values(cut, cutoff=4)["same_language_share@4"]).all()
    assert values(cut, cutoff=2)["same_language_share@2"] == [1, 0]
    assert values(cut, cutoff=4)["rank_distance"] == [3, 3]


def test_peer_of_one_query_is_a_constant() -> None:
    """With one relevant passage a language a single query says nothing: 0.4405 for 11 languages, whatever the order."""
    languages = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
    dataset = pool(languages, 1, 2)
    rng = np.random.default_rng(1)
    for _ in range(5):
        found = peer(ranked(dataset, "de", rng.permutation(22).tolist()))
        assert found is not None
        assert found.peer == pytest.approx(0.4405, abs=5e-5)
        assert found.epsilon_squared == pytest.approx(1)


def test_pooled_peer_tells_fair_from_biased() -> None:
    """Languages that take turns at the top are fair (near 1); one that is always first is not (near 0)."""
    n, languages = 12, ["de", "en", "zh"]
    dataset = pool(languages, n, n)
    fair, biased = [], []
    for query in range(n):
        answers = [language * n + query for language in range(3)]
        rest = [p for p in range(3 * n) if p not in answers]
        turn = query % 3
        fair.append([*answers[turn:], *answers[:turn], *rest])
        biased.append([answers[0], *rest[:10], answers[1], *rest[10:20], answers[2], *rest[20:]])
    even, uneven = peer(ranked(dataset, "de", *fair)), peer(ranked(dataset, "de", *biased))
    assert even is not None and uneven is not None
    assert even.peer == pytest.approx(1)
    assert even.epsilon_squared == pytest.approx(0, abs=1e-12)
    assert uneven.peer < 1e-6
    # ranks are 1, 12 and 23 in blocks of 12: language explains all of their variance
    assert uneven.epsilon_squared == pytest.approx(1)


def test_peer_of_two_languages() -> None:
    """The Kruskal-Wallis test of the ranks of their answers: 1 and 2 against 2 and 4."""
    found = peer(ranked(DE_EN, "de", [0, 3, 1, 2, 4, 5], [2, 1, 0, 4, 3, 5]))
    assert found is not None
    assert found.peer == pytest.approx(stats.kruskal([1, 2], [2, 4]).pvalue)
    alike = replace(DE_EN, qrels={"de-q-00": {"de-p-00": 1}, "de-q-01": {"en-p-01": 1}})
    assert peer(ranked(alike, "de", [0, 1, 2, 3, 4, 5], [4, 0, 1, 2, 3, 5])) is None, "all first: there is no order"


def test_peer_needs_every_rank_and_two_languages() -> None:
    """A truncated ranking has no PEER, not that of the passages it happened to hold."""
    assert peer(ranked(DE_EN, "de", [0, 1, 2, 3], [0, 1, 2])) is None
    assert peer(ranked(pool(["de"], 2, 3), "de", [0, 1, 2], [1, 0, 2])) is None


def test_the_row_of_the_language_matrix() -> None:
    """Mean reciprocal rank in the pool of the answer in each language; one that was not retrieved counts 0."""
    whole = ranked(DE_EN, "de", [0, 1, 2, 3, 4, 5], [0, 1, 4, 2, 3, 5])
    assert reciprocal_ranks_by_language(whole) == pytest.approx({"de": (1 + 1 / 2) / 2, "en": (1 / 4 + 1 / 3) / 2})
    cut = ranked(DE_EN, "de", [0], [4])
    assert reciprocal_ranks_by_language(cut) == pytest.approx({"de": 1 / 2, "en": 1 / 2})


def test_queries_without_an_answer_in_a_language_do_not_count_for_it() -> None:
    """In partly parallel data a question that does not exist in English is no failure to find it there."""
    qrels = {"de-q-00": {"de-p-00": 1, "en-p-00": 1}, "de-q-01": {"de-p-01": 1}, "en-q-00": {"en-p-00": 1}}
    dataset = Dataset("toy", "test", DE_EN.passages, DE_EN.queries, qrels)
    found = ranked(dataset, "de", [0, 3, 1, 2, 4, 5], [1, 0, 2, 3, 4, 5])
    assert reciprocal_ranks_by_language(found) == {"de": 1, "en": 1 / 2}
    # a single relevant passage is at no distance from itself
    for metric in ("rank_distance", "rank_distance_bound", "rank_distance_floor"):
        assert values(found)[metric][0] == 1
        assert np.isnan(values(found)[metric][1])


def test_shares_of_the_first_results_by_language() -> None:
    """Of the first two: de, en and de, de: three of four in German; a query that found nothing is left out."""
    assert language_shares(ranked(DE_EN, "de", [0, 3, 1], [1, 2, 4]), 2) == {"de": 0.75, "en": 0.25}
    assert language_shares(ranked(DE_EN, "de", [], [4])) == {"de": 0.0, "en": 1.0}
    assert language_shares(ranked(DE_EN, "de", [], [])) == {}
