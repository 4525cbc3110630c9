"""Learned sparse and late interaction: ranks as brute force has them, scores as sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from beir.retrieval.evaluation import EvaluateRetrieval

from beir_hybrid import Dataset, evaluate, load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import RetrieverError
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.records import FloatArray, passage_text
from beir_hybrid.retrieval.families.late_interaction import LateInteractionRetriever, MaxSimScores, TokenVectors
from beir_hybrid.retrieval.families.model import FamilyModel
from beir_hybrid.retrieval.families.reranking import RerankingRetriever
from beir_hybrid.retrieval.families.sparse import SparseRetriever, SparseScores
from beir_hybrid.retrieval.recognise import as_retriever
from beir_hybrid.retrieval.search import plan
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import search
from tests.retrieval.families.conftest import Lengths


def brute(dataset: Dataset, score: Any, task_name: str) -> list[list[str]]:
    """Passage ids of every query of a task, best first: float32 scores, ties by id descending."""
    task = dataset.task(task_name)
    ids = [name for block in task.blocks for name in block.ids]
    texts = [text for block in task.blocks for text in block.full_texts()]
    scores = score([task.queries.texts[row] for row in task.rows], texts)
    return [
        [ids[at] for at in sorted(range(len(ids)), key=lambda at: (line[at], ids[at]), reverse=True)] for line in scores
    ]


def mean_average_precision(dataset: Dataset, ranked: Sequence[Sequence[str]], task_name: str) -> float:
    task = dataset.task(task_name)
    _, queries, qrels = BeirView(task).load()
    found = []
    for query, order in zip(queries, ranked, strict=True):
        ranks = sorted(order.index(passage) + 1 for passage, grade in qrels[query].items() if grade > 0)
        found.append(np.mean([(number + 1) / rank for number, rank in enumerate(ranks)]))
    return float(np.mean(found))


def sparse_scores(folder: Path) -> Any:
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(folder), device="cpu")

    def score(queries: Sequence[str], texts: Sequence[str]) -> FloatArray:
        left = model.encode_query(list(queries), convert_to_sparse_tensor=False).double().cpu().numpy()
        right = model.encode_document(list(texts), convert_to_sparse_tensor=False).double().cpu().numpy()
        return np.asarray(left @ right.T, np.float32)

    return score


def maxsim_scores(folder: Path) -> Any:
    from sentence_transformers import MultiVectorEncoder

    model = MultiVectorEncoder(str(folder), device="cpu")

    def score(queries: Sequence[str], texts: Sequence[str]) -> FloatArray:
        left = model.encode_query(list(queries), convert_to_numpy=True)
        right = model.encode_document(list(texts), convert_to_numpy=True)
        return np.array([[(q.astype(float) @ p.astype(float).T).max(1).sum() for p in right] for q in left], np.float32)

    return score


@pytest.mark.parametrize(
    ("kind", "retriever", "scores"),
    [("sparse", SparseRetriever, sparse_scores), ("multi-vector", LateInteractionRetriever, maxsim_scores)],
)
@pytest.mark.train
def test_ranks_are_those_of_brute_force(
    sample: Dataset, tiny: Any, tmp_path: Path, kind: str, retriever: Any, scores: Any
) -> None:
    """Every setting, to the last passage; a second evaluation reads what the first computed; BEIR's search agrees."""
    folder = tiny(kind)
    assert type(as_retriever(folder)) is retriever
    model = retriever(folder, cache=tmp_path)
    results = evaluate(sample, model, metrics=["map", "ndcg@10"])
    score = scores(folder)
    for name in ("mono:de", "cross:de-zh", "multi:en"):
        setting, _, pair = name.partition(":")
        query, _, corpus = pair.partition("-")
        own = {"mono": query, "cross": corpus, "multi": "all"}[setting]
        expected = mean_average_precision(sample, brute(sample, score, name), name)
        assert results.value(setting, "map", query, own) == pytest.approx(expected, abs=1e-9)
    assert results.summary["multi"]["rank_distance"] is not None
    model._model.model = None  # everything is in the cache
    assert evaluate(sample, model, metrics=["map", "ndcg@10"]).scores == results.scores
    corpus_, queries, _ = BeirView(sample.task("multi:en")).load()
    found = retriever(folder, cache=tmp_path).search(corpus_, queries, 5)
    assert [list(found[q]) for q in queries] == [order[:5] for order in brute(sample, score, "multi:en")]


