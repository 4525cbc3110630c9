"""InfoNCE that spares what answers the question, for every sort of model that sentence-transformers trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import torch
from sentence_transformers.cross_encoder import losses as cross_encoder
from sentence_transformers.multi_vector_encoder.losses import (
    CachedMultiVectorMultipleNegativesRankingLoss,
    MultiVectorMultipleNegativesRankingLoss,
)
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
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


class _Cited:
    @property
    def citation(self) -> str:
        return CITATION


class MaskedMultipleNegativesRankingLoss(_Cited, MultipleNegativesRankingLoss):  # type: ignore[misc]
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

    Inputs:
        | Inputs                                         | Labels                            |
        |------------------------------------------------|-----------------------------------|
        | (query, positive) pairs                        | (batch, 1) ids or none            |
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
        with masked(self, labels, len(embeddings) - 1):
            return super().compute_loss_from_embeddings(embeddings, labels)  # type: ignore[no-any-return]


class CachedMaskedMultipleNegativesRankingLoss(_Cited, CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedMultipleNegativesRankingLoss` with gradient caching (https://huggingface.co/papers/2101.06983): batches much
    larger than fit into memory, at the price of a second forward pass. Equal in value and gradient (up to rounding).

    Args:
        model: SentenceTransformer model; not one based on ``StaticEmbedding``
        mini_batch_size: rows embedded, and rows of the score matrix computed, at a time.

    The others are those of ``CachedMultipleNegativesRankingLoss``, which is this loss without the masks; the inputs
    those of `MaskedMultipleNegativesRankingLoss`.

    Example:
        ```python
        loss = CachedMaskedMultipleNegativesRankingLoss(model, mini_batch_size=64)
        ```
    """

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of cached embeddings, ``mini_batch_size`` rows of the score matrix at a time."""
        with masked(self, labels, len(reps) - 1):
            return super().calculate_loss(reps, labels, with_backward=with_backward)  # type: ignore[no-any-return]


class _Masked(_Cited):
    """Masks the scores of a host's loss while it computes."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        features = list(sentence_features)
        with masked(self, labels, len(features) - 1, by_row=True):
            return super().forward(features)  # type: ignore[misc, no-any-return]


