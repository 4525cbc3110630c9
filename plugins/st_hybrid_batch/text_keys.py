"""One number per text of a batch, equal for equal model inputs: how the loss recognises duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# odd multipliers of a multiplicative hash, as signed 64-bit integers (arithmetic wraps)
_TOKEN = -7046029254386353131
_PLACE = -4658895280553007687
_SHIFT = 31


def text_keys(features: Mapping[str, Any]) -> Tensor | None:
    """Hash every text of a column from its token ids.

    Two texts that the tokenizer maps to the same ids (the same text, or texts that agree up to the maximum
    length) get the same key; different ones differ but for a chance of about 2**-60. Padding on either side,
    and ids flattened into one row, make no difference.

    Args:
        features: what the model's ``preprocess`` gave for one column.

    Returns:
        ``(batch,)`` int64, or None where the column has no token ids (images, bags of words).
    """
    ids = features.get("input_ids")
    if not isinstance(ids, Tensor):
        return None
    starts = features.get("offsets")
    if starts is None and "cu_seq_lens_q" in features:
        starts = features["cu_seq_lens_q"][:-1]
    if starts is not None:
        ids, starts = ids.reshape(-1).long(), starts.long()
        lengths = torch.diff(starts, append=starts.new_tensor([len(ids)]))
        text = torch.repeat_interleave(lengths, output_size=len(ids))
        place = torch.arange(1, len(ids) + 1, device=ids.device) - starts[text]
        return torch.zeros_like(starts).index_add_(0, text, _spread(ids, place))
    mask = features.get("attention_mask")
    mask = torch.ones_like(ids) if mask is None else mask
    place = mask.long().cumsum(dim=1)
    return (_spread(ids.long(), place) * (mask != 0)).sum(dim=1)


def _spread(ids: Tensor, place: Tensor) -> Tensor:
    mixed = (ids * _TOKEN).add_(place, alpha=_PLACE)
    mixed ^= mixed >> _SHIFT
    mixed *= _PLACE
    mixed ^= mixed >> _SHIFT
    return mixed
