"""A reranker orders the candidates of a first stage anew, and nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, evaluate, load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, passage_text
from beir_hybrid.retrieval.families.late_interaction import LateInteractionRetriever
from beir_hybrid.retrieval.families.reranking import RerankingRetriever
from beir_hybrid.retrieval.recognise import as_retriever
from tests.retrieval.families.conftest import Lengths


class Mixed:
    """A reranker whose scores say nothing and never tie."""

    def predict(self, pairs: Sequence[Sequence[str]], **_: Any) -> FloatArray:
        return np.array([zlib.crc32("|".join(pair).encode()) / 2**32 for pair in pairs], np.float32)


def test_sentence_transformers_reranks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """nDCG@10 of its evaluator of cross-encoders, to five digits, where every passage is scored again."""
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

    german = load_dataset("sample", languages=["de"])
    corpus, queries, qrels = BeirView(german.task("mono:de")).load()
    texts = {name: passage_text(**record) for name, record in corpus.items()}
    asked = [
        {"query": query, "positive": [texts[name] for name in qrels[key]], "documents": list(texts.values())}
        for key, query in queries.items()
    ]
    monkeypatch.setattr(CrossEncoderRerankingEvaluator, "store_metrics_in_model_card_data", lambda *_: None)
    theirs = CrossEncoderRerankingEvaluator(asked, at_k=10, show_progress_bar=False)(Mixed())
    run = {key: {name: float(-at) for at, name in enumerate(texts)} for key in queries}
    retriever = RerankingRetriever(Mixed(), as_retriever(run), depth=len(texts))
    ours = evaluate(german, retriever, settings="mono", metrics=["ndcg@10", "mrr@10"])
    assert ours.value("mono", "ndcg@10", "de") == pytest.approx(theirs["ndcg@10"], abs=5e-6)
    assert ours.value("mono", "mrr@10", "de") == pytest.approx(theirs["mrr@10"], abs=5e-6)


class Ranks:
    def rank(self, query: str, documents: list[str]) -> list[Mapping[str, float]]:
        return [{"corpus_id": at, "score": float(len(text))} for at, text in enumerate(documents)]


def test_reranking_changes_the_best_passages_only(sample: Dataset) -> None:
    """The first three change places by their new scores; from the fourth on all stays; distances are bounds."""
    task = sample.task("multi:de")
    ids = [name for block in task.blocks for name in block.ids]
    texts = dict(zip(ids, (text for block in task.blocks for text in block.full_texts()), strict=True))
    run = {query: {name: float(len(ids) - at) for at, name in enumerate(ids)} for query in task.query_ids}
    for model in (Lengths(), Ranks()):
        retriever = RerankingRetriever(model, as_retriever(run), depth=3)
        (ranking,) = retriever.bind(sample).retrieve([task], len(ids))
        order = sorted(ids[:3], key=lambda name: (len(texts[name]), name), reverse=True) + ids[3:5]
        assert [ids[at] for at in ranking.hits.cut(5).take(np.array([0])).passages] == order
        assert (ranking.complete, ranking.depth) == (False, 3)
        assert (np.diff(ranking.hits.scores[:5]) <= 0).all()
        for query, passage, rank in zip(task.judged.query, task.judged.passage, ranking.ranks, strict=True):
            assert query >= 0 and rank == (order.index(ids[passage]) + 1 if passage < 3 else passage + 1)
    results = evaluate(sample, RerankingRetriever(Lengths(), as_retriever(run), depth=3), settings="multi")
    assert results.summary["multi"]["rank_distance"] is None
    assert results.retriever["depth"] == 3 and results.retriever["first_stage"]["name"]


class Counted(list[str]):
    """Texts that know which of them were read."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(texts)
        self.read: list[Any] = []

    def __getitem__(self, at: Any) -> Any:
        self.read.append(at)
        return super().__getitem__(at)

    def __iter__(self) -> Any:
        raise AssertionError("all texts are read")


def test_reranking_reads_the_texts_of_candidates_only(sample: Dataset) -> None:
    """A corpus on disk may be larger than memory."""
    task = sample.task("mono:de")
    texts = Counted(list(task.blocks[0].texts))
    block = replace(task.blocks[0], texts=texts, content="as on disk")
    run = {query: {name: float(at) for at, name in enumerate(block.ids)} for query in task.query_ids}
    bound = RerankingRetriever(Lengths(), as_retriever(run), depth=2).bind(sample)
    list(bound.retrieve([replace(task, blocks=(block,))], 10))
    assert sorted(texts.read) == [len(block) - 2, len(block) - 1]