class MaskedMultiVectorMultipleNegativesRankingLoss(_Masked, MultiVectorMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    ``MultiVectorMultipleNegativesRankingLoss`` that leaves candidates with the id of a row's own positive out, as
    `MaskedMultipleNegativesRankingLoss` does. Same arguments and inputs; without labels the same loss.
    """


class CachedMaskedMultiVectorMultipleNegativesRankingLoss(_Masked, CachedMultiVectorMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedMultiVectorMultipleNegativesRankingLoss` with gradient caching: the arguments of
    ``CachedMultiVectorMultipleNegativesRankingLoss``.
    """


class _Drawn(_Cited):
    """Draws in-batch negatives among those that are some, and leaves the others out of the softmax."""

    def forward(self, inputs: list[list[str]], labels: list[Tensor] | None = None, **options: Any) -> Tensor:
        rows, columns = len(inputs[0]), len(inputs) - 1
        ids = check_ids(labels, columns)
        ids = torch.arange(rows * columns).reshape(rows, columns) if ids is None else ids.cpu()
        self._spared = no_negatives(ids, 0, rows)
        # an evaluation draws the same ones every time, and leaves the training's chances alone
        self._chance = None if torch.is_grad_enabled() else torch.Generator().manual_seed(0)
        self._left_out = [torch.zeros(rows, dtype=torch.bool)]  # per column of scores: the positive never is
        return super().forward(inputs, labels, **options)  # type: ignore[misc, no-any-return]

    def get_in_batch_negatives(self, anchors: list[str], candidates: list[list[str]]) -> Iterator[list[str]]:
        own = torch.eye(len(anchors), dtype=torch.bool)[:, :, None]
        allowed = (~self._spared & ~own).transpose(1, 2).flatten(1)  # (rows, columns * rows)
        most = int(allowed.sum(dim=1).max())
        wanted = most if self.num_negatives is None else min(self.num_negatives, most)  # type: ignore[attr-defined]
        chances = torch.rand(allowed.shape, generator=self._chance).masked_fill(~allowed, -1.0)
        chance, chosen = chances.topk(wanted, dim=1)  # (rows, wanted)
        texts = [text for column in candidates for text in column]
        for number in range(wanted):
            self._left_out.append(chance[:, number] < 0)
            yield [texts[candidate] for candidate in chosen[:, number].tolist()]

    def calculate_loss(self, logits: list[Tensor], batch_size: int) -> Tensor:
        """Cross entropy of ``(rows, 1 + in-batch negatives + hard negatives)`` scores, the positive first."""
        scores = torch.cat(logits).reshape(-1, batch_size).T
        scores = self.activation_fn(scores) if self.activation_fn else scores  # type: ignore[attr-defined]
        own = self._spared.diagonal(dim1=0, dim2=1)[1:]  # (hard negatives, rows)
        left_out = torch.stack([*self._left_out, *own], dim=1).to(scores.device)
        scores = (scores * self.scale).masked_fill(left_out, -torch.inf)  # type: ignore[attr-defined]
        return torch.nn.functional.cross_entropy(scores, scores.new_zeros(batch_size, dtype=torch.long))


class MaskedCrossEncoderMultipleNegativesRankingLoss(_Drawn, cross_encoder.MultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    The ``MultipleNegativesRankingLoss`` of cross encoders that never draws a candidate with the id of a row's own
    positive as its negative, as `MaskedMultipleNegativesRankingLoss` leaves it out. Same arguments and inputs, for a
    model of one output.
    """


class CachedMaskedCrossEncoderMultipleNegativesRankingLoss(_Drawn, cross_encoder.CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
    """
    `MaskedCrossEncoderMultipleNegativesRankingLoss` with gradient caching: the arguments of the cross encoders'
    ``CachedMultipleNegativesRankingLoss``.
    """


def check_ids(labels: Any, candidates: int) -> Tensor | None:
    """Labels as ids of passages, ``(batch, candidates)``; None stays None.

    Args:
        labels: what the trainer hands a loss: a tensor, or a list with the ids of each row (cross encoders).
        candidates: the passage column and those of hard negatives.

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
    return ids


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
def masked(loss: Any, labels: Any, candidates: int, *, by_row: bool = False) -> Iterator[None]:
    """While this lasts, scores that a host's loss computes of candidates that are no negatives are minus infinity.

    The host's arithmetic stays its own; only ``loss.similarity_fct`` is replaced. It is called for some of this rank's
    rows at a time, in order; for each of them once in every direction.

    Args:
        loss: a loss with ``similarity_fct`` and ``gather_across_devices``.
        labels: ``(batch, candidates)`` ids, or None, which masks nothing.
        candidates: columns of passages.
        by_row: whether the host lays candidates out row after row (late interaction), not column after column.
    """
    ids = check_ids(labels, candidates)
    if ids is None:
        yield
        return
    size, offset = len(ids), 0
    if loss.gather_across_devices:
        ids, offset = all_gather(ids.contiguous()), get_rank() * size
    mask = no_negatives(ids, offset, offset + size)  # (batch, world * batch, candidates)
    every, positives = (mask if by_row else mask.transpose(1, 2)).flatten(1), mask[:, :, 0]
    asked = getattr(loss, "directions", ("query_to_doc",))
    turns = cycle(direction for direction in _DIRECTIONS if direction in asked)
    whole, begin, end = loss.similarity_fct, 0, 0

    def similarity(one: Tensor, other: Tensor, **options: Any) -> Tensor:
        nonlocal begin, end
        direction = next(turns)
        if direction == "query_to_doc":
            begin, end = end, end + len(one)
        rows = (every if direction.endswith("doc") else positives)[begin:end]
        scores: Tensor = whole(one, other, **options)
        # from passages the host computes the other way round
        return scores.masked_fill((rows.T if direction.startswith("doc") else rows).to(scores.device), -torch.inf)

    loss.similarity_fct = similarity
    try:
        yield
    finally:
        loss.similarity_fct = whole
