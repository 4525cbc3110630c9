"""InfoNCE that spares the translations and the duplicates of the positive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers.sentence_transformer import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import cos_sim
from torch import Tensor

from st_hybrid_batch.masked_scores import Batch, Similarity, info_nce, with_keys
from st_hybrid_batch.text_keys import text_keys

_CITATION = """
@misc{elmahdy2024synergistic,
    title={Synergistic Approach for Simultaneous Optimization of Monolingual, Cross-lingual, and Multilingual Information Retrieval},
    author={Adel Elmahdy and Sheng-Chieh Lin and Amin Ahmad},
    year={2024},
    eprint={2408.10536},
    archivePrefix={arXiv},
    primaryClass={cs.IR},
}
"""  # noqa: E501


class MaskedRankingLoss(MultipleNegativesRankingLoss):  # type: ignore[misc]
    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        similarity_fct: Similarity = cos_sim,
        gather_across_devices: bool = False,
        directions: tuple[str, ...] = ("query_to_doc",),
        partition_mode: str = "joint",
    ) -> None:
        """
        InfoNCE with in-batch negatives, in which a passage that answers the question as well as the positive
        does is not taken for a negative.

        In plain terms, the loss works as follows:

        1. For each anchor, the similarity to its positive should be higher than to all other passages of the
           batch (the other rows' positives, and all hard negatives), as in ``MultipleNegativesRankingLoss``.
        2. Left out of "all other passages" are the positives of rows with the same label. The label of a
           ``ParallelDataset`` is the passage group: such a passage is a translation of the positive (or the
           positive itself, reached from another question), and pushing it away would teach the model to
           tell languages apart.
        3. Left out, too, is any candidate, hard negatives included, whose text is that of the row's own
           positive, whatever its label. Texts are compared as token ids, so this needs no column of its own.
        4. Where no two rows have a label or a passage in common, value and gradient equal those of
           ``MultipleNegativesRankingLoss``.

        Args:
            model: SentenceTransformer model
            scale: Output of similarity function is multiplied by scale value: ``scale = 1 / temperature``.
            similarity_fct: similarity function between embeddings. By default, cos_sim. Can also be set to
                dot product (and then set scale to 1)
            gather_across_devices: If True, the passages of all devices are candidates, and labels and texts
                are compared across devices.
            directions: Which similarities take part, see ``MultipleNegativesRankingLoss``. The masks hold in
                each: a question whose passage is the same is no negative for that passage either.
            partition_mode: ``"joint"`` (one softmax) or ``"per_direction"`` (one each, averaged).

        References:
            - Synergistic Approach for Simultaneous Optimization of Monolingual, Cross-lingual, and
              Multilingual Information Retrieval: https://arxiv.org/abs/2408.10536

        Requirements:
            1. (anchor, positive) pairs, triplets or n-tuples, and an integer label: rows with equal labels
               have parallel passages. Without labels only duplicates are left out.

        Inputs:
            | Inputs                                          | Labels                |
            |-------------------------------------------------|-----------------------|
            | (anchor, positive) pairs                        | passage group or none |
            | (anchor, positive, negative) triplets           | passage group or none |
            | (anchor, positive, negative_1, ..., negative_n) | passage group or none |

        Recommendations:
            - Use it with `HybridBatches`, which keeps a group from coming up twice in a batch; the masks then
              catch what sampling cannot see, such as the same passage in two groups.

        Relations:
            - ``MultipleNegativesRankingLoss`` is this loss without the masks.
            - `CachedMaskedRankingLoss` is this loss with gradient caching, for batches that do not fit into
              memory.
            - It can be wrapped in ``MatryoshkaLoss``.

        Example:
            ```python
            from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
            from st_hybrid_batch import MaskedRankingLoss, ParallelDataset, read_jsonl

            model = SentenceTransformer("FacebookAI/xlm-roberta-base")
            train_dataset = ParallelDataset.from_groups(read_jsonl("groups.jsonl.gz", split="train"))
            loss = MaskedRankingLoss(model)

            trainer = SentenceTransformerTrainer(model=model, train_dataset=train_dataset, loss=loss)
            trainer.train()
            ```
        """
        super().__init__(
            model,
            scale=scale,
            similarity_fct=similarity_fct,
            gather_across_devices=gather_across_devices,
            directions=directions,
            partition_mode=partition_mode,
        )

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        features = list(sentence_features)
        # before the model runs: pooling may change the attention mask in place
        labels = with_keys(labels, [text_keys(column) for column in features[1:]])
        loss: Tensor = super().forward(features, labels)
        return loss

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None) -> Tensor:
        """The loss of embeddings, each ``(batch, dim)``.

        Args:
            embeddings: anchor, positive and negatives.
            labels: ``(batch,)`` groups, or ``(batch, 1 + candidates)`` groups and text keys, or None.
        """
        _check_columns(embeddings)
        batch = Batch.gather(embeddings, labels, self.gather_across_devices)
        return info_nce(
            batch,
            batch.offset,
            batch.offset + batch.size,
            scale=self.scale,
            similarity=self.similarity_fct,
            directions=self.directions,
            partition_mode=self.partition_mode,
        )

    def get_config_dict(self) -> dict[str, Any]:
        return _without_hardness(super().get_config_dict())

    @property
    def citation(self) -> str:
        return _CITATION


class CachedMaskedRankingLoss(CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        similarity_fct: Similarity = cos_sim,
        mini_batch_size: int = 32,
        mini_batch_num_tokens: int | None = None,
        gather_across_devices: bool = False,
        directions: tuple[str, ...] = ("query_to_doc",),
        partition_mode: str = "joint",
        show_progress_bar: bool = False,
    ) -> None:
        """
        `MaskedRankingLoss` with gradient caching (https://huggingface.co/papers/2101.06983): batches
        much larger than fit into memory, at the price of a second forward pass.

        Args:
            model: SentenceTransformer model; not one based on ``StaticEmbedding``
            scale: Output of similarity function is multiplied by scale value: ``scale = 1 / temperature``.
            similarity_fct: similarity function between embeddings.
            mini_batch_size: rows embedded, and rows of the score matrix computed, at a time.
            mini_batch_num_tokens: If set, mini-batches are packed by tokens instead.
            gather_across_devices: If True, the passages of all devices are candidates.
            directions: see `MaskedRankingLoss`.
            partition_mode: see `MaskedRankingLoss`.
            show_progress_bar: If True, show a progress bar over the mini-batches.

        Inputs:
            | Inputs                                          | Labels                |
            |-------------------------------------------------|-----------------------|
            | (anchor, positive) pairs                        | passage group or none |
            | (anchor, positive, negative_1, ..., negative_n) | passage group or none |

        Relations:
            - Equal to `MaskedRankingLoss` in value and gradient (up to rounding).
            - ``CachedMultipleNegativesRankingLoss`` is this loss without the masks.

        Example:
            ```python
            loss = CachedMaskedRankingLoss(model, mini_batch_size=64)
            ```
        """
        super().__init__(
            model,
            scale=scale,
            similarity_fct=similarity_fct,
            mini_batch_size=mini_batch_size,
            mini_batch_num_tokens=mini_batch_num_tokens,
            gather_across_devices=gather_across_devices,
            directions=directions,
            partition_mode=partition_mode,
            show_progress_bar=show_progress_bar,
        )

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        features = list(sentence_features)
        labels = with_keys(labels, [text_keys(column) for column in features[1:]])
        loss: Tensor = super().forward(features, labels)
        return loss

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of cached embeddings, ``mini_batch_size`` rows of the score matrix at a time."""
        embeddings = [torch.cat(column) for column in reps]
        _check_columns(embeddings)
        batch = Batch.gather(embeddings, labels, self.gather_across_devices)
        losses = []
        for begin in range(0, batch.size, self.mini_batch_size):
            end = min(begin + self.mini_batch_size, batch.size)
            mean = info_nce(
                batch,
                batch.offset + begin,
                batch.offset + end,
                scale=self.scale,
                similarity=self.similarity_fct,
                directions=self.directions,
                partition_mode=self.partition_mode,
            )
            loss = mean * (end - begin) / batch.size
            if with_backward:
                loss.backward()
                loss = loss.detach()
            losses.append(loss)
        return torch.stack(losses).sum()

    def get_config_dict(self) -> dict[str, Any]:
        return _without_hardness(super().get_config_dict())

    @property
    def citation(self) -> str:
        return _CITATION


def _check_columns(embeddings: list[Tensor]) -> None:
    if len(embeddings) < 2:
        raise ValueError(f"expected at least an anchor and a positive column, got {len(embeddings)} column(s)")


def _without_hardness(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not key.startswith("hardness")}
