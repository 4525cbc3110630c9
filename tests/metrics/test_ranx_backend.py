"""ranx agrees with our metrics, and none of its traps reaches a user."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import evaluate, load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import MissingExtraError, ResultsError, RunError
from beir_hybrid.evaluation.scoring import score_task
from beir_hybrid.metrics import ranx_backend
from beir_hybrid.metrics.measures import parse_metric
from beir_hybrid.metrics.ranx_backend import (
    METHODS,
    NORMS,
    RANK_METHODS,
    WEIGHTED,
    LowerIsBetter,
    from_run,
    fuse_hits,
    ranx_library,
    tune_fusion,
)
from beir_hybrid.records import Hits, Judged
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task

METRICS = "map,map@5,ndcg@10,recall@10,precision@5,mrr@10,mrr,hit_rate@3"


@pytest.fixture(scope="module")
def task() -> Task:
    return load_dataset("sample", languages=["de", "en"]).task("multi:de")


def random_hits(task: Task, seed: int, k: int = 20) -> Hits:
    """Scores of four values only, so that most hits are ties."""
    rng = np.random.default_rng(seed)
    n = len(task.rows)
    passages = np.concatenate([rng.permutation(task.n_passages)[:k] for _ in range(n)])
    return Hits.sorted(n, np.repeat(np.arange(n), k), passages, rng.integers(0, 4, n * k))


def test_ranx_scores_what_was_kept_as_we_do(tmp_path: Path) -> None:
    """Every metric over all queries, though most scores are ties, which ranx alone would put in any order, and though
    its queries stand in another order than ours."""
    dataset = load_dataset("sample", languages=["de", "en"])
    task = dataset.task("multi:de")
    hits, ids = random_hits(task, 0), task.passage_ids
    given = {
        query: {ids[at]: score for at, score in zip(found.passages.tolist(), found.scores.tolist(), strict=True)}
        for row, query in enumerate(task.query_ids)
        for found in [hits.take(np.array([row]))]
    }
    results = evaluate(dataset, given, settings="multi", metrics=METRICS, out=tmp_path)
    run = results.to_ranx("multi:de")
    back = from_run(run)
    first = hits.passages[: hits.counts[0]].tolist()
    assert list(back[task.query_ids[0]]) == [ids[at] for at in first]
    with ranx_library() as ranx:
        qrels = ranx.Qrels(BeirView(task).load()[2])
        for turned in (run, ranx.Run(dict(reversed(back.items())))):
            for metric in METRICS.split(","):
                found = ranx.evaluate(qrels, turned, metric)
                assert found == pytest.approx(results.value("multi", metric, "de"), abs=1e-12), metric
    with pytest.raises(ResultsError, match="keeps no run of mono:de"):
        results.to_ranx("mono:de")


def test_few_queries_leave_numba_its_threads(task: Task) -> None:
    """Fewer than ten queries would set numba to one thread for good."""
    import numba

    few = load_dataset("sample", languages=["de"]).task("mono:de")
    assert len(few.rows) >= 10
    before = numba.get_num_threads()
    with ranx_library() as ranx:
        ranx.evaluate(ranx.Qrels({"q": {"d": 1}}), ranx.Run({"q": {"d": 1.0}}), "map")
    assert numba.get_num_threads() == before


def test_threads_take_turns(task: Task) -> None:
    """Two threads inside ranx would abort the process: one waits for the other."""
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for seed in range(3):
            with ranx_library():
                with guard:
                    inside += 1
                    most = max(most, inside)
                fuse_hits([random_hits(task, seed)] * 2, "rrf", "none", {"k": 60})
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_without_ranx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, in one line."""

    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(ranx_backend.importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"beir-hybrid\[report\]"), ranx_library():
        pass


def hits_of(*ranked: dict[int, float]) -> Hits:
    rows = [(query, passage, score) for query, found in enumerate(ranked) for passage, score in found.items()]
    query, passages, scores = zip(*rows, strict=True)
    return Hits.sorted(len(ranked), query, passages, scores)


ONE = hits_of({0: 12.0, 1: 7.0, 2: 2.0}, {7: 1.0}, {3: 2.0})
TWO = hits_of({2: 3.0, 0: -1.0}, {8: 1.0}, {3: 9.0})


def fused(method: str, norm: str = "min-max", **params: Any) -> list[dict[int, float]]:
    hits = fuse_hits([ONE, TWO], method, norm, params)
    found: list[dict[int, float]] = [{} for _ in range(3)]
    for query, passage, score in zip(hits.query, hits.passages.tolist(), hits.scores.tolist(), strict=True):
        found[query][passage] = score
    return found


def test_reciprocal_rank_fusion_by_hand() -> None:
    """Passage 0: 1/(60+1) + 1/(60+2); 2: 1/(60+3) + 1/(60+1); 1: 1/(60+2)."""
    first, second, third = fused("rrf", k=60)
    assert first == pytest.approx({0: 1 / 61 + 1 / 62, 2: 1 / 63 + 1 / 61, 1: 1 / 62}, abs=1e-7)
    assert list(second) == [8, 7], "a tie: trec_eval puts the greater id first"
    assert third == pytest.approx({3: 2 / 61}, abs=1e-7)


