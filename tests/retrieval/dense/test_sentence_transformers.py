"""Models of sentence-transformers as dense retrievers: what identifies them, and how they are loaded."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.retriever import DenseRetriever


@functools.cache
def trained() -> str:
    """A trained tokenizer as JSON; training twice does not give the same pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TRAINING, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special))
    return str(tokenizer.to_str())


def tokenizer_of() -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(trained())


TRAINING = [
    "Query: Passage: how old is the bridge",
    "wie alt ist die Brücke",
    "the mill by the river",
    "die Mühle am Fluss",
]


def static_model(seed: int = 0, **options: Any) -> Any:
    """A StaticEmbedding model of random vectors."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding

    torch.manual_seed(seed)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer_of(), embedding_dim=16)], device="cpu", **options)


@pytest.mark.slow
class TestSentenceTransformers:
    """With real models of the host."""

    def test_the_model_s_own_prompts_are_used_and_can_be_taken_away(self) -> None:
        """None: the model's query and document prompts; an empty string: none at all."""
        model = static_model(prompts={"query": "Query: ", "document": "Passage: "})
        bare = static_model()
        own = DenseRetriever(model, similarity="dot")
        empty = DenseRetriever(model, query_prompt="", passage_prompt="", similarity="dot")
        assert own.prompts == {"query": "Query: ", "passage": "Passage: "}
        text = "how old is the bridge"
        assert np.allclose(own.embed("query", [text]), bare.encode([f"Query: {text}"]))
        assert np.allclose(own.embed("passage", [text]), bare.encode([f"Passage: {text}"]))
        assert np.allclose(empty.embed("query", [text]), bare.encode([text]))
        assert np.allclose(empty.embed("passage", [text]), bare.encode([text]))

    @pytest.mark.parametrize(
        ("prompts", "passage"),
        [
            ({"query": "q: ", "passage": "p: "}, "p: "),
            ({"query": "q: ", "document": "", "passage": "p: "}, "p: "),
            ({"query": "q: ", "corpus": "c: "}, "c: "),
            ({"query": "q: ", "document": "d: ", "passage": "p: "}, "d: "),
            ({"query": "q: "}, ""),
        ],
    )
    def test_an_empty_prompt_hides_none_that_is_not(self, prompts: dict[str, str], passage: str) -> None:
        """sentence-transformers adds an empty document prompt, which is no reason to leave out the passage prompt."""
        retriever = DenseRetriever(static_model(prompts=prompts))
        assert retriever.prompts == {"query": "q: ", "passage": passage}
        assert retriever.summary.endswith(
            f"prompts: queries 'q: ', passages {passage!r}" if passage else "passages none"
        )
        assert retriever.describe()["passage_prompt"] == passage

    def test_a_model_is_cached_by_what_it_is(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The same weights under another path hit the cache; other weights, prompts, lengths or tokenizers miss it."""
        import torch

        calls: list[int] = []
        encode = Encoder.encode
        monkeypatch.setattr(
            Encoder,
            "encode",
            lambda *given, **more: calls.append(1) or encode(*given, **more),  # type: ignore[func-returns-value]
        )

        def embed(model: Any, **options: Any) -> int:
            retriever = DenseRetriever(model, **options)
            before = len(calls)
            retriever.embed("query", ["how old is the bridge"])
            return len(calls) - before

        model = static_model()
        assert embed(model) == 1
        assert embed(static_model()) == 0
        model.save(str(tmp_path / "saved"))
        assert embed(str(tmp_path / "saved")) == 0
        assert embed(model, query_prompt="Query: ") == 1
        assert embed(static_model(seed=1)) == 1
        with torch.no_grad():
            next(iter(model.parameters()))[3, 3] += 1e-3
        assert embed(model) == 1
        from tokenizers import normalizers

        other = static_model()
        other.tokenizer.normalizer = normalizers.Lowercase()
        assert embed(other) == 1

    def test_a_tiny_transformer_works_and_its_configuration_counts(
        self, tmp_path: Path, partly_parallel: Dataset
    ) -> None:
        """A random BERT encodes all settings; the same weights under other attention heads are another model."""
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        torch.manual_seed(0)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer_of(), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
            sep_token="[SEP]", mask_token="[MASK]", model_max_length=32,
        )  # fmt: skip
        fingerprints = []
        weights = None
        for heads in (2, 4):
            config = BertConfig(vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=heads,
                                intermediate_size=16, max_position_embeddings=40)  # fmt: skip
            bert = BertModel(config)
            weights = weights or bert.state_dict()
            bert.load_state_dict(weights)
            bert.save_pretrained(tmp_path / str(heads))
            tokenizer.save_pretrained(tmp_path / str(heads))
            module = Transformer(str(tmp_path / str(heads)))
            model = SentenceTransformer(modules=[module, Pooling(16)], device="cpu")
            retriever = DenseRetriever(model)
            fingerprints.append(retriever.identity)
        assert fingerprints[0] != fingerprints[1]
        (ranking,) = retriever.retrieve([partly_parallel.task("multi:tr")])
        assert (ranking.ranks > 0).all()

    def test_a_name_that_does_not_exist_is_one_quick_line(self) -> None:
        """Without the hub the client would retry for more than a minute; the message says what to give."""
        started = time.perf_counter()
        with pytest.raises(RetrieverError, match=r"could not load .* 'no/such-model'.*give a folder") as error:
            DenseRetriever("no/such-model")
        assert "\n" not in str(error.value)
        assert time.perf_counter() - started < 45
