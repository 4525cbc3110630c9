"""One evaluation leaves nothing for the next: a retriever on several data sets gives what a fresh one gives on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, DenseRetriever, Passages, Queries, evaluate
from beir_hybrid.records import FloatArray, Hits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.families.reranking import RerankingRetriever
from beir_hybrid.retrieval.recognise import as_retriever


def made(words: str, languages: Sequence[str]) -> Dataset:
    """Four parallel questions and twelve passages of each language; the same ids whatever the words."""
    return Dataset(
        "made", words,
        {x: Passages(x, [f"{x}-p{i:02}" for i in range(12)], [f"{words} {x} {i}" for i in range(12)])
         for x in languages},
        {x: Queries(x, [f"{x}-q{i}" for i in range(4)], [f"{words} asked {x} {i}" for i in range(4)])
         for x in languages},
        {f"{x}-q{i}": {f"{y}-p{3 * i:02}": 1 for y in languages} for x in languages for i in range(4)},
    )  # fmt: skip


DATASETS = [made("one", ("de",)), made("one", ("de", "en")), made("two", ("en", "de")), made("one", ("de",))]
RUN = {
    f"{x}-q{i}": {f"{x}-p{(i * 5 + at) % 12:02}": 1 / (1 + at) for at in range(9)}
    for x in ("de", "en") for i in range(4)
}  # fmt: skip


def encode(texts: Sequence[str]) -> FloatArray:
    return np.stack([np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]).astype("f4")


class Searching:
    """BEIR's search; passages score by their length and id."""

    def search(self, corpus: dict[str, Any], queries: dict[str, str], top_k: int, _: str) -> Any:
        return {
            query: {key: float(len(record["text"]) * 100 + int(key[-2:])) for key, record in corpus.items()}
            for query in queries
        }


class Others:
    name = "others"

    def describe(self) -> dict[str, Any]:
        return {}

    def retrieve(self, tasks: Sequence[Any], top_k: int) -> Any:
        for task in tasks:
            yield Ranking.of_hits(task, Hits.sorted(len(task.rows), [0, 1], [0, 3], [1.0, 2.0]))


class Longest:
    def predict(self, pairs: Sequence[Sequence[str]]) -> list[float]:
        return [float(len(passage)) for _, passage in pairs]


def run_file(folder: Path) -> Path:
    path = folder / "run.trec"
    path.write_text("".join(f"{q} Q0 {p} 1 {s} r\n" for q, own in RUN.items() for p, s in own.items()))
    return path


MAKE: dict[str, Callable[[Path], Any]] = {
    "dense": lambda folder: DenseRetriever(encode),
    "int8": lambda folder: DenseRetriever(encode, precision="int8"),
    "first dimensions": lambda folder: DenseRetriever(encode, truncate_dim=3),
    "kept vectors": lambda folder: DenseRetriever(encode, identity="it", cache=folder / "cache"),
    "run file": lambda folder: as_retriever(run_file(folder)),
    "results": lambda folder: as_retriever(RUN),
    "search of BEIR's": lambda folder: as_retriever(Searching()),
    "of another package": lambda folder: as_retriever(Others()),
    "reranking": lambda folder: RerankingRetriever(Longest(), as_retriever(RUN), depth=4),
}


@pytest.mark.parametrize("kind", MAKE)
def test_a_retriever_gives_what_a_fresh_one_gives(kind: str, tmp_path: Path) -> None:
    """Language subsets and data sets in turn: every score, what was observed, and what it says of itself."""

    def found(dataset: Dataset, retriever: Any) -> Any:
        results = evaluate(dataset, retriever)
        return results.scores, results.observed

    one = MAKE[kind](tmp_path)
    before = one.describe()
    for dataset in DATASETS:
        (tmp_path / dataset.split).mkdir(exist_ok=True)
        assert found(dataset, one) == found(dataset, MAKE[kind](tmp_path / dataset.split))
    assert one.describe() == before
