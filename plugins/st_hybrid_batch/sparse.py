"""Sparse gradients for static embeddings: a step costs what the batch holds, not what the vocabulary does."""

from __future__ import annotations

import math
from typing import Any
from weakref import finalize

import torch
from sentence_transformers.sentence_transformer import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from sentence_transformers.util.distributed import get_world_size
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_held: Any = WeakTensorKeyDictionary()
"""What is held back of the gradient of a parameter. One place for all optimizers: whichever steps next finds what its
parameters got."""


class LazyAdamW(torch.optim.Optimizer):
    """AdamW that touches only the rows of a sparse gradient.

    A row's moments and its weight decay are updated when the row occurs in a batch, and stand still
    otherwise (``torch.optim.SparseAdam`` does the same, without weight decay). The bias correction counts all
    steps. Dense gradients get ordinary AdamW with the same numbers.

    Sparse gradients are taken away from the parameters as soon as they are there, and summed until the
    step: the trainer computes the norm of all gradients before every step, whatever ``max_grad_norm`` is, and
    torch has no norm of a sparse one. So they are not clipped, and not in the ``grad_norm`` of the logs.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: decay of the first and the second moment.
        eps: added to the root of the second moment.
        weight_decay: decoupled weight decay, of the rows that occur.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or eps <= 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"expected lr >= 0, eps > 0, weight_decay >= 0 and betas in [0, 1), got lr={lr}, eps={eps}, "
                f"weight_decay={weight_decay}, betas={betas}"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's, and hold the sparse gradients of these parameters back."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if parameter.requires_grad:
                # when the optimizer is gone, gradients are left where they are
                finalize(self, parameter.register_post_accumulate_grad_hook(_hold).remove)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's, and forget which rows had a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                _held.pop(parameter, None)
        super().zero_grad(set_to_none)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = _held.pop(parameter, parameter.grad)
                if gradient is not None:
                    self._update(parameter, gradient, group)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        (beta1, beta2), step = group["betas"], state["step"]
        size = group["lr"] / (1 - beta1**step)
        correction = math.sqrt(1 - beta2**step)
        rows: Any = slice(None)
        values = gradient
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            rows, values = gradient.indices()[0], gradient.values()
        first = state["exp_avg"][rows].lerp_(values, 1 - beta1)
        second = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
        weights = parameter[rows] * (1 - group["lr"] * group["weight_decay"])
        weights.addcdiv_(first, second.sqrt().div_(correction).add_(group["eps"]), value=-size)
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = first, second
        parameter[rows] = weights


def _hold(parameter: Tensor) -> None:
    if parameter.grad is None or not parameter.grad.is_sparse:  # or another optimizer's hook was first
        return
    if get_world_size() > 1:
        raise RuntimeError(
            "sparse gradients are taken before they are averaged over processes; train static models in one process, "
            "or without use_sparse_gradients"
        )
    before = _held.get(parameter)
    _held[parameter] = parameter.grad if before is None else before + parameter.grad
    parameter.grad = None


def use_sparse_gradients(model: SentenceTransformer) -> None:
    """Make a static model's embedding table hand out sparse gradients.

    Train it with ``SentenceTransformerTrainer(optimizer_cls_and_kwargs=(LazyAdamW, {"lr": 0.01}))``. The
    trainer's learning rate schedule, weight decay groups, gradient accumulation and checkpoints work as
    usual. In one process only.

    Args:
        model: a model whose first module is a ``StaticEmbedding``.
    """
    module = model[0]
    if not isinstance(module, StaticEmbedding):
        raise TypeError(
            f"sparse gradients are for models that begin with a StaticEmbedding, got a {type(module).__name__}"
        )
    module.embedding.sparse = True
