"""How texts become vectors: in which order and batches, with which numbers, on how many threads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import load_dataset
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.dense import dtype_choice, dtypes
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.retriever import DenseRetriever

TEXTS = ["a", "b b b b", "ü ü ü", "cc c", "d", "e e e e e e e"]


class Recorded:
    """Stands for a sentence-transformers model: a vector of a text's length, and the batches it was asked for."""

    prompts: dict[str, str] = {}  # noqa: RUF012
    device = "cpu"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode(self, texts: list[str], **options: Any) -> Any:
        self.batches.append(list(texts))
        return np.array([[len(text), 1 + len(text) % 3] for text in texts], np.float32)


def test_texts_of_all_languages_are_sorted_by_length_together(
    partly_parallel: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longest first over the whole data set, equal ones by the text: what shares a batch depends on the texts alone."""
    model = Recorded()
    list(DenseRetriever(model, batch_size=7).retrieve(partly_parallel.tasks("mono")))
    passages = {text for each in partly_parallel.passages.values() for text in each.full_texts()}
    queries = {text for each in partly_parallel.queries.values() for text in each.texts}
    expected = []
    for texts in (queries, passages):
        ordered = sorted(texts, key=lambda text: (-len(text.encode()), text))
        expected += [ordered[begin : begin + 7] for begin in range(0, len(ordered), 7)]
    assert model.batches == expected


def test_a_resumed_run_has_the_batches_of_an_uninterrupted_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are whole numbers of batches in one order, so that the vectors are the same, bit for bit."""
    monkeypatch.setattr("beir_hybrid.retrieval.dense.embeddings.BLOCK", 4)
    whole, first, second = Recorded(), Recorded(), Recorded()
    DenseRetriever(whole, identity="whole", batch_size=2).embed("passage", TEXTS)
    encode = first.encode

    def interrupted(texts: list[str], **options: Any) -> Any:
        if len(first.batches) == 2:
            raise KeyboardInterrupt
        return encode(texts)

    monkeypatch.setattr(first, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        DenseRetriever(first, identity="part", batch_size=2).embed("passage", TEXTS)
    DenseRetriever(second, identity="part", batch_size=2).embed("passage", TEXTS[::-1])
    assert first.batches + second.batches == whole.batches == [[TEXTS[5], TEXTS[2]], [TEXTS[1], TEXTS[3]], ["a", "d"]]


def test_threads_are_as_many_as_processors_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one, no more than PyTorch had, and afterwards what it had."""
    import torch

    before = torch.get_num_threads()
    try:
        monkeypatch.setattr(dtypes, "processors", lambda: 8)
        for had, busy, expected in ((8, [0] * 8, 8), (8, [100] * 8, 1), (8, [100] * 5 + [5] * 3, 3), (2, [0] * 8, 2)):
            torch.set_num_threads(had)
            monkeypatch.setattr("psutil.cpu_percent", lambda seconds, percpu, busy=busy: busy)
            with dtypes.idle_threads() as n:
                assert (n, torch.get_num_threads()) == (expected, expected)
            assert torch.get_num_threads() == had
    finally:
        torch.set_num_threads(before)


def linear_model() -> Any:
    """Bytes of a text through a linear layer: the least that computes otherwise in bfloat16."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense

    from tests.retrieval.dense.test_sentence_transformers import static_model

    torch.manual_seed(0)
    return SentenceTransformer(modules=[static_model()[0], Dense(16, 16, bias=False)], device="cpu")


@pytest.mark.slow
class TestDtype:
    """What a model computes with, and that nothing takes one for the other."""

    def test_vectors_of_one_dtype_are_never_taken_for_another_s(self, cache: Path) -> None:
        """float32 and bfloat16 differ, each from its own cache, and results say which it was."""
        model = linear_model()
        text = "how old is the bridge"
        found = {}
        for _ in range(2):  # the second time from the cache
            for dtype in ("float32", "bfloat16", "float16"):
                retriever = DenseRetriever(model, dtype=dtype)  # type: ignore[arg-type]
                vector = retriever.embed("query", [text])
                assert np.array_equal(found.setdefault(dtype, vector), vector)
                assert retriever.describe().get("dtype", "float32") == dtype
        assert not np.array_equal(found["float32"], found["bfloat16"])
        assert not np.array_equal(found["float32"], found["float16"])
        assert float(found["float32"][0] @ found["bfloat16"][0]) == pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize(
        ("has", "agreement", "expected"), [(True, 0.99, "bfloat16"), (True, 0.9, "float32"), (False, 0.99, "float32")]
    )
    def test_auto_is_bfloat16_where_there_is_one_and_rankings_agree(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch, has: bool, agreement: float, expected: str
    ) -> None:
        """The agreement is measured once for a model and kept; the record says how far, also where it is too little."""
        monkeypatch.setattr(dtype_choice, "has_bfloat16", lambda model: has)
        measured: list[int] = []
        real = dtype_choice._measured

        def measure(*given: Any) -> dict[str, Any]:
            measured.append(1)
            return real(*given) | {"top_10_overlap": agreement, "same_first": 1.0}

        monkeypatch.setattr(dtype_choice, "_measured", measure)
        model = linear_model()
        for _ in range(2):
            retriever = DenseRetriever(model)
            record, observed = retriever.describe(), retriever.bind(load_dataset("sample")).observed
            assert record.get("dtype", "float32") == expected
            assert observed.get("agreement_of_dtype", {}).get("top_10_overlap") == (agreement if has else None)
        assert len(measured) == has
        json.dumps(record, allow_nan=False)

    def test_the_agreement_is_that_of_the_rankings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A model whose bfloat16 ranks as its float32 agrees wholly; one whose bfloat16 is noise does not."""
        encoder = DenseRetriever(linear_model(), cache=False, dtype="float32")._encoder
        monkeypatch.setattr(dtype_choice, "has_bfloat16", lambda model: True)

        def agreement(noise: float) -> dict[str, Any]:
            def encode(self: Encoder, role: str, texts: list[str], progress: object) -> Any:
                fixed = np.random.default_rng(len(texts)).standard_normal((len(texts), 16))
                return fixed + (noise * np.random.default_rng(7).standard_normal(fixed.shape)) * (
                    self.dtype == "bfloat16"
                )

            monkeypatch.setattr(Encoder, "encode", encode)
            found = dtype_choice.bfloat16_agreement(encoder, None, "cosine")
            assert found is not None
            return found

        assert agreement(0) == {"queries": 88, "passages": 176, "top_10_overlap": 1.0, "same_first": 1.0}
        assert agreement(1e-4)["top_10_overlap"] > 0.95
        noise = agreement(10)
        assert noise["top_10_overlap"] < 0.3 and not dtype_choice.agrees(noise)

    def test_what_cannot_be_chosen_is_refused(self) -> None:
        """An unknown dtype, and 16 bits for a function or a table of vectors."""
        from tests.retrieval.dense.test_sentence_transformers import static_model

        with pytest.raises(RetrieverError, match="unknown dtype 'bf16'; did you mean 'bfloat16'"):
            DenseRetriever(linear_model(), dtype="bf16")  # type: ignore[arg-type]
        for model in (static_model(), lambda texts: np.ones((len(texts), 2))):
            with pytest.raises(RetrieverError, match="dtype 'bfloat16' needs a sentence-transformers model"):
                DenseRetriever(model, dtype="bfloat16")
            assert "dtype" not in DenseRetriever(model).describe()

    def test_tokens_decide_the_order_and_leave_the_tokenizer_as_it_was(self, tmp_path: Path) -> None:
        """Characters mislead across scripts; counting must not be fooled by a padding that an earlier call left on."""
        from transformers import PreTrainedTokenizerFast

        from tests.encoders.conftest import QUESTIONS
        from tests.retrieval.dense.test_sentence_transformers import tokenizer_of

        class Tokenizing(Recorded):
            tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer_of(), pad_token="[PAD]", unk_token="[UNK]")

        model = Tokenizing()
        texts = list(QUESTIONS.values())
        model.tokenizer(texts, padding=True)
        DenseRetriever(model, cache=False).embed("query", texts)
        sizes = [len(model.tokenizer(text)["input_ids"]) for text in model.batches[0]]
        assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) > 3
