"""The losses of cross encoders that spare what answers the question."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from sentence_transformers.cross_encoder.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import Tensor

from st_hybrid_batch.loss.masks import CITATION, check_ids, no_negatives


class _Masked:
    """Draws in-batch negatives among those that are some, and leaves the others out of the softmax."""

    def forward(
        self,
        inputs: list[list[str]],
        labels: list[Tensor] | None = None,
        prompt: str | None = None,
        task: str | None = None,
    ) -> Tensor:
        rows, columns = len(inputs[0]), len(inputs) - 1
        ids = check_ids(labels, columns)
        if ids is None:
            spared = torch.zeros((rows, rows, columns), dtype=torch.bool)
        else:
            spared = no_negatives(ids.cpu(), 0, rows)  # (rows, rows, columns)
        self._spared = spared
        self._left_out = [torch.zeros(rows, dtype=torch.bool)]  # per column of scores: the positive never is
        return super().forward(inputs, labels, prompt=prompt, task=task)  # type: ignore[misc, no-any-return]

    def get_in_batch_negatives(self, anchors: list[str], candidates: list[list[str]]) -> Iterator[list[str]]:
        own = torch.eye(len(anchors), dtype=torch.bool)[:, :, None]
        allowed = (~self._spared & ~own).transpose(1, 2).flatten(1)  # (rows, columns * rows)
        most = int(allowed.sum(dim=1).max())
        wanted = most if self.num_negatives is None else min(self.num_negatives, most)  # type: ignore[attr-defined]
        chance, chosen = torch.rand(allowed.shape).masked_fill(~allowed, -1.0).topk(wanted, dim=1)  # (rows, wanted)
        texts = [text for column in candidates for text in column]
        for number in range(wanted):
            self._left_out.append(chance[:, number] < 0)
            yield [texts[place] for place in chosen[:, number].tolist()]

    def calculate_loss(self, logits: list[Tensor], batch_size: int) -> Tensor:
        """Cross entropy of ``(rows, 1 + in-batch negatives + hard negatives)`` scores, the positive first."""
        scores = torch.cat(logits).reshape(-1, batch_size).T
        scores = self.activation_fn(scores) if self.activation_fn else scores  # type: ignore[attr-defined]
        own = self._spared.diagonal(dim1=0, dim2=1)[1:]  # (hard negatives, rows)
        left_out = torch.stack([*self._left_out, *own], dim=1).to(scores.device)
        scores = (scores * self.scale).masked_fill(left_out, -torch.inf)  # type: ignore[attr-defined]
        return torch.nn.functional.cross_entropy(scores, scores.new_zeros(batch_size, dtype=torch.long))

    @property
    def citation(self) -> str:
        return CITATION


class MaskedCrossEncoderMultipleNegativesRankingLoss(_Masked, MultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    The ``MultipleNegativesRankingLoss`` of cross encoders that never draws a candidate with the id of a row's own
    positive as its negative, as `MaskedMultipleNegativesRankingLoss` leaves it out. Same arguments.

    Inputs:
        | Inputs                                         | Labels                     | Number of Model Output Labels |
        |------------------------------------------------|----------------------------|-------------------------------|
        | (query, positive, negative_1, ..., negative_n) | (batch, 1 + n) ids or none | 1                             |
    """


class CachedMaskedCrossEncoderMultipleNegativesRankingLoss(_Masked, CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedCrossEncoderMultipleNegativesRankingLoss` with gradient caching: the arguments of the cross encoders'
    ``CachedMultipleNegativesRankingLoss``.
    """