@pytest.mark.train
def test_a_cross_encoder(sample: Dataset, tiny: Any, tmp_path: Path) -> None:
    """Scores are those of ``predict``, and kept by the content of the pair: the second time nothing is predicted."""
    from sentence_transformers import CrossEncoder

    task = sample.task("mono:de")
    ids = list(task.blocks[0].ids)
    run = {query: {name: float(len(ids) - at) for at, name in enumerate(ids)} for query in task.query_ids}
    retriever = RerankingRetriever(tiny("cross-encoder"), as_retriever(run), depth=4, cache=tmp_path)
    (ranking,) = retriever.bind(sample).retrieve([task], 4)
    pairs = [[task.queries.texts[task.rows[0]], text] for text in task.blocks[0].full_texts()[:4]]
    scores = CrossEncoder(str(tiny("cross-encoder")), device="cpu").predict(pairs)
    assert ranking.hits.scores[:4] == pytest.approx(sorted(scores, reverse=True), rel=1e-5)
    again = RerankingRetriever(tiny("cross-encoder"), as_retriever(run), depth=4, cache=tmp_path)
    again._model.model.predict = None
    (same,) = again.bind(sample).retrieve([task], 4)
    assert (same.ranks == ranking.ranks).all()


@pytest.mark.train
def test_late_interaction_over_candidates(sample: Dataset, tiny: Any) -> None:
    """Where the corpus is too large the best of a first stage are scored by the same MaxSim, and the record says so."""
    small = LateInteractionRetriever(tiny("multi-vector"), memory=0, cache=False)
    with pytest.raises(RetrieverError, match="more memory, or a first stage"):
        evaluate(sample, small, settings="mono")
    with pytest.raises(RetrieverError, match="more memory, or a first stage"):
        small.search(*BeirView(sample.task("mono:en")).load()[:2], 5)
    task = sample.task("mono:de")
    ids = list(task.blocks[0].ids)
    run = {query: {name: float(len(ids) - at) for at, name in enumerate(ids)} for query in task.query_ids}
    retriever = LateInteractionRetriever(
        tiny("multi-vector"), first=as_retriever(run), candidates=len(ids), cache=False
    )
    (some,) = retriever.bind(sample).retrieve([task], 10)
    whole = LateInteractionRetriever(tiny("multi-vector"), cache=False)
    (every,) = whole.bind(sample).retrieve([task], 10)
    assert (some.ranks == every.ranks).all()
    assert retriever.describe()["candidates"]["depth"] == len(ids)


def test_texts_of_a_pair_may_hold_anything(sample: Dataset) -> None:
    """Whatever characters stand in them, a reranker is asked the texts as they are."""
    reranker = RerankingRetriever(Lengths(), as_retriever({"q": {"p": 1.0}}), depth=1)
    reranker._scored(["1 a\x1fb", ""], ["2 c", "\x1f d"])
    assert reranker._model.model.pairs == [["1 a\x1fb", "2 c"], ["", "\x1f d"]]


class Asked:
    """Another package's reranker, in whatever form its scores come."""

    def __init__(self, **methods: Any) -> None:
        vars(self).update(methods)


def test_rerankers_of_other_packages() -> None:
    """Columns, generators and tensors with gradients are scores; what lacks one, or fails, is said."""
    import torch

    first = as_retriever({"q": {"p": 1.0}})
    for form in (
        lambda values: np.array(values)[:, None],
        iter,
        lambda values: torch.tensor(values, requires_grad=True).bfloat16(),
    ):
        reranker = RerankingRetriever(Asked(predict=lambda pairs, form=form: form([1.0, 2.0][: len(pairs)])), first)
        assert reranker._predicted([("a", "b"), ("a", "c")]).tolist() == [1.0, 2.0]
    for methods, problem in (
        ({"rank": lambda query, texts: [{"corpus_id": 1, "score": 1.0}]}, "gave no finite score for 1 of 2 pairs"),
        ({"rank": lambda query, texts: [1, 0]}, r"rank\(\) failed: TypeError"),
        ({"predict": lambda pairs: 1 / 0}, r"predict\(\) failed: ZeroDivisionError"),
        ({"predict": lambda pairs: np.zeros((2, 2))}, r"gave scores of shape \(2, 2\) for 2 pairs"),
    ):
        with pytest.raises(RetrieverError, match=problem):
            RerankingRetriever(Asked(**methods), first)._predicted([("a", "b"), ("a", "c")])


def test_a_classifier_of_pairs_is_refused_at_once(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scores a pair, as models of inference give, are no order: said before the first stage does anything."""
    from sentence_transformers import CrossEncoder

    monkeypatch.setattr(CrossEncoder, "predict", lambda self, pairs, **_: np.zeros((len(pairs), 3)))
    with pytest.raises(RetrieverError, match=r"gave scores of shape \(1, 3\) for 1 pair; expected one of each"):
        RerankingRetriever(tiny("cross-encoder"), as_retriever({"q": {"p": 1.0}}))


def test_what_is_no_reranker(sample: Dataset) -> None:
    """One line each."""
    with pytest.raises(RetrieverError, match="no reranker: expected an object with predict or rank"):
        RerankingRetriever(object(), as_retriever({"q": {"p": 1.0}}))
    with pytest.raises(RetrieverError, match="depth of reranking is 0; expected 1 or more"):
        RerankingRetriever(Lengths(), as_retriever({"q": {"p": 1.0}}), depth=0)
