"""A tiny transformer over the sample's words, as a model of each family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.datasets.dataset import Dataset

LANGUAGES = ["de", "en", "zh"]


@pytest.fixture(scope="session")
def sample() -> Dataset:
    return load_dataset("sample", languages=LANGUAGES)


class Lengths:
    """A reranker: the longer a passage, the better; ``rank`` has the form of sentence-transformers'."""

    def __init__(self) -> None:
        self.pairs: list[list[str]] = []

    def predict(self, pairs: list[list[str]]) -> list[float]:
        self.pairs += pairs
        return [float(len(passage)) for _, passage in pairs]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``tiny(kind)``: the folder of a saved model, ``sparse``, ``multi-vector`` or ``cross-encoder``."""
    return TinyModels(tmp_path_factory.mktemp("families"))


class TinyModels:
    """Makes the folders, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, kind: str) -> Path:
        import torch
        from sentence_transformers import CrossEncoder, MultiVectorEncoder, SparseEncoder
        from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

        folder = self._root / kind
        if folder.exists():
            return folder
        torch.manual_seed(0)
        tokenizer = self._tokenizer()
        sizes: dict[str, Any] = {
            "vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 64, "max_position_embeddings": 64,
        }  # fmt: skip
        bare = self._root / f"bare-{kind}"
        classifier = kind == "cross-encoder"
        config = BertConfig(**sizes, num_labels=1) if classifier else BertConfig(**sizes)
        (BertForSequenceClassification if classifier else BertForMaskedLM)(config).save_pretrained(bare)
        tokenizer.save_pretrained(bare)
        made = {"sparse": SparseEncoder, "multi-vector": MultiVectorEncoder, "cross-encoder": CrossEncoder}[kind]
        made(str(bare), device="cpu").save_pretrained(str(folder))
        return folder

    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
        from transformers import PreTrainedTokenizerFast

        raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        raw.normalizer, raw.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        texts = [text for block in load_dataset("sample").passages.values() for text in block.texts]
        trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False)
        raw.train_from_iterator(texts, trainer)
        raw.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
        return PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=64, **names)