def test_weighted_sum_by_hand() -> None:
    """Scores between 0 and 1 within each query, then .25 and .75 of them."""
    first, _, _ = fused("wsum", weights=[0.25, 0.75])
    assert first == pytest.approx({0: 0.25, 1: 0.125, 2: 0.75}, abs=1e-6)
    assert fused("wsum", weights=[0.25, 0.75])[1:] == [{7: 0.25, 8: 0.75}, {3: 1.0}], "a single passage is the best"
    raw, _, _ = fused("wsum", "none", weights=[0.5, 0.5])
    assert raw == pytest.approx({0: 5.5, 1: 3.5, 2: 2.5}, abs=1e-6)


def test_standard_scores_by_hand() -> None:
    """Scores less their mean, over their deviation, which one passage lacks; max cannot divide by what is below 0."""
    first, second, third = fused("wsum", "zmuv", weights=[0.5, 0.5])
    assert first == pytest.approx({0: 0.5 * (1.5**0.5 - 1), 1: 0.0, 2: 0.5 * (1 - 1.5**0.5)}, abs=1e-6)
    assert (second, third) == ({7: 0.0, 8: 0.0}, {3: 0.0})
    with pytest.raises(RunError, match="max cannot divide by a query's highest score, -1; use min-max"):
        fuse_hits([ONE, hits_of({0: -1.0}, {1: 1.0}, {1: 1.0})], "sum", "max", {})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs(method: str) -> None:
    """Each ranks the union of what its inputs found, query by query, with its default parameters."""
    params = dict(METHODS[method]) | ({"weights": [0.5, 0.5]} if method in WEIGHTED else {})
    found = fused(method, "none" if method in RANK_METHODS else "min-max", **params)
    assert [set(ranked) for ranked in found] == [{0, 1, 2}, {7, 8}, {3}]


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_runs(norm: str) -> None:
    """A norm changes scores, never what was found."""
    assert [set(ranked) for ranked in fused("sum", norm)] == [{0, 1, 2}, {7, 8}, {3}]


def test_queries_one_or_all_systems_found_nothing_for() -> None:
    """They stay in place; what the other system found is the fusion."""
    one = Hits.sorted(3, [0, 0], [1, 2], [2.0, 1.0])
    two = Hits.sorted(3, [2], [5], [1.0])
    found = fuse_hits([one, two], "rrf", "none", {"k": 60})
    assert found.counts.tolist() == [2, 0, 1]
    assert found.passages.tolist() == [1, 2, 5]
    nothing = Hits.sorted(2, [], [], [])
    assert fuse_hits([nothing, nothing], "wsum", "min-max", {"weights": [0.5, 0.5]}).counts.tolist() == [0, 0]


def test_passages_are_numbered_as_they_are_found() -> None:
    """A corpus can hold millions that no run has: the last of two thousand millions costs what the first does."""
    last = np.iinfo(np.int32).max
    one, two = (Hits.sorted(2, [0, 0, 1], [last, low, 5], [3.0, 1.0, 1.0]) for low in (0, 1))
    found = fuse_hits([one, two], "wsum", "min-max", {"weights": [0.5, 0.5]})
    assert found.passages.tolist() == [last, 1, 0, 5]
    judged = Judged(np.array([0, 1]), np.array([last, 5]), np.array([1, 1]))
    assert tune_fusion([judged], [[one, two]], "rrf", "none", parse_metric("map"))


def test_tuning_finds_the_system_that_is_right(task: Task) -> None:
    """One system puts every relevant passage first, the other is chance: all the weight goes to the first."""
    judged, chance = task.judged, random_hits(task, 5, task.n_passages)
    relevant = np.isin(
        chance.query * task.n_passages + chance.passages, judged.query * task.n_passages + judged.passage
    )
    right = Hits.sorted(len(task.rows), chance.query, chance.passages, relevant)
    params = tune_fusion([judged], [[random_hits(task, 4), right]], "wsum", "min-max", parse_metric("map"))
    fusion = fuse_hits([random_hits(task, 4), right], "wsum", "min-max", params)
    assert params["weights"][1] > params["weights"][0]
    assert all(type(weight) is float for weight in params["weights"])
    assert score_task(Ranking.of_hits(task, fusion), [parse_metric("map")]).per_query["map"].mean() == 1.0


