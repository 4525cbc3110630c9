"""All four sorts of models are trained from the command's settings, and stay what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights, weights

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.mark.parametrize("host", ["SparseEncoder", "MultiVectorEncoder", "CrossEncoder"])
@pytest.mark.parametrize("cached", [{}, {"mini_batch_size": 4}])
def test_a_model_stays_what_it_is(
    configure: Configure,
    trained: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    cached: dict[str, int],
) -> None:
    """Sparse, multi-vector and cross-encoder folders are loaded as such, trained, validated, and saved as such.
    Their own prompts are trained with, measured with and kept; a cross encoder's is the one of its pairs."""
    import sentence_transformers as st

    import beir_hybrid.training.train as module

    base = tmp_path / "base"
    transformer = str(trained("transformer"))
    if host == "SparseEncoder":
        from sentence_transformers.sentence_transformer.modules import Transformer
        from sentence_transformers.sparse_encoder.modules import SpladePooling

        modules = [Transformer(transformer), SpladePooling("max", embedding_dimension=64)]
        st.SparseEncoder(modules=modules, device="cpu").save(str(base))
    else:
        options = {"num_labels": 1} if host == "CrossEncoder" else {}
        getattr(st, host)(transformer, device="cpu", **options).save(str(base))
    model = getattr(st, host)(str(base), device="cpu")
    if host == "MultiVectorEncoder":
        model[0].document_length = 180
    model.prompts = {"query": "Frage: ", "document": "Absatz: ", "rank": "Ordne: "}
    model.default_prompt_name = "rank" if host == "CrossEncoder" else None
    model.save(str(base))
    built: list[Any] = []
    build = module.build_trainer
    monkeypatch.setattr(module, "build_trainer", lambda *given: built.append(build(*given)) or built[0])
    options = {"model": str(base), "dev_limit": 1, "evaluate_every": 2, "steps": 2, "best": "multi_map", **cached}
    summary = train(configure(tmp_path / "o", "transformer", **options))
    assert summary.validation["dev_multi_map"] > 0
    saved = json.loads((tmp_path / "o" / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    assert saved["model_type"] == host
    if host == "MultiVectorEncoder":
        read = getattr(st, host)(str(tmp_path / "o"), device="cpu").preprocess(["word " * 200], task="document")
        assert read["input_ids"].shape[1] == 16  # --max-seq-length, though the model has a length for documents
    assert saved["prompts"] == {"query": "Frage: ", "document": "Absatz: ", "rank": "Ordne: "}
    trained_with = "Ordne: " if host == "CrossEncoder" else {"query": "Frage: ", "passage": "Absatz: "}
    assert built[0].args.prompts == trained_with
    assert not same_weights(base, tmp_path / "o")
    if not cached:
        for name, change in (("scaled", {"scale": 3.0, "keep_layers": 1}), ("twenty", {"scale": 20.0})):
            train(configure(tmp_path / name, "transformer", **options, **change))
            assert not same_weights(tmp_path / name, tmp_path / "o")
    if host == "CrossEncoder":
        with pytest.raises(TrainingError, match="--gather does not go with a cross-encoder model"):
            train(configure(tmp_path / "p", "transformer", model=str(base), gather=True))
    with pytest.raises(
        TrainingError, match=r"--matryoshka does not go with a (sparse|multi-vector|cross-encoder) model"
    ):
        train(configure(tmp_path / "p", "transformer", model=str(base), matryoshka=(8,)))


def test_a_cross_encoder_validates_on_few_groups(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It scores every pair: as many groups as it can, unless more are asked for, which is refused before it trains."""
    from sentence_transformers import CrossEncoder

    import beir_hybrid.training.train as module

    CrossEncoder(str(trained("transformer")), device="cpu", num_labels=1).save(str(tmp_path / "base"))
    monkeypatch.setattr("st_hybrid_batch.evaluator.MOST_PAIRS", 600)  # two groups of eleven languages are 484
    options = {"model": str(tmp_path / "base"), "steps": 1, "evaluate_every": 1}
    assert train(configure(tmp_path / "o", "transformer", **options)).validation["dev_multi_map"] > 0
    monkeypatch.setattr(module, "train_from", lambda *_: pytest.fail("it trains"))
    with pytest.raises(TrainingError, match=r"score 1,089 pairs .* give --dev-limit N or languages, for at most 600"):
        train(configure(tmp_path / "p", "transformer", **options, dev_limit=3))


def test_routes(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """Queries and passages go through their own encoders, and the other way round if --router-mapping says so."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Router, Transformer

    base = tmp_path / "base"
    parts = {role: [Transformer(str(trained("transformer"))), Pooling(64)] for role in ("query", "document")}
    router = Router.for_query_document(query_modules=parts["query"], document_modules=parts["document"])
    SentenceTransformer(modules=[router], device="cpu").save(str(base))
    options = {"model": str(base), "steps": 2, "evaluate_every": 2, "query_prompt": "", "passage_prompt": ""}
    train(configure(tmp_path / "default", "transformer", **options))
    swapped = ("query=document", "passage=query")
    train(configure(tmp_path / "swapped", "transformer", **options, router_mapping=swapped))
    with pytest.raises(TrainingError, match="the model has no route 'passage'; it has query, document"):
        train(configure(tmp_path / "o", "transformer", **options, router_mapping=("query=query", "passage=passage")))
    with pytest.raises(TrainingError, match="expected query=ROUTE,passage=ROUTE, for a model with a Router"):
        train(configure(tmp_path / "p", "transformer", model=str(trained("transformer")), router_mapping=swapped))
    pytest.importorskip("peft")  # else the best checkpoint could not be loaded at the end
    with pytest.raises(TrainingError, match="--lora needs a model whose transformer lies in its folder itself"):
        train(configure(tmp_path / "q", "transformer", **options, lora=2))
    name = "query_0_Transformer"
    one, other = (weights(tmp_path / out / name) for out in ("default", "swapped"))
    assert any(not one[key].equal(other[key]) for key in one)


@pytest.mark.parametrize("host", ["SparseEncoder", "MultiVectorEncoder"])
def test_routes_of_other_hosts(configure: Configure, trained: Callable[[str], Path], tmp_path: Path, host: str) -> None:
    """A sparse model whose queries are looked up, and late interaction with two encoders, train both routes."""
    import sentence_transformers as st
    from sentence_transformers.sentence_transformer.modules import Dense, Router, Transformer

    def encoder() -> Any:
        return Transformer(str(trained("transformer")))

    if host == "SparseEncoder":
        from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

        document = [encoder(), SpladePooling("max", embedding_dimension=64)]
        query = [SparseStaticEmbedding(tokenizer=document[0].tokenizer, frozen=False)]
        document = [Transformer(str(trained("transformer")), transformer_task="fill-mask"), SpladePooling("max")]
        modules: list[Any] = [Router.for_query_document(query_modules=query, document_modules=document)]
    else:
        parts = [[encoder(), Dense(64, 16, module_input_name="token_embeddings")] for _ in range(2)]
        modules = [Router.for_query_document(query_modules=parts[0], document_modules=parts[1])]
    getattr(st, host)(modules=modules, device="cpu").save(str(tmp_path / "base"))
    options = {"model": str(tmp_path / "base"), "dev_limit": 2, "evaluate_every": 2, "steps": 2, "learning_rate": 0.01}
    assert train(configure(tmp_path / "o", "transformer", **options)).validation["dev_multi_map"] > 0
    saved = json.loads((tmp_path / "o" / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    assert saved["model_type"] == host
    for route in ("query", "document"):
        folder = next(path.name for path in (tmp_path / "o").glob(f"{route}_0_*"))
        assert not same_weights(tmp_path / "base" / folder, tmp_path / "o" / folder)
