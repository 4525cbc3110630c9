"""Every measure against values worked out by hand, a plain-Python reading of its definition, pytrec_eval and ranx."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beir_hybrid.errors import MetricError
from beir_hybrid.metrics.measures import DEFAULT_METRICS, Metric, measure, parse_metric
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.records import Hits, Judged

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]

TREC_EVAL = {
    "map": "map", "map@3": "map_cut_3", "map@5": "map_cut_5", "ndcg": "ndcg", "ndcg@3": "ndcg_cut_3",
    "ndcg@10": "ndcg_cut_10", "recall@1": "recall_1", "recall@5": "recall_5", "precision@5": "P_5",
    "precision@10": "P_10", "mrr": "recip_rank", "hit_rate@1": "success_1", "hit_rate@5": "success_5",
}  # fmt: skip
ASKED = {"map", "map_cut.3,5", "ndcg", "ndcg_cut.3,10", "recall.1,5", "P.5,10", "recip_rank", "success.1,5"}
WITHOUT_ORACLE = ("mrr@1", "mrr@3", "mrr@10")
PASSAGES = [f"p{place:02d}" for place in range(12)]


def measured(metric: str, qrels: Qrels, run: Run) -> dict[str, float]:
    """Ours, from mappings."""
    queries = sorted(qrels)
    rows = [(row, PASSAGES.index(p), grade) for row, q in enumerate(queries) for p, grade in sorted(qrels[q].items())]
    judged = Judged(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)
    hit = [(row, PASSAGES.index(p), s) for row, q in enumerate(queries) for p, s in run.get(q, {}).items()]
    hits = Hits.sorted(len(queries), [h[0] for h in hit], [h[1] for h in hit], [h[2] for h in hit])
    columns = (hits.query.tolist(), hits.passages.tolist(), hits.rank.tolist())
    place = {(query, passage): rank for query, passage, rank in zip(*columns, strict=True)}
    ranks = np.array([place.get((row, passage), 0) for row, passage, _ in rows], dtype=np.int64)
    return dict(zip(queries, measure(parse_metric(metric), judged, ranks, len(queries)).tolist(), strict=True))


def brute_force(metric: str, qrels: Qrels, run: Run) -> dict[str, float]:
    """The definitions in plain Python."""
    kind, _, cut = metric.partition("@")
    k = int(cut) if cut else 10**9
    values = {}
    for query, judged in qrels.items():
        ranked = sorted(run.get(query, {}).items(), key=lambda item: (float(np.float32(item[1])), item[0]))[::-1]
        gains = [max(judged.get(passage, 0), 0) for passage, _ in ranked][:k]
        relevant = sum(grade > 0 for grade in judged.values())
        places = [rank for rank, gain in enumerate(gains, 1) if gain]
        best = sorted((grade for grade in judged.values() if grade > 0), reverse=True)[:k]
        ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, 1))
        values[query] = {
            "map": sum(n / rank for n, rank in enumerate(places, 1)) / max(relevant, 1),
            "ndcg": sum(g / math.log2(r + 1) for r, g in enumerate(gains, 1)) / ideal if ideal else 0.0,
            "recall": len(places) / max(relevant, 1),
            "precision": len(places) / k,
            "mrr": 1 / places[0] if places else 0.0,
            "hit_rate": float(bool(places)),
        }[kind]
    return values


def random_case(seed: int, *, ties: bool, queries: int = 8) -> tuple[Qrels, Run]:
    """Judged negatives, grades up to 3, queries the run does not mention, queries without a relevant passage."""
    rng = random.Random(seed)
    qrels = {f"q{n:02d}": {p: rng.choice([0, 0, 1, 1, 2, 3]) for p in rng.sample(PASSAGES, rng.randint(1, 8))}
             for n in range(queries)}  # fmt: skip
    run = {}
    for query in qrels:
        if rng.random() < 0.85:
            found = rng.sample(PASSAGES, rng.randint(1, len(PASSAGES)))
            scores = [rng.choice([-1.0, 0.0, -0.0, 0.5, 0.5 + 1e-9, 2.0]) if ties else 0 for _ in found]
            if not ties:
                scores = [value / 16 for value in rng.sample(range(-100, 100), len(found))]
            run[query] = dict(zip(found, scores, strict=True))
    return qrels, run


def from_trec_eval(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    import pytrec_eval

    found = pytrec_eval.RelevanceEvaluator(qrels, ASKED).evaluate(run)
    # pytrec_eval says nothing of queries the run does not mention; here they score 0
    return {q: found.get(q, dict.fromkeys(TREC_EVAL.values(), 0.0)) for q in qrels}


@pytest.mark.parametrize("block", range(10))
def test_thousands_of_random_runs_with_ties_agree_with_pytrec_eval(block: int) -> None:
    """Every measure trec_eval has is trec_eval's to 1e-9, with ties, grades, negatives and missing queries."""
    for seed in range(block * 40, block * 40 + 40):  # 10 x 40 runs x 8 queries
        qrels, run = random_case(seed, ties=seed % 4 != 0)
        oracle = from_trec_eval(qrels, run)
        for ours, theirs in TREC_EVAL.items():
            values = measured(ours, qrels, run)
            for query in qrels:
                assert values[query] == pytest.approx(oracle[query][theirs], abs=1e-9), (seed, query, ours)