@pytest.mark.train
def test_sentence_transformers_measures_the_same(sample: Dataset, tiny: Any) -> None:
    """nDCG@10 of its own evaluators, to five digits."""
    from sentence_transformers import MultiVectorEncoder, SparseEncoder
    from sentence_transformers.multi_vector_encoder.evaluation import MultiVectorInformationRetrievalEvaluator
    from sentence_transformers.sparse_encoder.evaluation import SparseInformationRetrievalEvaluator

    corpus, queries, qrels = BeirView(sample.task("multi:de")).load()
    texts = {name: record["text"] for name, record in corpus.items()}
    relevant = {query: {name for name, grade in own.items() if grade} for query, own in qrels.items()}
    for kind, retriever, evaluator, made in (
        ("sparse", SparseRetriever, SparseInformationRetrievalEvaluator, SparseEncoder),
        ("multi-vector", LateInteractionRetriever, MultiVectorInformationRetrievalEvaluator, MultiVectorEncoder),
    ):
        theirs = evaluator(queries, texts, relevant, ndcg_at_k=[10], show_progress_bar=False)(
            made(str(tiny(kind)), device="cpu")
        )
        ours = evaluate(sample, retriever(tiny(kind), cache=False), settings="multi", metrics=["ndcg@10"])
        (their,) = {round(value, 5) for name, value in theirs.items() if name.endswith("ndcg@10")}
        assert round(ours.value("multi", "ndcg@10", "de") or 0.0, 5) == their


