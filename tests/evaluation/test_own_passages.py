"""Queries that stand in the corpus themselves, as ArguAna's do: they are no candidates for themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from beir.retrieval.evaluation import EvaluateRetrieval

from beir_hybrid import BeirView, Dataset, DenseRetriever, Passages, Queries, evaluate, load_dataset
from beir_hybrid.datasets import load_beir_folder
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.beir import BeirSearchRetriever
from beir_hybrid.retrieval.contract import Ranking

N = 40
TEXTS = [f"argument {number}" for number in range(N)]


def arguments(own: bool = True) -> Dataset:
    """Every argument asks for the next one; the first five are in no corpus."""
    passages = Passages("en", [f"en-p-{number:02d}" for number in range(5, N)], TEXTS[5:])
    queries = Queries("en", [f"en-q-{number:02d}" for number in range(N)], TEXTS)
    qrels = {f"en-q-{number:02d}": {f"en-p-{max(5, (number + 1) % N):02d}": 1} for number in range(N)}
    itself = {f"en-q-{number:02d}": f"en-p-{number:02d}" for number in range(5, N)} if own else {}
    return Dataset("arguments", "test", {"en": passages}, {"en": queries}, qrels, own_passages=itself)


def encode(texts: list[str]) -> np.ndarray:
    """Vectors that depend on the text alone: a query's own passage is its nearest."""
    rows = [np.random.default_rng(int(text.split()[1])).normal(size=4) for text in texts]
    return np.array(rows, dtype=np.float32)


def expected(metric: str) -> dict[str, float]:
    """trec_eval on rankings out of which the query itself was taken, as BEIR does."""
    dataset = arguments()
    vectors = encode(TEXTS)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    run = {
        f"en-q-{q:02d}": {f"en-p-{p:02d}": float(vectors[q] @ vectors[p]) for p in range(5, N) if p != q}
        for q in range(N)
    }
    qrels = {query: dict(judged) for query, judged in dataset.qrels.items()}
    found = pytrec_eval.RelevanceEvaluator(qrels, {metric}).evaluate(run)
    return {query: values[metric.replace(".", "_")] for query, values in found.items()}


def test_measured_as_if_they_were_not_there(tmp_path: Path) -> None:
    """Every query's figure is that of the ranking without itself; the run that is kept does not hold it."""
    import pyarrow.parquet as pq

    results = evaluate(arguments(), encode, metrics="map,recall@10", out=tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "per_query.parquet").to_pylist()
    for metric, theirs in (("map", "map"), ("recall@10", "recall.10")):
        want = expected(theirs)
        assert {row["query_id"]: row[metric] for row in table} == pytest.approx(want, abs=1e-9)
        assert results.value("mono", metric) == pytest.approx(np.mean(list(want.values())), abs=1e-9)
    runs = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert len(runs) == N * (N - 5) - (N - 5)
    assert not [row for row in runs if row["query_id"][5:] == row["passage_id"][5:]]
    plain = evaluate(arguments(own=False), encode, metrics="map")
    assert plain.value("mono", "map") < results.value("mono", "map")


def test_a_cut_ranking_moves_up_below_them() -> None:
    """By hand: the query at rank 2 of 3 is taken out, so that rank 3 becomes 2; other queries stay."""
    task = arguments().task("mono:en")
    hits = Hits.sorted(N, [7, 7, 7, 8, 8], [10, 2, 3, 4, 20], [3.0, 2.0, 1.0, 2.0, 1.0])
    ranking = Ranking.of_hits(task, hits).without_own(10)
    assert ranking.hits.passages.tolist() == [10, 3, 4, 20]  # en-p-07 is passage 2
    assert ranking.hits.counts[[7, 8, 9]].tolist() == [2, 2, 0]
    relevant = {
        int(q): int(r) for q, r, g in zip(task.judged.query, ranking.ranks, task.judged.grade, strict=True) if g
    }
    assert (relevant[7], relevant[8], relevant[9]) == (2, 1, 0)


def test_all_queries_are_measured_at_one_depth() -> None:
    """One passage more than asked for is sought: of a query that did not find itself the last one goes.

    A run that never held the queries themselves loses nothing.
    """
    task = arguments().task("mono:en")
    hits = Hits.sorted(N, [7, 7, 7, 8, 8, 8], [10, 2, 3, 4, 20, 21], [3.0, 2.0, 1.0, 3.0, 2.0, 1.0])
    ranking = Ranking.of_hits(task, hits, 3).without_own(2)
    assert ranking.hits.passages.tolist() == [10, 3, 4, 20]
    assert (ranking.sought, ranking.ranks.max()) == (2, 2)
    late = Ranking.of_hits(task, Hits.sorted(N, [8, 8, 8], [20, 21, 4], [3.0, 2.0, 1.0]), 3)  # 4 is the relevant one
    assert late.without_own(2).ranks.max() == 0
    assert (late.without_own(3).ranks.max(), late.without_own(3).sought) == (3, 3)


def test_beir_and_what_is_exported_for_it_know_them_too(tmp_path: Path) -> None:
    """BEIR drops the passage that has a query's id: its own evaluation, and the folder read again, give our figure."""
    dataset = arguments()
    mine = evaluate(dataset, encode, metrics="ndcg@10").value("mono", "ndcg@10")
    corpus, queries, qrels = BeirView(dataset.task("mono:en")).load()
    assert (len(corpus), len(queries), sum(map(len, qrels.values()))) == (N - 5, N, N)
    assert [key for key in queries if key not in corpus] == [f"en-q-{number:02d}" for number in range(5)]
    search = DenseRetriever(encode)
    theirs = {query: dict(found) for query, found in search.search(corpus, queries, 10).items()}
    (figure,) = EvaluateRetrieval.evaluate(qrels, theirs, [10])[0].values()
    assert figure == pytest.approx(mine, abs=1e-5)
    again = load_beir_folder(BeirView(dataset.task("mono:en")).export(tmp_path / "beir"), "en")
    assert evaluate(again, encode, metrics="ndcg@10").value("mono", "ndcg@10") == mine
    # a BEIR search object is asked in the same way, and its rankings are those of our queries
    assert evaluate(dataset, BeirSearchRetriever(search), metrics="ndcg@10").value("mono", "ndcg@10") == mine
    twice = replace(dataset, own_passages={"en-q-05": "en-p-05", "en-q-06": "en-p-05"})
    with pytest.raises(DatasetError, match="two queries of mono:en are the same passage"):
        BeirView(twice.task("mono:en")).load()


def test_a_data_set_knows_itself_by_them() -> None:
    """The same judgments with and without own passages are different data sets."""
    assert arguments().fingerprint != arguments(own=False).fingerprint
    assert arguments(own=False).task("mono:en").own is None


def test_arguana_says_so(tmp_path: Path, no_data: Path) -> None:
    """In ArguAna equal ids are the same text; in a set like FiQA, where both are numbers, they are an accident."""
    for name in ("arguana", "fiqa"):
        folder = tmp_path / name
        (folder / "qrels").mkdir(parents=True)
        (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": i, "text": f"t{i}"}) + "\n" for i in "123"))
        (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": i, "text": f"q{i}"}) + "\n" for i in "19"))
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t2\t1\n9\t3\t1\n")
    assert load_dataset("beir/arguana", tmp_path).own_passages == {"en-q-1": "en-p-1"}
    assert load_dataset("beir/arguana", tmp_path).task("mono:en").own.tolist() == [0, -1]
    assert load_dataset("beir/fiqa", tmp_path).own_passages == {}