GRADES = st.dictionaries(st.sampled_from(PASSAGES), st.integers(-1, 3), min_size=1, max_size=8)
RANKED = st.dictionaries(
    st.sampled_from(PASSAGES),
    st.one_of(st.integers(-2, 2).map(float), st.floats(-8, 8, width=64), st.sampled_from([1.0, 1.0 + 2**-30, -0.0])),
)


@settings(max_examples=75, deadline=None)
@given(qrels=st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), GRADES, min_size=1), run=st.data())
def test_any_run_agrees_with_the_definition_in_plain_python(qrels: Qrels, run: st.DataObject) -> None:
    """The counts over ranks are the textbook definitions, cut reciprocal rank included."""
    found = {query: run.draw(RANKED) for query in qrels}
    for metric in (*TREC_EVAL, *WITHOUT_ORACLE):
        assert measured(metric, qrels, found) == pytest.approx(brute_force(metric, qrels, found), abs=1e-9), metric


@pytest.mark.slow
def test_ranx_agrees_where_there_are_no_ties() -> None:
    """A second, independent implementation gives the same numbers, cut reciprocal rank included."""
    ranx = pytest.importorskip("ranx")
    names = {
        "map": "map", "map@5": "map@5", "ndcg@10": "ndcg@10", "recall@5": "recall@5", "precision@5": "precision@5",
        "mrr": "mrr", "mrr@3": "mrr@3", "mrr@10": "mrr@10", "hit_rate@1": "hit_rate@1",
    }  # fmt: skip
    for seed in range(6):
        qrels, run = random_case(seed, ties=False, queries=12)
        # ranx has no value for a query without a relevant passage, nor does it know unmentioned ones
        qrels = {query: judged for query, judged in qrels.items() if max(judged.values()) > 0}
        run = {query: run[query] for query in qrels if query in run}
        theirs = ranx.evaluate(
            ranx.Qrels({query: qrels[query] for query in run}), ranx.Run(run), list(names.values()), return_mean=False
        )
        for ours, name in names.items():
            values = measured(ours, qrels, run)
            assert [values[query] for query in sorted(run)] == pytest.approx(theirs[name].tolist(), abs=1e-9), ours


JUDGED = Judged(np.array([0, 0, 0]), np.array([1, 4, 7]), np.array([1, 3, 0]))


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        # relevant at ranks 2 (grade 1) and 5 (grade 3)
        ("map", (1 / 2 + 2 / 5) / 2),
        ("map@4", (1 / 2) / 2),
        ("recall@4", 1 / 2),
        ("recall@5", 1.0),
        ("precision@5", 2 / 5),
        ("precision@10", 2 / 10),
        ("mrr", 1 / 2),
        ("mrr@1", 0.0),
        ("hit_rate@1", 0.0),
        ("hit_rate@2", 1.0),
        ("ndcg", (1 / math.log2(3) + 3 / math.log2(6)) / (3 / math.log2(2) + 1 / math.log2(3))),
        ("ndcg@2", (1 / math.log2(3)) / (3 + 1 / math.log2(3))),
    ],
)
def test_values_that_can_be_worked_out_by_hand(metric: str, value: float) -> None:
    """Two relevant passages at ranks 2 and 5, a judged negative at rank 1."""
    found = measure(parse_metric(metric), JUDGED, np.array([2, 5, 1]), 1)
    assert found.tolist() == pytest.approx([value])


