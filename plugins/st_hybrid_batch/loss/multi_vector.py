"""The losses of late interaction that spare what answers the question."""

from __future__ import annotations

from collections.abc import Iterable

from sentence_transformers.multi_vector_encoder.losses import (
    CachedMultiVectorMultipleNegativesRankingLoss,
    MultiVectorMultipleNegativesRankingLoss,
)
from torch import Tensor

from st_hybrid_batch.loss.masks import CITATION, masked


class _Masked:
    """Masks the scores of a host's loss while it computes."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        features = list(sentence_features)
        with masked(self, labels, len(features) - 1, features[0]["input_ids"].device, by_row=True):
            return super().forward(features)  # type: ignore[misc, no-any-return]

    @property
    def citation(self) -> str:
        return CITATION


class MaskedMultiVectorMultipleNegativesRankingLoss(_Masked, MultiVectorMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    ``MultiVectorMultipleNegativesRankingLoss`` that leaves candidates with the id of a row's own positive out, as
    `MaskedMultipleNegativesRankingLoss` does. Same arguments; without labels the same loss.

    Inputs:
        | Inputs                                         | Labels                     |
        |------------------------------------------------|----------------------------|
        | (query, positive, negative_1, ..., negative_n) | (batch, 1 + n) ids or none |
    """


class CachedMaskedMultiVectorMultipleNegativesRankingLoss(_Masked, CachedMultiVectorMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedMultiVectorMultipleNegativesRankingLoss` with gradient caching: the arguments of
    ``CachedMultiVectorMultipleNegativesRankingLoss``.
    """
