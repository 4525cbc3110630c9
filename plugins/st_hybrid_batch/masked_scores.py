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

    def same_passage(self, rows: Tensor) -> list[Tensor]:
        """Which candidates are no negatives: per column ``(rows, W * B)``, False on a row's own positive.

        A positive is none if its row is of the same group (it translates the row's own positive) or its
        text is that of the row's own positive; a hard negative only in the latter case.
        """
        masks = []
        for number, column in enumerate(self.docs):
            mask = torch.zeros(len(rows), len(column), dtype=torch.bool, device=column.device)
            if number == 0 and self.groups is not None:
                mask |= self.groups[rows, None] == self.groups
            if self.keys:
                mask |= self.keys[0][rows, None] == self.keys[number]
            if number == 0:
                mask[torch.arange(len(rows), device=mask.device), rows] = False
            masks.append(mask)
        return masks


def info_nce(
    batch: Batch,
    rows: Tensor,
    *,
    scale: float,
    similarity: Similarity,
    directions: Sequence[str],
    partition_mode: str,
) -> Tensor:
    """The mean loss of some of this rank's rows.

    Args:
        batch: the batch.
        rows: ``(n,)`` row numbers in the gathered batch.
        scale: factor on the similarities, 1 / temperature.
        similarity: ``(n, dim), (m, dim) -> (n, m)``.
        directions, partition_mode: as in ``MultipleNegativesRankingLoss``.
    """
    queries, positives = batch.queries[rows], batch.docs[0][rows]  # (n, dim)
    all_docs = torch.cat(batch.docs)  # (columns * W * B, dim)
    masks = batch.same_passage(rows)
    own = torch.zeros_like(masks[0])
    own[torch.arange(len(rows), device=own.device), rows] = True
    scores: dict[str, Tensor] = {}
    for direction in directions:
        match direction:
            case "query_to_doc":
                # (n, columns * W * B)
                score = _masked(similarity(queries, all_docs), torch.cat(masks, dim=1))
            case "query_to_query":
                score = _masked(similarity(queries, batch.queries), masks[0] | own)  # (n, W * B)
            case "doc_to_query":
                score = _masked(similarity(batch.queries, positives).T, masks[0])  # (n, W * B)
            case _:
                mask = torch.cat([mask | own for mask in masks], dim=1)
                score = _masked(similarity(all_docs, positives).T, mask)  # (n, columns * W * B)
        scores[direction] = score * scale
    positive = scores["query_to_doc"][torch.arange(len(rows), device=rows.device), rows]  # (n,)
    if partition_mode == "joint":
        log_z = torch.logsumexp(torch.cat(list(scores.values()), dim=1), dim=1)
    else:
        log_z = torch.stack([torch.logsumexp(score, dim=1) for score in scores.values()]).mean(dim=0)
    return (log_z - positive).mean()


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask, -torch.inf)


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
