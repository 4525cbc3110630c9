"""Models of a real architecture and random weights, for measuring time: nothing is downloaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def transformer(texts: list[str], layers: int, width: int, vocabulary: int = 30_000) -> Any:
    """A sentence-transformers model over BERT with a WordPiece tokenizer trained on ``texts``."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trainer = BertWordPieceTokenizer(lowercase=True)
        trainer.train_from_iterator(texts, vocab_size=vocabulary, show_progress=False)
        trainer.save_model(str(folder))
        BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
        config = BertConfig(
            vocab_size=trainer.get_vocab_size(),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            intermediate_size=4 * width,
        )
        BertModel(config).save_pretrained(folder)
        module = Transformer(str(folder), max_seq_length=128)
        return SentenceTransformer(modules=[module, Pooling(width)], device="cpu")