def test_a_query_that_the_run_does_not_mention_scores_zero() -> None:
    """Silence never raises a mean: two queries, one answered, both count."""
    judged = Judged(np.array([0, 1]), np.array([0, 0]), np.array([1, 1]))
    for name in (*DEFAULT_METRICS, "precision@1", "hit_rate@1"):
        assert measure(parse_metric(name), judged, np.array([1, 0]), 2)[1] == 0


def test_a_query_without_a_relevant_passage_scores_zero() -> None:
    """Only judged negatives, or no judgment at all: 0 as in trec_eval, not a division by nothing."""
    judged = Judged(np.array([0]), np.array([3]), np.array([0]))
    for name in (*DEFAULT_METRICS, "precision@1", "hit_rate@1", "ndcg"):
        assert measure(parse_metric(name), judged, np.array([1]), 2).tolist() == [0, 0]


def test_scores_that_differ_only_beyond_float32_are_ties() -> None:
    """As in trec_eval the greater id wins a tie, though its score is smaller in double precision."""
    qrels, run = {"q1": {"p01": 1}}, {"q1": {"p01": 1.0 + 1e-9, "p02": 1.0}}
    assert measured("mrr", qrels, run) == {"q1": 0.5}
    assert from_trec_eval(qrels, run)["q1"]["recip_rank"] == 0.5


@pytest.mark.parametrize(
    ("given_name", "metric"),
    [
        ("map", Metric("map")), ("mAP@100", Metric("map", 100)), ("AP", Metric("map")), ("AP@100", Metric("map", 100)),
        ("map_cut_100", Metric("map", 100)), ("nDCG@10", Metric("ndcg", 10)), ("ndcg_cut.10", Metric("ndcg", 10)),
        ("RR@10", Metric("mrr", 10)), ("recip_rank", Metric("mrr")), ("R@100", Metric("recall", 100)),
        ("recall_100", Metric("recall", 100)), ("P@5", Metric("precision", 5)), ("P_5", Metric("precision", 5)),
        ("Success@1", Metric("hit_rate", 1)), ("hit-rate@1", Metric("hit_rate", 1)), (" mrr@10 ", Metric("mrr", 10)),
    ],
)  # fmt: skip
def test_metric_names_of_the_field_are_understood(given_name: str, metric: Metric) -> None:
    """trec_eval's, ir_measures' and ranx's spellings all mean the same metric."""
    assert parse_metric(given_name) == metric
    assert parse_metric(str(metric)) == metric


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ndgc@10", "unknown metric 'ndgc@10'; did you mean 'ndcg'"),
        ("recal@5", "did you mean 'recall'"),
        ("bleu", "unknown metric 'bleu'"),
        ("", "unknown metric ''"),
        ("map@", "unknown metric"),
        ("map@-1", "unknown metric"),
        ("map@0", "cutoff 0; cutoffs begin at 1"),
        ("recall", "needs a cutoff, like recall@10"),
        ("hit_rate", "needs a cutoff"),
    ],
)
def test_a_wrong_metric_name_says_what_was_meant(name: str, problem: str) -> None:
    """A typo is found before anything is loaded, with the closest name."""
    with pytest.raises(MetricError, match=problem):
        parse_metric(name)


def test_a_list_of_metrics_names_each_once() -> None:
    """Comma lists and iterables are the same; two spellings of one metric are one column."""
    assert asked_metrics("map, ndcg@10,AP") == (Metric("map"), Metric("ndcg", 10))
    assert asked_metrics(["mrr@10"]) == (Metric("mrr", 10),)
    assert [str(metric) for metric in asked_metrics(None)] == list(DEFAULT_METRICS)
    with pytest.raises(MetricError, match="no metric was given"):
        asked_metrics([])