@pytest.mark.slow
@pytest.mark.train
def test_several_devices_share_one_pool(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started once, whatever is computed, and give what one device gives; every family asks them."""
    from sentence_transformers import CrossEncoder, SparseEncoder

    model = FamilyModel(tiny("multi-vector"), "MultiVectorEncoder", device="cpu,cpu", cache=False)
    starts: list[Any] = []
    kind = type(model.model)
    start = kind.start_multi_process_pool
    monkeypatch.setattr(
        kind, "start_multi_process_pool", lambda self, devices: starts.append(devices) or start(self, devices)
    )
    alone = FamilyModel(tiny("multi-vector"), "MultiVectorEncoder", device="cpu", cache=False)
    texts = ["Wo ist es?", "Der Fluss ist lang und breit.", "Ja."]
    for role in ("query", "passage"):
        for some, one in zip(model.encode(role, texts), alone.encode(role, texts), strict=True):
            assert np.allclose(np.asarray(some), np.asarray(one), atol=1e-5)
    assert starts == [["cpu", "cpu"]]
    processes = [each.pid for each in model._pool["processes"]]
    assert len(processes) == 2 and all(psutil.pid_exists(each) for each in processes)
    del model
    assert not any(psutil.pid_exists(each) for each in processes)

    pools: list[Any] = []
    for kind in (SparseEncoder, CrossEncoder):
        monkeypatch.setattr(kind, "start_multi_process_pool", lambda self, devices: "pool")
        monkeypatch.setattr(kind, "stop_multi_process_pool", staticmethod(lambda pool: None))
    monkeypatch.setattr(
        CrossEncoder, "predict", lambda self, pairs, pool, **_: pools.append(pool) or [0.0] * len(pairs)
    )
    reranker = RerankingRetriever(tiny("cross-encoder"), as_retriever({"q": {"p": 1.0}}), device="cpu,cpu", cache=False)
    reranker._predicted([("a", "b")])
    assert pools == ["pool"] * 2 and FamilyModel(tiny("sparse"), "SparseEncoder", device="cpu,cpu").spread == {
        "pool": "pool"
    }


def token_scores() -> MaxSimScores:
    """Duplicated and nearly equal passages of four tokens each."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40, 16)).astype(np.float32)
    passages = np.concatenate([base, base, base + rng.normal(scale=1e-8, size=base.shape).astype(np.float32)])
    queries = TokenVectors.of(rng.normal(size=(30, 16)).astype(np.float32), np.arange(0, 31, 6))
    return MaxSimScores({"q": queries}, {"p": TokenVectors.of(passages, np.arange(0, len(passages) + 1, 4))})


def sparse_pairs() -> SparseScores:
    """Vectors with many zeros; a third of the passages stands there twice, and scores tie."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(1)
    queries, passages = (
        np.where(rng.random((n, 50)) < 0.2, rng.normal(size=(n, 50)), 0).astype(np.float32) for n in (20, 60)
    )
    passages[40:] = passages[:20]
    return SparseScores({"q": csr_array(queries.astype(float))}, {"p": csr_array(passages.astype(float))})


@pytest.mark.kernels
@pytest.mark.parametrize("make", [token_scores, sparse_pairs])
def test_near_ties_are_decided_exactly(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rank from tiles is that of the exact scores of the pairs alone, whatever the kernel and the tiles."""
    monkeypatch.setattr(plan, "TILE", 7)
    monkeypatch.setattr(plan, "FEWEST", 7)
    scores = make()
    n, m = scores.n_queries["q"], scores.sizes["p"]
    rows, places = (each.ravel().astype(np.int64) for each in np.indices((n, m)))
    truth = np.array([scores.pairs("q", rows[at : at + 1], "p", places[at : at + 1])[0] for at in range(n * m)])
    request = SearchRequest("q", np.arange(n), {"p": 0}, rows, places, 7)
    ((_, answer),) = search([request], scores, 1 << 28)
    ranks, opposite = answer.ranks.reshape(n, m), answer.reversed_ranks.reshape(n, m)
    for row, line in enumerate(truth.reshape(n, m).tolist()):
        order = sorted(range(m), key=lambda at: (line[at], at), reverse=True)
        assert [order[rank - 1] for rank in ranks[row]] == list(range(m))
        other_way = sorted(range(m), key=lambda at: (-line[at], at))
        assert [other_way[rank - 1] for rank in opposite[row]] == list(range(m))
        assert answer.hits.passages.reshape(n, 7)[row].tolist() == order[:7]
    assert (answer.ranks != answer.reversed_ranks).any()


def test_tokens_that_nearly_tie_are_multiplied_again() -> None:
    """The best token of a passage is the exactly best, also where float32 takes another for it; long vectors too."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 300)) * 100
    passage = (base * (1 + rng.normal(scale=3e-8, size=(64, 300)))).astype(np.float32)
    query = rng.normal(size=(9, 300)).astype(np.float32)
    scores = MaxSimScores(
        {"q": TokenVectors.of(query, np.array([0, 4, 9]))}, {"p": TokenVectors.of(passage, np.array([0, 1, 64]))}
    )
    rows, places = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    products = query.astype(float) @ passage.astype(float).T
    assert ((query @ passage.T).argmax(1) != products.argmax(1)).any()
    expected = [products[a:b, c:d].max(1).sum() for a, b in ((0, 4), (4, 9)) for c, d in ((0, 1), (1, 64))]
    assert scores.pairs("q", rows, "p", places) == pytest.approx(np.array(expected), rel=1.2e-7)
    tile = scores.tile("q", slice(0, 2), scores.read("p", 0, 2), slice(0, 2))
    assert np.abs(tile.scores.ravel() - expected).max() <= scores.margin


@pytest.mark.train
def test_beir_takes_them(sample: Dataset, tiny: Any) -> None:
    """``EvaluateRetrieval(retriever).retrieve(corpus, queries)``; a reranker searches with its first stage."""
    corpus, queries, _ = BeirView(sample.task("mono:en")).load()
    for made in (
        SparseRetriever(tiny("sparse"), cache=False),
        LateInteractionRetriever(tiny("multi-vector"), cache=False),
    ):
        found = EvaluateRetrieval(made, k_values=[3]).retrieve(corpus, queries)
        assert {len(ranked) for ranked in found.values()} == {3}
    first = SparseRetriever(tiny("sparse"), cache=False)
    before = first.search(corpus, queries, 5)
    found = EvaluateRetrieval(RerankingRetriever(Lengths(), first, depth=2), k_values=[5]).retrieve(corpus, queries)
    for query, ranked in found.items():
        order = list(before[query])
        longest = sorted(order[:2], key=lambda key: (len(passage_text(**corpus[key])), key), reverse=True)
        assert sorted(ranked, key=lambda key: ranked[key], reverse=True) == longest + order[2:]
    with pytest.raises(RetrieverError, match="has no search of BEIR's, so nothing finds what"):
        RerankingRetriever(Lengths(), as_retriever({"q": {"p": 1.0}})).search(corpus, queries, 5)


@pytest.mark.train
def test_another_prompt_of_the_model_is_another_cache(tiny: Any, tmp_path: Path) -> None:
    """Equal weights with other prompts take nothing of each other; a prompt given by hand is as the model's own."""
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(tiny("sparse")), device="cpu")
    bare = FamilyModel(model, "SparseEncoder", cache=tmp_path)
    asked = FamilyModel(model, "SparseEncoder", cache=tmp_path, query_prompt="Q: ")
    before = bare.store("query").folder
    model.prompts = {"query": "Q: "}
    own = FamilyModel(model, "SparseEncoder", cache=tmp_path)
    assert own.store("query").folder == asked.store("query").folder != before
    assert own.store(None).folder == bare.store(None).folder