def test_tuning_is_over_all_tasks(task: Task) -> None:
    """The queries of all tasks count the same: two tasks in which the second system is right, against one."""
    judged, one, two = task.judged, random_hits(task, 4), random_hits(task, 5, task.n_passages)
    pairs = two.query * task.n_passages + two.passages
    right = Hits.sorted(
        len(task.rows), two.query, two.passages, np.isin(pairs, judged.query * task.n_passages + judged.passage)
    )
    runs = [[one, right], [one, right], [right, one]]
    weights = [
        tune_fusion([judged] * 3, given, "wsum", "min-max", parse_metric("map"))["weights"]
        for given in (runs, [run[::-1] for run in runs])
    ]
    assert weights[0][1] > weights[0][0] and weights[1][0] >= weights[1][1]


def test_each_query_is_held_against_its_own_judgments() -> None:
    """One task that the first system is right in, and two queries of another that the second is: it has more weight.

    Each finds one passage, and of the last query of a task nothing is relevant.
    """
    tasks = [(Judged(np.array([0]), np.array([0]), np.array([1])), [0, 5], [1, 6]),
             (Judged(np.array([0, 1]), np.array([1, 2]), np.array([1, 1])), [3, 4, 7], [1, 2, 8])]  # fmt: skip
    runs = [[Hits.sorted(len(one), range(len(one)), found, [1.0] * len(one)) for found in (one, two)]
            for _, one, two in tasks]  # fmt: skip
    for turned in (1, -1):
        given = [systems[::turned] for systems in runs]
        params = tune_fusion([judged for judged, *_ in tasks], given, "wsum", "min-max", parse_metric("map"))
        weights = params["weights"][::turned]
        assert weights[1] > weights[0]


def test_one_passage_that_one_system_found_is_enough_to_tune_on() -> None:
    """Nothing that could be tried is better than the default."""
    judged = Judged(np.array([0]), np.array([3]), np.array([1]))
    runs = [Hits.sorted(1, [0], [3], [1.0]), Hits.sorted(1, [], [], [])]
    assert tune_fusion([judged], [runs], "rrf", "none", parse_metric("map")) == {"k": 60}


def test_the_grid_that_tuning_tries() -> None:
    """Tenths that make one, whole tens for rrf's k, hundredths for the others; the default's neighbours first."""
    weights = [trial["weights"] for trial in ranx_backend._trials("wsum", 2)]
    assert weights[0] == [0.5, 0.5] and sorted(weights) == [[at / 10, (10 - at) / 10] for at in range(11)]
    assert [trial["k"] for trial in ranx_backend._trials("rrf", 2)] == [60, 50, 70, 40, 80, 30, 90, 20, 100, 10]
    assert sorted(trial["phi"] for trial in ranx_backend._trials("rbc", 2)) == [at / 100 for at in range(1, 101)]


def test_two_passages_of_one_hash_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than taken for each other."""
    monkeypatch.setattr(ranx_backend, "hash", lambda name: 1, raising=False)
    runs = [Hits.sorted(1, [0, 0], [0, 1], [2.0, 1.0])] * 2
    with pytest.raises(RunError, match="two passages have the same hash in this process; run the command again"):
        fuse_hits(runs, "rrf", "none", {"k": 60})


def test_what_is_tuned_is_best_as_it_is_measured() -> None:
    """A weight of 0 leaves a system's hits tied, which are measured by id: tuning must not see that system's order."""
    judged = Judged(np.arange(2), np.array([0, 1]), np.array([1, 1]))
    lexical = Hits.sorted(2, [0], [9], [1.0])  # wrong, and nothing for the second query
    dense = Hits.sorted(2, [0, 0, 0, 1, 1, 1], [0, 2, 3, 1, 2, 3], [3.0, 2.0, 1.0] * 2)  # right twice
    for runs, right in (([lexical, dense], 1), ([dense, lexical], 0)):
        params = tune_fusion([judged], [runs], "wsum", "min-max", parse_metric("map"))
        assert params["weights"][right] > 0.5
        assert fuse_hits(runs, "wsum", "min-max", params).places(judged.query, judged.passage).tolist() == [0, 4]


def test_of_parameters_that_serve_alike_the_nearest_to_the_default_are_taken() -> None:
    judged, right = Judged(np.zeros(1, dtype=int), np.array([1]), np.array([1])), Hits.sorted(1, [0], [1], [1.0])
    for method, found in (
        ("wsum", {"weights": [0.3, 0.3, 0.4]}), ("rrf", {"k": 60}), ("rbc", {"phi": 0.8}), ("gmnz", {"gamma": 0.5}),
        ("logn_isr", {"sigma": 0.01}), ("w_condorcet", {"weights": [0.3, 0.3, 0.4]}),
    ):  # fmt: skip
        norm = "none" if method in ("rrf", "rbc", "logn_isr", "w_condorcet") else "min-max"
        assert tune_fusion([judged], [[right] * 3], method, norm, parse_metric("map")) == found


def test_the_lower_value_is_the_greater() -> None:
    """In both directions, and against the plain 0 that ranx begins its search for the best with."""
    three, five = LowerIsBetter(3.0), LowerIsBetter(5.0)
    assert (three > five, five > three, three < five, five < three) == (True, False, False, True)
    assert (three > 0, three > 0) == (True, True)
