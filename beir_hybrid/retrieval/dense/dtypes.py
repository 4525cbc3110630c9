"""What a model computes with: float32, or 16 bits under PyTorch's autocast, and on how many threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from beir_hybrid.errors import RetrieverError, did_you_mean
from beir_hybrid.processors import processors

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


_SECONDS = 0.1
"""For which it is looked at how busy the processors are."""


@contextlib.contextmanager
def idle_threads() -> Iterator[int]:
    """Within, PyTorch has a thread for each idle processor, at least one, and no more than it had.

    Threads that wait for each other stand still whenever another process takes the place of one: on two busy
    processors, two encode at half the speed of one. The number changes no value: each computes whole rows.
    """
    import psutil
    import torch

    before = torch.get_num_threads()
    if before == 1:
        yield 1
        return
    busy = psutil.cpu_percent(_SECONDS, percpu=True)
    # of a machine of which this process has a part, the part's share of what is idle
    idle = sum(1 - each / 100 for each in busy) * min(1.0, processors() / len(busy))
    n = max(1, min(before, round(idle)))
    torch.set_num_threads(n)
    try:
        yield n
    finally:
        torch.set_num_threads(before)