@pytest.mark.train
@pytest.mark.parametrize(("kind", "make"), [("sparse", SparseRetriever), ("multi-vector", LateInteractionRetriever)])
def test_a_text_is_computed_once_whatever_asks_for_it(
    kind: str, make: Any, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another language asks for its own texts only, ranks are those without a cache, and damage is one line."""
    seen: list[str] = []
    encode = FamilyModel.encode

    def counting(self: FamilyModel, role: Any, texts: Any, **options: Any) -> Any:
        seen.extend(texts)
        return encode(self, role, texts, **options)

    monkeypatch.setattr(FamilyModel, "encode", counting)

    def ranked(languages: str, cache: Any) -> dict[str, Any]:
        dataset = load_dataset("sample", languages=languages)
        bound = make(tiny(kind), cache=cache).bind(dataset)
        return {each.task.name: each.ranks for each in bound.retrieve(dataset.tasks())}

    ranked("de", tmp_path)
    german = set(seen)
    assert len(german) == len(seen)
    seen.clear()
    found = ranked("de,en", tmp_path)
    assert seen and not german & set(seen)
    seen.clear()
    assert all(np.array_equal(found[name], ranks) for name, ranks in ranked("de,en", False).items())
    seen.clear()
    ranked("de,en", tmp_path)
    assert not seen
    segment = next(tmp_path.rglob("*.npy"))
    segment.write_bytes(segment.read_bytes()[:-4])
    with pytest.raises(RetrieverError, match=rf"{segment.name} is damaged .*; delete it and {segment.stem}\.keys"):
        ranked("de,en", tmp_path)


@pytest.mark.train
def test_on_the_command_line(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is recognised by its kind; a cross-encoder reranks a first stage, and alone is refused by name."""
    from beir_hybrid.cli import main

    options = ["--languages", "de,en", "--settings", "mono", "--metrics", "map"]
    for kind in ("sparse", "multi-vector"):
        assert main(["evaluate", "sample", "--model", str(tiny(kind)), *options, "--out", str(tmp_path / kind)]) == 0
        said = capsys.readouterr()
        assert said.out.startswith(f"{kind} on sample")
        assert "encoding queries: " in said.err
        assert "encoding passages: " in said.err
    run = tmp_path / "run.trec"
    run.write_text("".join(f"de-q-0000 Q0 de-p-{i:04} {i + 1} {9 - i} x\n" for i in range(5)))
    again = ["--rerank", str(tiny("cross-encoder")), "--rerank-depth", "3"]
    assert main(["evaluate", "sample", "--run", str(run), *again, *options, "--out", str(tmp_path / "again")]) == 0
    assert "cross-encoder on " in capsys.readouterr().out
    again[1] = str(tiny("multi-vector"))
    assert main(["evaluate", "sample", "--run", str(run), *again, *options, "--out", str(tmp_path / "late")]) == 0
    assert read_results(tmp_path / "late").retriever["candidates"]["depth"] == 3
    assert "multi-vector on " in capsys.readouterr().out
    again[1] = str(tiny("sparse"))
    assert main(["evaluate", "sample", "--run", str(run), *again, *options, "--out", str(tmp_path / "no")]) == 1
    assert "is a sparse model: it makes vectors and scores no pairs" in capsys.readouterr().err
    for option, said in (
        (["--precision", "int8"], "is a sparse model, and --precision is for dense ones"),
        (["--memory", "9"], "is a sparse model, and --memory is for dense ones"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(
                ["evaluate", "sample", "--model", str(tiny("sparse")), *option, *options, "--out", str(tmp_path / "no")]
            )
        assert said in capsys.readouterr().err
    for model in ("sparse", "cross-encoder"):
        first = ["--run", str(run), "--rerank"] if model == "cross-encoder" else ["--model"]
        where = ["--device", "nowhere", "--out", str(tmp_path / "no")]
        assert main(["evaluate", "sample", *first, str(tiny(model)), *options, *where]) == 1
        assert "the device 'nowhere' cannot be used" in capsys.readouterr().err
    alone = ["evaluate", "sample", "--model", str(tiny("cross-encoder")), *options, "--out", str(tmp_path / "no")]
    assert main(alone) == 1
    assert "it scores pairs and finds nothing by itself; give a first stage" in capsys.readouterr().err
