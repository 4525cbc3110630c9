"""MultipleNegativesRankingLoss that spares what answers the question, for single-vector embeddings, dense or sparse."""

from __future__ import annotations

from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import Tensor

from st_hybrid_batch.loss.masks import CITATION, masked


class MaskedMultipleNegativesRankingLoss(MultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    InfoNCE with in-batch negatives, in which a passage that answers the question as well as the positive does is not
    taken for a negative.

    In plain terms, the loss works as follows:

    1. For each query, the similarity to its positive should be higher than to all other passages of the batch (the
       other rows' positives, and all hard negatives), as in ``MultipleNegativesRankingLoss``.
    2. Left out of "all other passages" are those that have the id of the row's own positive, hard negatives of any row
       included. In a ``ParallelDataset``, that is a text equal to the positive, a translation of it, or another
       passage of the same question: pushing it away would teach the model to tell languages apart, or what is false.
    3. Where no two texts have an id in common, or without labels, value and gradient equal those of
       ``MultipleNegativesRankingLoss``.

    Args:
        model: SentenceTransformer model, or a SparseEncoder (inside ``SpladeLoss`` or ``CachedSpladeLoss``)
        scale: Output of similarity function is multiplied by scale value: ``scale = 1 / temperature``.
        similarity_fct: similarity function between embeddings. By default, cos_sim. Can also be set to dot product (and
            then set scale to 1), as is usual for sparse embeddings
        gather_across_devices: If True, the passages of all devices are candidates, and ids are compared across devices.
        directions: Which similarities take part, see ``MultipleNegativesRankingLoss``. The masks hold in each: a
            question whose passage has the same id is no negative for that passage either.
        partition_mode, hardness_mode, hardness_strength: see ``MultipleNegativesRankingLoss``.

    References:
        - Synergistic Approach for Simultaneous Optimization of Monolingual, Cross-lingual, and Multilingual Information
          Retrieval: https://arxiv.org/abs/2408.10536

    Requirements:
        1. (query, positive) pairs, triplets or n-tuples, and as label the ids of the positive and the negatives.

    Inputs:
        | Inputs                                         | Labels                            |
        |------------------------------------------------|-----------------------------------|
        | (query, positive) pairs                        | (batch, 1) ids or none            |
        | (query, positive, negative) triplets           | (batch, 2) ids or none            |
        | (query, positive, negative_1, ..., negative_n) | (batch, 1 + n) ids or none        |

    Recommendations:
        - Use it with `HybridBatches`, which keeps an id from coming up twice among the positives of a batch; the masks
          then catch hard negatives, and validation batches.

    Relations:
        - ``MultipleNegativesRankingLoss`` is this loss without the masks.
        - `CachedMaskedMultipleNegativesRankingLoss` is this loss with gradient caching, for batches that do not fit
          into memory.
        - It can be wrapped in ``MatryoshkaLoss``, ``SpladeLoss`` and ``CachedSpladeLoss``.

    Example:
        ```python
        from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
        from st_hybrid_batch import MaskedMultipleNegativesRankingLoss, ParallelDataset, read_jsonl

        model = SentenceTransformer("FacebookAI/xlm-roberta-base")
        train_dataset = ParallelDataset.from_generator(read_jsonl, {"path": "groups.jsonl.gz", "split": "train"})
        loss = MaskedMultipleNegativesRankingLoss(model)

        trainer = SentenceTransformerTrainer(model=model, train_dataset=train_dataset, loss=loss)
        trainer.train()
        ```
    """

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None) -> Tensor:
        """The loss of embeddings.

        Args:
            embeddings: query, positive and negatives, each ``(batch, dim)``.
            labels: ``(batch, 1 + negatives)`` ids, or None.
        """
        with masked(self, labels, len(embeddings) - 1, embeddings[0].device):
            return super().compute_loss_from_embeddings(embeddings, labels)  # type: ignore[no-any-return]

    @property
    def citation(self) -> str:
        return CITATION


class CachedMaskedMultipleNegativesRankingLoss(CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedMultipleNegativesRankingLoss` with gradient caching (https://huggingface.co/papers/2101.06983): batches much
    larger than fit into memory, at the price of a second forward pass.

    Args:
        model: SentenceTransformer model; not one based on ``StaticEmbedding``
        scale: Output of similarity function is multiplied by scale value: ``scale = 1 / temperature``.
        similarity_fct: similarity function between embeddings.
        mini_batch_size: rows embedded, and rows of the score matrix computed, at a time.
        mini_batch_num_tokens: If set, mini-batches are packed by tokens instead.
        gather_across_devices: If True, the passages of all devices are candidates.
        directions, partition_mode, hardness_mode, hardness_strength: see ``MultipleNegativesRankingLoss``.
        show_progress_bar: If True, show a progress bar over the mini-batches.

    Inputs:
        | Inputs                                         | Labels                     |
        |------------------------------------------------|----------------------------|
        | (query, positive) pairs                        | (batch, 1) ids or none     |
        | (query, positive, negative_1, ..., negative_n) | (batch, 1 + n) ids or none |

    Relations:
        - Equal to `MaskedMultipleNegativesRankingLoss` in value and gradient (up to rounding).
        - ``CachedMultipleNegativesRankingLoss`` is this loss without the masks.

    Example:
        ```python
        loss = CachedMaskedMultipleNegativesRankingLoss(model, mini_batch_size=64)
        ```
    """

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of cached embeddings, ``mini_batch_size`` rows of the score matrix at a time."""
        with masked(self, labels, len(reps) - 1, reps[0][0].device):
            return super().calculate_loss(reps, labels, with_backward=with_backward)  # type: ignore[no-any-return]

    @property
    def citation(self) -> str:
        return CITATION
