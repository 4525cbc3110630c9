"""The numbers a model computes with: float32, or 16 bits under PyTorch's autocast."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from beir_hybrid.errors import RetrieverError, did_you_mean

Dtype = Literal["float32", "bfloat16", "float16"]
DtypeChoice = Literal["auto", "float32", "bfloat16", "float16"]
DTYPES: tuple[DtypeChoice, ...] = ("auto", "float32", "bfloat16", "float16")


def check_dtype(model: Any, given: str) -> None:
    """Refuse what is no dtype, or cannot be chosen for this encoder.

    Raises:
        RetrieverError: an unknown name, or 16 bits for what is no PyTorch model in float32.
    """
    if given not in DTYPES:
        raise RetrieverError(f"unknown dtype {given!r}; {did_you_mean(given, DTYPES)}")
    if given in ("bfloat16", "float16") and not can_change(model):
        raise RetrieverError(
            f"dtype {given!r} needs a sentence-transformers model with float32 weights; "
            f"leave it out: this encoder computes as it was made"
        )


def can_change(model: Any) -> bool:
    """Whether a model computes otherwise under autocast: one of PyTorch with linear layers, in float32."""
    if not hasattr(model, "prompts") or not hasattr(model, "modules"):
        return False
    import torch

    return any(isinstance(each, torch.nn.Linear) and each.weight.dtype == torch.float32 for each in model.modules())


def has_bfloat16(model: Any) -> bool:
    """Whether the processor that the model is on multiplies bfloat16 in its own instructions."""
    import torch

    kind = str(getattr(model, "device", "cpu")).partition(":")[0]
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu":
        return False
    # not public, and not in every version; without them it is float32, which is right everywhere
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(supported() for supported in known if supported is not None)


@contextlib.contextmanager
def computing(model: Any, dtype: Dtype) -> Iterator[None]:
    """What a model encodes within is computed with that dtype; weights, sums and normalisations stay float32."""
    if dtype == "float32":
        yield
        return
    import torch

    kind = str(model.device).partition(":")[0]
    with torch.autocast(kind, dtype=torch.bfloat16 if dtype == "bfloat16" else torch.float16):
        yield
