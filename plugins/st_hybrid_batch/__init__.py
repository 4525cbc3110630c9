"""Hybrid batches of monolingual and cross-lingual pairs for sentence-transformers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_hybrid_batch.callbacks import (
        EpochCallback,
        KindLossCallback,
        SettingsCallback,
        hybrid_callbacks,
        read_settings,
    )
    from st_hybrid_batch.evaluator import ParallelEvaluator
    from st_hybrid_batch.groups import Group, group_from_record, read_jsonl
    from st_hybrid_batch.loss import CachedMaskedRankingLoss, MaskedRankingLoss
    from st_hybrid_batch.mmarco import read_mmarco
    from st_hybrid_batch.sampler import HybridBatchSampler
    from st_hybrid_batch.schedule import Cosine, Linear, OfProgress
    from st_hybrid_batch.settings import HybridBatches
    from st_hybrid_batch.sparse import LazyAdamW, use_sparse_gradients
    from st_hybrid_batch.squad import read_squad
    from st_hybrid_batch.view import ParallelDataset

# torch, datasets and sentence-transformers take seconds to import: a name loads its module when first used
_HOMES = {
    "CachedMaskedRankingLoss": "loss",
    "Cosine": "schedule",
    "EpochCallback": "callbacks",
    "Group": "groups",
    "HybridBatchSampler": "sampler",
    "HybridBatches": "settings",
    "KindLossCallback": "callbacks",
    "LazyAdamW": "sparse",
    "Linear": "schedule",
    "MaskedRankingLoss": "loss",
    "OfProgress": "schedule",
    "ParallelDataset": "view",
    "ParallelEvaluator": "evaluator",
    "SettingsCallback": "callbacks",
    "group_from_record": "groups",
    "hybrid_callbacks": "callbacks",
    "read_jsonl": "groups",
    "read_mmarco": "mmarco",
    "read_settings": "callbacks",
    "read_squad": "squad",
    "use_sparse_gradients": "sparse",
}

__all__ = [
    "CachedMaskedRankingLoss",
    "Cosine",
    "EpochCallback",
    "Group",
    "HybridBatchSampler",
    "HybridBatches",
    "KindLossCallback",
    "LazyAdamW",
    "Linear",
    "MaskedRankingLoss",
    "OfProgress",
    "ParallelDataset",
    "ParallelEvaluator",
    "SettingsCallback",
    "group_from_record",
    "hybrid_callbacks",
    "read_jsonl",
    "read_mmarco",
    "read_settings",
    "read_squad",
    "use_sparse_gradients",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
