"""Models from nothing: a tokenizer trained on the training text and random weights, so that no hub is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.errors import TrainingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
_WORDS = r"[\p{L}\p{M}\p{N}]+"
"""A word keeps its marks: \\w would cut Hindi and Thai words at their vowels."""
_LONGEST = 16
"""Characters of a token at most, as in SentencePiece."""
_ALPHABET = 6000
"""Characters kept at most: enough for Han, so that rare ones do not use up the vocabulary."""
_AT_ONCE = 1000
"""Texts tokenized at a time."""


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A BPE subword tokenizer (a ``tokenizers.Tokenizer``) for any script, the same at every call on the same texts.

    Text is NFKC-normalised and lower-cased, words are runs of letters, marks and digits (punctuation is dropped),
    and BPE cuts them into pieces; text without spaces is cut by the same model.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    # BPE rather than Unigram: a quarter of the time, and Unigram's trainer gives other pieces at every run
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True), pre_tokenizers.Metaspace()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        max_token_length=_LONGEST,
        limit_alphabet=_ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Any:
    """A trained ``tokenizer.json``.

    Raises:
        TrainingError: there is none, or it is none.
    """
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.exists():
        raise TrainingError(f"{file} does not exist; expected a tokenizer.json, or a folder that holds one")
    try:
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.encode("a word, ein Wort, 字")  # one without an unknown token may fail at any text
    except Exception as error:  # tokenizers raises no other kind
        raise TrainingError(f"{file} is no tokenizer.json that any text can be read with: {error}") from error
    return tokenizer


def token_weights(tokenizer: Any, texts: Iterable[str]) -> NDArray[np.float32]:
    """How telling each token is: its inverse document frequency in the texts, ln(1 + n / (df + 1)), over its mean.

    Random vectors of these lengths already rank passages by the rare words they share with a query; training then
    need not learn first which words are common.

    Returns:
        A weight for each token of the vocabulary, mean 1 (all 1 without texts). Shape: (vocabulary,).
    """
    counts = np.zeros(tokenizer.get_vocab_size(), np.int64)
    n = 0
    remaining = iter(texts)
    while chunk := list(itertools.islice(remaining, _AT_ONCE)):
        n += len(chunk)
        for encoding in tokenizer.encode_batch(chunk, add_special_tokens=False):
            counts[np.unique(encoding.ids).astype(np.int64)] += 1
    weights = np.log1p(n / (counts + 1))
    mean = float(weights.mean())
    return (weights / mean if mean > 0 else np.ones_like(weights)).astype(np.float32)


def static_model(
    tokenizer: Any, width: int, seed: int, weights: NDArray[np.float32] | None = None
) -> SentenceTransformer:
    """The mean of one trained vector a token.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        width: dimensions.
        seed: of the random directions.
        weights: the length of each token's vector before training, shape (vocabulary,); default: all 1.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(seed)
    module = StaticEmbedding(tokenizer, embedding_dim=width)
    # unit length on average, so that a learning rate means the same at any width
    torch.nn.init.normal_(module.embedding.weight, std=width**-0.5)
    if weights is not None:
        with torch.no_grad():
            module.embedding.weight *= torch.from_numpy(weights)[:, None]
    return SentenceTransformer(modules=[module], device="cpu")


def transformer_folder(
    tokenizer: Any, folder: Path, *, width: int, layers: int, max_seq_length: int, seed: int
) -> None:
    """Save a random BERT encoder with this tokenizer as a transformers model.

    Raises:
        TrainingError: the tokenizer lacks a token that an encoder needs.
    """
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    ids = {token: tokenizer.token_to_id(token) for token in _SPECIAL}
    if missing := [token for token, number in ids.items() if number is None]:
        raise TrainingError(f"--tokenizer has no {missing[0]}; expected one that has {' '.join(_SPECIAL)}")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        bos_token="<s>",
        eos_token="</s>",
        mask_token="<mask>",
        model_max_length=max_seq_length,
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=max(512, max_seq_length + 2),
        pad_token_id=ids["<pad>"],
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
    )
    # with its language-modelling head, so that masked-language modelling can go first
    BertForMaskedLM(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
