"""Hybrid batches of monolingual and cross-lingual pairs for sentence-transformers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_hybrid_batch.groups import Group, group_from_record, read_jsonl
    from st_hybrid_batch.sampler import HybridBatchSampler
    from st_hybrid_batch.schedule import Cosine, Linear, OfProgress
    from st_hybrid_batch.settings import HybridBatches
    from st_hybrid_batch.view import ParallelDataset

# torch, datasets and sentence-transformers take seconds to import: a name loads its module when first used
_HOMES = {
    "Cosine": "schedule",
    "Group": "groups",
    "HybridBatchSampler": "sampler",
    "HybridBatches": "settings",
    "Linear": "schedule",
    "OfProgress": "schedule",
    "ParallelDataset": "view",
    "group_from_record": "groups",
    "read_jsonl": "groups",
}

__all__ = [
    "Cosine",
    "Group",
    "HybridBatchSampler",
    "HybridBatches",
    "Linear",
    "OfProgress",
    "ParallelDataset",
    "group_from_record",
    "read_jsonl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
