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
        ids = ids.reshape(-1).long()
        place = torch.arange(len(ids), device=ids.device)
        # bags may be empty: the text of a token is the last one that starts at or before it
        text = torch.searchsorted(starts.long().contiguous(), place, right=True) - 1
        keys = torch.zeros(len(starts), dtype=torch.long, device=ids.device)
        return keys.index_add_(0, text, _spread(ids, place - starts.long()[text]))
    mask = features.get("attention_mask")
    mask = torch.ones_like(ids) if mask is None else mask
    place = mask.long().cumsum(dim=1)
    return (_spread(ids.long(), place) * (mask != 0)).sum(dim=1)


def _spread(ids: Tensor, place: Tensor) -> Tensor:
    mixed = (ids + 1) * _TOKEN + place * _PLACE
    mixed = (mixed ^ (mixed >> _SHIFT)) * _PLACE
    return (mixed ^ (mixed >> _SHIFT)) * _TOKEN
