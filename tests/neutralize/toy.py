"""A model whose vectors are content plus language, so that what a removal must leave is known exactly."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 12
CONTENTS = 6
LANGUAGES = {"de": 6, "en": 7, "fr": 8, "xx": 9}
"""Word ``de3`` is content 3 (one of the first six axes) and German (an axis of its own); 10 is shared by all."""


def vector(word: str) -> np.ndarray:
    language, content = word[:2], int(word[2:])
    found = np.zeros(WIDTH, dtype=np.float32)
    found[content] = 1
    found[LANGUAGES[language]] = 2
    found[10] = 1
    return found


@functools.cache
def toy_model(*, normalize: bool = True, similarity: str = "cosine", prompts: bool = False) -> Any:
    """A sentence-transformers model of these words."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    words = [f"{language}{content}" for language in LANGUAGES for content in range(CONTENTS)]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate([*words, "ask:", "[UNK]"])}, "[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    asked, zero = np.zeros((2, WIDTH), dtype=np.float32)
    asked[11] = 3  # what a prompt adds
    weights = torch.from_numpy(np.array([*map(vector, words), asked, zero]))
    static = StaticEmbedding(tokenizer, embedding_weights=weights)
    return SentenceTransformer(
        modules=[static, Normalize()] if normalize else [static],
        device="cpu",
        similarity_fn_name=similarity,
        prompts={"query": "ask: "} if prompts else None,
    )


def write_groups(path: Path, languages: tuple[str, ...] = ("de", "en", "fr"), n: int = CONTENTS) -> Path:
    """Parallel groups: the query is one word, the passage that word and the next."""
    path.write_text(
        "".join(
            json.dumps(
                {
                    "id": f"g{at}",
                    "query": {x: f"{x}{at}" for x in languages},
                    "passage": {x: f"{x}{at} {x}{(at + 1) % CONTENTS}" for x in languages},
                }
            )
            + "\n"
            for at in range(n)
        ),
        encoding="utf-8",
    )
    return path
