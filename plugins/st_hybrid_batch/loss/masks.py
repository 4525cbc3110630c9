"""Which candidates of a batch are no negatives, and how a host's loss is kept from seeing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import torch
from sentence_transformers.util import all_gather, get_rank
from torch import Tensor

CITATION = """
@misc{elmahdy2024synergistic,
    title={Synergistic Approach for Simultaneous Optimization of Monolingual, Cross-lingual, and Multilingual Information Retrieval},
    author={Adel Elmahdy and Sheng-Chieh Lin and Amin Ahmad},
    year={2024},
    eprint={2408.10536},
    archivePrefix={arXiv},
    primaryClass={cs.IR},
}
"""  # noqa: E501
# the order in which MultipleNegativesRankingLoss computes them, whatever the order of its argument
_DIRECTIONS = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")


def check_ids(labels: Any, candidates: int, device: torch.device | None = None) -> Tensor | None:
    """Labels as ids of passages, ``(batch, candidates)``; None stays None.

    Args:
        labels: what the trainer hands a loss: a tensor, or a list with the ids of each row (cross encoders).
        candidates: the passage column and those of hard negatives.
        device: where the ids are needed.

    Raises:
        ValueError: labels that are not one integer for every candidate of a row.
    """
    if labels is None:
        return None
    ids = torch.stack(labels) if isinstance(labels, list) else labels
    if ids.ndim != 2 or ids.shape[1] != candidates or ids.is_floating_point():
        raise ValueError(
            f"labels must be ids of the passage and the hard negatives of each row, integers of shape (batch, "
            f"{candidates}), as a ParallelDataset has them; got a {ids.dtype} tensor of shape {tuple(ids.shape)}"
        )
    return ids.to(device)


def no_negatives(ids: Tensor, first: int, last: int) -> Tensor:
    """Candidates that must not count as negatives of some rows: they have the id of the row's own positive.

    Args:
        ids: ``(rows, candidates)``, the positive first.
        first, last: the rows ``[first, last)`` to answer for; n of them.

    Returns:
        ``(n, rows, candidates)`` bool; False for a row's own positive.
    """
    mask = ids == ids[first:last, 0, None, None]  # (n, rows, candidates)
    mask[:, :, 0].diagonal(first).fill_(False)
    return mask


@contextmanager
def masked(loss: Any, labels: Any, candidates: int, device: torch.device, *, by_row: bool = False) -> Iterator[None]:
    """While this lasts, scores that a host's loss computes of candidates that are no negatives are minus infinity.

    The host's arithmetic stays its own; only ``loss.similarity_fct`` is replaced.

    Args:
        loss: a loss with ``similarity_fct`` and ``gather_across_devices``.
        labels: ``(batch, candidates)`` ids, or None, which masks nothing.
        candidates: columns of passages.
        device: of the scores.
        by_row: whether the host lays candidates out row after row (late interaction), not column after column.
    """
    ids = check_ids(labels, candidates, device)
    if ids is None:
        yield
        return
    size, offset = len(ids), 0
    if loss.gather_across_devices:
        ids, offset = all_gather(ids.contiguous()), get_rank() * size
    mask = no_negatives(ids, offset, offset + size)  # (batch, world * batch, candidates)
    every = (mask if by_row else mask.transpose(1, 2)).flatten(1)
    masks = {direction: every if direction.endswith("doc") else mask[:, :, 0] for direction in _DIRECTIONS}
    masks["doc_to_query"] = masks["query_to_query"]
    directions = getattr(loss, "directions", ("query_to_doc",))
    similarity = loss.similarity_fct
    loss.similarity_fct = _MaskedSimilarity(similarity, {name: masks[name] for name in masks if name in directions})
    try:
        yield
    finally:
        loss.similarity_fct = similarity


class _MaskedSimilarity:
    """A similarity function that masks its scores.

    Called for some of this rank's rows at a time, in order; for each of them once in every direction.

    Args:
        similarity: the function to mask.
        masks: for each direction in the host's order, ``(batch, texts to compare with)`` bool.
    """

    def __init__(self, similarity: Any, masks: dict[str, Tensor]) -> None:
        self._similarity, self._masks, self._next = similarity, masks, cycle(masks)
        self._begin = self._end = 0

    def __call__(self, one: Tensor, other: Tensor, **options: Any) -> Tensor:
        direction = next(self._next)
        from_doc = direction.startswith("doc")  # computed the other way round
        if direction == "query_to_doc":
            self._begin, self._end = self._end, self._end + len(one)
        mask = self._masks[direction][self._begin : self._end]
        scores: Tensor = self._similarity(one, other, **options)
        return scores.masked_fill(mask.T if from_doc else mask, -torch.inf)
