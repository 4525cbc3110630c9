"""Rankings of vectors in memory against full sorts, in heavy ties and odd shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import FloatArray, Passages, Queries
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.search import rankings
from beir_hybrid.settings import Task

pytestmark = pytest.mark.kernels

Encode = Callable[[list[str]], FloatArray]


def full_sort(scores: FloatArray) -> list[list[int]]:
    """Columns of each row by score descending, then column descending."""
    return [sorted(range(len(row)), key=lambda at: (row[at], at), reverse=True) for row in scores.tolist()]


def exact_rankings(
    tasks: Sequence[Task], queries: dict[str, FloatArray], passages: dict[str, FloatArray], top_k: int,
    threads: int | None = None,
) -> Iterator[Ranking]:  # fmt: skip
    return rankings(tasks, VectorScores(queries, passages), top_k, 1 << 28, threads)


def vectors_of(dataset: Dataset, encode: Encode) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    return (
        {x: encode(list(dataset.queries[x].texts)) for x in dataset.languages},
        {x: encode(dataset.passages[x].full_texts()) for x in dataset.languages},
    )


def check_against_full_sort(
    task: Task, queries: dict[str, FloatArray], passages: dict[str, FloatArray], top_k: int, threads: int | None = None
) -> None:
    (ranking,) = exact_rankings([task], queries, passages, top_k, threads)
    assert ranking.complete
    pool = np.concatenate([passages[block.language] for block in task.blocks])
    scores = (queries[task.query_language][task.rows].astype(float) @ pool.T.astype(float)).astype(np.float32)
    order = full_sort(scores)
    rank = [{column: place for place, column in enumerate(row, 1)} for row in order]
    judged = zip(task.judged.query.tolist(), task.judged.passage.tolist(), strict=True)
    assert ranking.ranks.tolist() == [rank[query][passage] for query, passage in judged]
    depth = min(top_k, task.n_passages)
    assert ranking.hits.passages.reshape(-1, depth).tolist() == [row[:depth] for row in order]


def test_every_setting_of_a_partly_parallel_data_set(partly_parallel: Dataset, encode: Encode) -> None:
    """All tasks from one pass equal a full sort of each: questions that lack a language, ties, several row blocks."""
    queries, passages = vectors_of(partly_parallel, encode)
    for task in partly_parallel.tasks():
        check_against_full_sort(task, queries, passages, 7)
    together = list(exact_rankings(partly_parallel.tasks(), queries, passages, 7))
    assert len(together) == 3 + 6 + 3
    for ranking in together:
        (alone,) = exact_rankings([ranking.task], queries, passages, 7)
        assert np.array_equal(ranking.ranks, alone.ranks), ranking.task.name
        assert np.array_equal(ranking.hits.passages, alone.hits.passages), ranking.task.name


@pytest.mark.parametrize("settings_", ["mono", "cross", "multi", "mono,cross"])
def test_some_settings_alone_and_any_number_of_threads(
    partly_parallel: Dataset, encode: Encode, settings_: str
) -> None:
    """What else is asked for, and how many threads count, changes no rank."""
    queries, passages = vectors_of(partly_parallel, encode)
    every = {ranking.task.name: ranking for ranking in exact_rankings(partly_parallel.tasks(), queries, passages, 400)}
    for threads in (1, 3):
        for ranking in exact_rankings(partly_parallel.tasks(settings_), queries, passages, 400, threads):
            assert np.array_equal(ranking.ranks, every[ranking.task.name].ranks)
            assert np.array_equal(ranking.hits.passages, every[ranking.task.name].hits.passages)


def test_repeated_texts_tie_in_real_valued_products(partly_parallel: Dataset) -> None:
    """Equal vectors get equal scores in every language of the pool, so the id decides, not the product's rounding."""
    rng = np.random.default_rng(0)
    queries = {x: rng.normal(size=(len(partly_parallel.queries[x]), 33)).astype(np.float32)
               for x in partly_parallel.languages}  # fmt: skip
    by_text: dict[str, FloatArray] = {}
    passages = {
        x: np.stack([by_text.setdefault(t, rng.normal(size=33).astype(np.float32))
                     for t in partly_parallel.passages[x].full_texts()])
        for x in partly_parallel.languages
    }  # fmt: skip
    task = partly_parallel.task("multi", "de")
    same = [at for at, text in enumerate(t for b in task.blocks for t in b.full_texts()) if text == "same"]
    (ranking,) = exact_rankings([task], queries, passages, task.n_passages)
    for row in ranking.hits.passages.reshape(len(task.rows), -1).tolist():
        places = [row.index(at) for at in same]
        assert places == list(range(places[0], places[0] - len(same), -1))


def test_one_query_one_passage() -> None:
    """The smallest task there is."""
    dataset = Dataset("one", "test", {"de": Passages("de", ["de-p-0"], ["x"])},
                      {"de": Queries("de", ["de-q-0"], ["y"])}, {"de-q-0": {"de-p-0": 1}})  # fmt: skip
    one = {"de": np.ones((1, 4), dtype=np.float32)}
    (ranking,) = exact_rankings(dataset.tasks(), one, one, 10)
    assert ranking.ranks.tolist() == [1]
    assert ranking.hits.passages.tolist() == [0]


def test_languages_whose_ids_sort_otherwise_than_their_codes(encode: Encode) -> None:
    """The ids of pt-br come before those of pt, so its passages stand first in the pool and lose ties."""
    names = ("pt", "pt-br", "ru")
    dataset = Dataset(
        "regions", "test",
        {x: Passages(x, [f"{x}-p-{i}" for i in range(9)], ["same" if i % 2 else f"{x} {i}" for i in range(9)])
         for x in names},
        {x: Queries(x, [f"{x}-q-{i}" for i in range(9)], [f"{x} q {i}" for i in range(9)]) for x in names},
        {f"{x}-q-{i}": {f"{y}-p-{i}": 1 for y in names} for x in names for i in range(9)},
    )  # fmt: skip
    queries, passages = vectors_of(dataset, encode)
    for task in dataset.tasks():
        assert list(task.passage_ids) == sorted(task.passage_ids)
        check_against_full_sort(task, queries, passages, 27)
        for query, judged in BeirView(task).load()[2].items():
            assert all(passage.rsplit("-", 1)[1] == query.rsplit("-", 1)[1] for passage in judged)


def test_a_language_without_passages_takes_no_part(encode: Encode) -> None:
    """A pool with an empty corpus in it is the pool of the others."""
    dataset = Dataset(
        "gap", "test",
        {"de": Passages("de", ["de-p-0", "de-p-1"], ["a", "b"]), "en": Passages("en", [], [])},
        {"de": Queries("de", ["de-q-0"], ["x"]), "en": Queries("en", ["en-q-0"], ["y"])},
        {"de-q-0": {"de-p-0": 1}, "en-q-0": {"de-p-1": 1}},
    )  # fmt: skip
    queries, passages = vectors_of(dataset, lambda texts: encode(texts).reshape(-1, 6))
    check_against_full_sort(dataset.task("multi:de"), queries, passages, 5)
