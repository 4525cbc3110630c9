"""Word embeddings of which only the rows of the tokens in use are trained.

XLM-R's 250 thousand tokens are most of a small multilingual encoder; a training text uses a tenth of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beir_hybrid.errors import TrainingError

_AT_ONCE = 1000


class TokensInUse(torch.nn.Module):
    """An embedding whose rows in use are the only parameters; the others are looked up as they are.

    Gradients and the optimizer's moments are as large as the rows in use. What is saved is the whole table, so that
    checkpoints and the model are ordinary ones.

    Args:
        whole: the embedding.
        kept: ids of the tokens in use, ascending, shape (kept,), on the CPU.
    """

    _row: Tensor

    def __init__(self, whole: torch.nn.Embedding, kept: Tensor) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = whole.num_embeddings, whole.embedding_dim
        self.weight = torch.nn.Parameter(whole.weight.detach()[kept].clone(), whole.weight.requires_grad)
        self._whole, self._kept = whole.weight.detach().cpu(), kept
        row = torch.full((whole.num_embeddings,), -1)
        row[kept] = torch.arange(len(kept))
        self._padding = None if whole.padding_idx is None or row[whole.padding_idx] < 0 else int(row[whole.padding_idx])
        self.register_buffer("_row", row.to(whole.weight.device), persistent=False)
        self.register_state_dict_post_hook(_saved_whole)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_loaded_in_part)  # type: ignore[no-untyped-call]

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of tokens: ``(..., dim)`` for ids of any shape."""
        row = self._row[ids]
        vectors = torch.nn.functional.embedding(row.clamp(min=0), self.weight, self._padding)
        if (row >= 0).all():
            return vectors
        return torch.where((row >= 0)[..., None], vectors, self._whole[ids.cpu()].to(vectors))


class ScoresOfTokensInUse(torch.nn.Module):
    """The head of masked-language modelling that shares the embeddings of the tokens in use: no other token is guessed.

    Args:
        embeddings: the embeddings.
        bias: of every token of the vocabulary, shape (vocabulary,).
    """

    def __init__(self, embeddings: TokensInUse, bias: torch.nn.Parameter) -> None:
        super().__init__()
        self.bias = bias
        self._embeddings = (embeddings,)  # whose weights they are, and stay

    def forward(self, hidden: Tensor) -> Tensor:
        """Scores ``(..., vocabulary)`` of vectors ``(..., dim)``, minus infinity of tokens that are not in use."""
        (embeddings,) = self._embeddings
        kept = embeddings._kept.to(hidden.device)
        scores = torch.nn.functional.linear(hidden, embeddings.weight, self.bias[kept])
        every = scores.new_full((*hidden.shape[:-1], embeddings.num_embeddings), -torch.inf)
        return every.index_copy(-1, kept, scores)


def _saved_whole(module: Any, state: dict[str, Any], prefix: str, _: Any) -> None:
    rows = state[f"{prefix}weight"]
    whole, kept = module._whole.to(rows.device, rows.dtype), module._kept.to(rows.device)
    state[f"{prefix}weight"] = whole.index_copy(0, kept, rows)


def _loaded_in_part(module: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    state[f"{prefix}weight"] = state[f"{prefix}weight"][module._kept]


def tokens_in_use(model: Any, texts: Iterable[str], prompts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Ids of all tokens that texts, with and without a prompt before them, are read as, those of padding included.

    Args:
        model: a sentence-transformers model.
        texts: the texts; read once.
        prompts: what may stand before them.

    Returns:
        For each transformer of the model the ids in ascending order, shape (kept,).
    """
    tokenizers = [module.tokenizer for module in _with_tokens(model)]
    found: list[set[int]] = [set(tokenizer.all_special_ids) for tokenizer in tokenizers]
    remaining = iter(texts)
    while part := list(itertools.islice(remaining, _AT_ONCE)):
        for prompt, (tokenizer, ids) in itertools.product({"", *prompts}, zip(tokenizers, found, strict=True)):
            ids.update(*tokenizer([prompt + text for text in part])["input_ids"])
    return [np.array(sorted(ids), dtype=np.int64) for ids in found]


def train_tokens_in_use(model: Any, kept: Sequence[NDArray[np.int64]]) -> None:
    """Let a model's word embeddings train and keep moments of some tokens only; ``kept`` is by `tokens_in_use`.

    Raises:
        TrainingError: the model does more with its word embeddings than to look them up.
    """
    for module, ids in zip(_with_tokens(model), kept, strict=True):
        if module.auto_model.get_output_embeddings() is not None:
            raise _does_more(module.auto_model)
        keep_tokens(module.auto_model, ids)


def keep_tokens(transformer: Any, ids: NDArray[np.int64]) -> None:
    """Let the word embeddings of a transformers model train and keep moments of some tokens only, a head that shares
    them likewise.

    Raises:
        TrainingError: its word embeddings are none that are looked up.
    """
    whole = transformer.get_input_embeddings()
    if type(whole) is not torch.nn.Embedding:
        raise _does_more(transformer)
    in_use = TokensInUse(whole, torch.from_numpy(ids))
    head = transformer.get_output_embeddings()
    transformer.set_input_embeddings(in_use)
    if head is not None and head.weight is whole.weight:
        transformer.set_output_embeddings(ScoresOfTokensInUse(in_use, head.bias))


def _does_more(transformer: Any) -> TrainingError:
    name = type(transformer).__name__
    return TrainingError(f"--cut-vocabulary: {name} does more with its word embeddings than to look them up")


def _with_tokens(model: Any) -> list[Any]:
    from sentence_transformers.base.modules import Transformer

    return [module for module in model.modules() if isinstance(module, Transformer)]
