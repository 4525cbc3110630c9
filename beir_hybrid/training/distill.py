"""A term of the loss that holds how queries rank their batch where the starting model had it, language left out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from st_hybrid_batch.callbacks import BatchCallback


class SelfDistillation(BatchCallback):
    """Adds to the loss of a batch how far its rankings have moved from the starting model's: the Kullback-Leibler
    divergence of each question's distribution over the passages of the batch (softmax of scale times cosine) from the
    one that the starting model gives, averaged over the questions. Validation losses are without it.

    Args:
        loss: the loss handed to the trainer: one over in-batch negatives, cached or not, or ``MatryoshkaLoss`` of it.
            Its methods are wrapped.
        start: the starting model, which the trained one does not share.
        weight: what the term is multiplied with.
        directions: orthonormal rows [k, d] that are projected out of the starting model's vectors: what `neutralize`
            has found to be language. Then every batch is held. None: its vectors are taken as they are, and monolingual
            batches alone are held, for across languages the model is meant to move.
    """

    def __init__(self, loss: Any, start: Any, weight: float, directions: Any = None) -> None:
        super().__init__(loss)
        self._weight = weight
        self._directions = None if directions is None else torch.as_tensor(directions, dtype=torch.float32)
        self._start = start.eval().requires_grad_(False)
        # a MatryoshkaLoss has the ranking loss within; so has a cached one, which does not ask it
        self._ranking = loss if hasattr(loss, "calculate_loss") else getattr(loss, "loss", loss)
        self._features: list[dict[str, Any]] | None = None
        self._held: list[Tensor] | None = None
        self._wrap()

    def begin_batch(self, module: Any, inputs: Any) -> None:
        super().begin_batch(module, inputs)
        self._features = self._held = None
        if self.setting == "mono" or (self.setting is not None and self._directions is not None):
            # pooling may change the attention mask in place
            self._features = [_copied(column) for column in inputs[0]]

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        super().on_train_end(args, state, control, **kwargs)
        self._features = self._held = None

    def _wrap(self) -> None:
        """Let the ranking loss add the term where it has all vectors of the batch."""
        if hasattr(self._ranking, "calculate_loss"):
            calculate = self._ranking.calculate_loss

            def cached(parts: list[list[Tensor]], *args: Any, with_backward: bool = False, **kwargs: Any) -> Tensor:
                loss: Tensor = calculate(parts, *args, with_backward=with_backward, **kwargs)
                if self._features is None:
                    return loss
                term = self._term([torch.cat(column) for column in parts[:2]])
                if with_backward:
                    term.backward()  # type: ignore[no-untyped-call]
                return loss + term.detach() if with_backward else loss + term

            self._ranking.calculate_loss = cached
            return
        compute = self._ranking.compute_loss_from_embeddings

        def whole(embeddings: list[Tensor], *args: Any, **kwargs: Any) -> Tensor:
            loss: Tensor = compute(embeddings, *args, **kwargs)
            return loss if self._features is None else loss + self._term(embeddings[:2])

        self._ranking.compute_loss_from_embeddings = whole

    def _term(self, embeddings: list[Tensor]) -> Tensor:
        """The weighted term of the questions and the passages, each ``(batch, dimension)``."""
        if self._held is None:
            self._held = [self._encoded(column) for column in (self._features or [])[:2]]
        # a MatryoshkaLoss compares the first dimensions of both
        now = [_unit(column) for column in embeddings]
        before = [_unit(held[:, : column.shape[1]]) for held, column in zip(self._held, now, strict=True)]
        scores, held_scores = (self._ranking.scale * pair[0] @ pair[1].T for pair in (now, before))  # (batch, batch)
        term: Tensor = self._weight * torch.nn.functional.kl_div(
            scores.log_softmax(dim=1), held_scores.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
        return term

    @torch.no_grad()
    def _encoded(self, column: dict[str, Any]) -> Tensor:
        """The starting model's vectors of a column, as many texts at a time as the loss computes."""
        self._start.to(column["input_ids"].device)
        rows = len(column["input_ids"])
        size = getattr(self._ranking, "mini_batch_size", None) or rows
        parts = [
            _unit(self._start(_copied(column, slice(begin, begin + size)))["sentence_embedding"])
            for begin in range(0, rows, size)
        ]
        vectors = torch.cat(parts)
        if self._directions is None:
            return vectors
        directions = self._directions.to(vectors.device)
        return vectors - vectors @ directions.T @ directions


def _copied(column: dict[str, Any], rows: slice = slice(None)) -> dict[str, Any]:
    return {name: value[rows].clone() if isinstance(value, Tensor) else value for name, value in column.items()}


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors.float(), dim=1)
