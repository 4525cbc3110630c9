"""InfoNCE over in-batch candidates, some of them masked: the arithmetic under the losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sentence_transformers.util import all_gather, all_gather_with_grad, get_rank
from torch import Tensor

Similarity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Batch:
    """One global batch as this rank sees it.

    W is the number of ranks whose rows were gathered (1 without gathering), B the rows of one rank.

    Attributes:
        queries: ``(W * B, dim)``.
        docs: per column (positive, negatives ...), ``(W * B, dim)``.
        groups: ``(W * B,)`` label of each row, or None.
        keys: per column of ``docs``, ``(W * B,)`` key of each text; empty if there are none.
        offset: number of this rank's first row.
        size: B.
    """

    queries: Tensor
    docs: list[Tensor]
    groups: Tensor | None
    keys: list[Tensor]
    offset: int
    size: int

    @classmethod
    def gather(cls, embeddings: Sequence[Tensor], labels: Tensor | None, across_devices: bool) -> Batch:
        """Put a batch together, over all devices if asked.

        Args:
            embeddings: anchor, positive and negatives, each ``(B, dim)``.
            labels: ``(B,)`` groups, or ``(B, 1 + columns)`` groups and text keys of the candidates, or None.
            across_devices: whether to gather the other ranks' rows; gradients flow back to them.
        """
        size, offset = len(embeddings[0]), 0
        if across_devices:
            embeddings = [all_gather_with_grad(column) for column in embeddings]
            labels = None if labels is None else all_gather(labels.contiguous())
            offset = get_rank() * size
        keys: list[Tensor] = []
        if labels is not None and labels.ndim == 2:
            labels, *keys = labels.unbind(dim=1)
        return cls(embeddings[0], list(embeddings[1:]), labels, keys, offset, size)

    def same_passage(self, first: int, last: int) -> list[Tensor]:
        """Which candidates are no negatives for rows ``[first, last)``: per column ``(rows, W * B)``.

        A positive is none if its row is of the same group (it translates the row's own positive) or its
        text is that of the row's own positive; a hard negative only in the latter case. False on a row's
        own positive.
        """
        masks = []
        for number, column in enumerate(self.docs):
            same: list[Tensor] = []
            if number == 0 and self.groups is not None:
                same.append(self.groups[first:last, None] == self.groups)
            if self.keys:
                same.append(self.keys[0][first:last, None] == self.keys[number])
            if not same:
                same.append(column.new_zeros((last - first, len(column)), dtype=torch.bool))
            mask = same[0] if len(same) == 1 else same[0] | same[1]
            if number == 0:
                mask.diagonal(first).fill_(False)
            masks.append(mask)
        return masks


def info_nce(
    batch: Batch,
    first: int,
    last: int,
    *,
    scale: float,
    similarity: Similarity,
    directions: Sequence[str],
    partition_mode: str,
) -> Tensor:
    """The mean loss of some of this rank's rows.

    Args:
        batch: the batch.
        first, last: the rows ``[first, last)`` of the gathered batch; n of them.
        scale: factor on the similarities, 1 / temperature.
        similarity: ``(n, dim), (m, dim) -> (n, m)``.
        directions, partition_mode: as in ``MultipleNegativesRankingLoss``.
    """
    queries, positives = batch.queries[first:last], batch.docs[0][first:last]  # (n, dim)
    all_docs = torch.cat(batch.docs) if len(batch.docs) > 1 else batch.docs[0]  # (columns * W * B, dim)
    masks = batch.same_passage(first, last)
    scores: dict[str, Tensor] = {}
    for direction in directions:
        match direction:
            case "query_to_doc":
                # (n, columns * W * B)
                score = similarity(queries, all_docs).masked_fill(_join(masks), -torch.inf)
            case "query_to_query":
                # (n, W * B)
                score = similarity(queries, batch.queries).masked_fill(_with_own(masks[0], first), -torch.inf)
            case "doc_to_query":
                # (n, W * B)
                score = similarity(batch.queries, positives).T.masked_fill(masks[0], -torch.inf)
            case _:
                # (n, columns * W * B)
                mask = _join([_with_own(mask, first) for mask in masks])
                score = similarity(all_docs, positives).T.masked_fill(mask, -torch.inf)
        scores[direction] = score * scale
    positive = scores["query_to_doc"].diagonal(first)[: last - first]  # (n,)
    if len(scores) == 1:
        log_z = torch.logsumexp(scores["query_to_doc"], dim=1)
    elif partition_mode == "joint":
        log_z = torch.logsumexp(torch.cat(list(scores.values()), dim=1), dim=1)
    else:
        log_z = torch.stack([torch.logsumexp(score, dim=1) for score in scores.values()]).mean(dim=0)
    return (log_z - positive).mean()


def _join(masks: list[Tensor]) -> Tensor:
    return masks[0] if len(masks) == 1 else torch.cat(masks, dim=1)


def _with_own(mask: Tensor, first: int) -> Tensor:
    """The mask with each row's own column added."""
    mask = mask.clone()
    mask.diagonal(first).fill_(True)
    return mask


def with_keys(labels: Any, keys: Sequence[Tensor | None]) -> Any:
    """Labels with the candidates' text keys beside them, ``(B, 1 + columns)``, where there are keys.

    Raises:
        ValueError: for labels that are not one integer a row, and so no groups.
    """
    present = [key for key in keys if key is not None]
    if isinstance(labels, Tensor) and (labels.ndim != 1 or labels.is_floating_point()):
        raise ValueError(
            "labels must be one integer a row, the group (rows with equal ones have parallel passages); got "
            f"a {labels.dtype} tensor of shape {tuple(labels.shape)}. Is there a score column in the data "
            "set?"
        )
    if not present or len(present) < len(keys):
        return labels
    if labels is None:
        # without groups every row is its own, on every rank
        size = len(present[0])
        labels = torch.arange(get_rank() * size, (get_rank() + 1) * size, device=present[0].device)
    return torch.stack([labels.to(present[0].device), *present], dim=1)
