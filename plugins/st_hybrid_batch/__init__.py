"""Hybrid batches of monolingual and cross-lingual pairs for sentence-transformers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_hybrid_batch.alpha import Cosine, Linear
    from st_hybrid_batch.callbacks import BatchLossCallback, SettingsCallback, hybrid_callbacks, read_settings
    from st_hybrid_batch.dataset import ParallelDataset
    from st_hybrid_batch.evaluator import ParallelEvaluator
    from st_hybrid_batch.group import Group, group_from_record
    from st_hybrid_batch.loss import (
        CachedMaskedCrossEncoderMultipleNegativesRankingLoss,
        CachedMaskedMultipleNegativesRankingLoss,
        CachedMaskedMultiVectorMultipleNegativesRankingLoss,
        MaskedCrossEncoderMultipleNegativesRankingLoss,
        MaskedMultipleNegativesRankingLoss,
        MaskedMultiVectorMultipleNegativesRankingLoss,
    )
    from st_hybrid_batch.readers import read_jsonl, read_mmarco, read_squad
    from st_hybrid_batch.sampler import HybridBatches, HybridBatchSampler
    from st_hybrid_batch.sparse import LazyAdamW, use_sparse_gradients

__all__ = [
    "BatchLossCallback",
    "CachedMaskedCrossEncoderMultipleNegativesRankingLoss",
    "CachedMaskedMultiVectorMultipleNegativesRankingLoss",
    "CachedMaskedMultipleNegativesRankingLoss",
    "Cosine",
    "Group",
    "HybridBatchSampler",
    "HybridBatches",
    "LazyAdamW",
    "Linear",
    "MaskedCrossEncoderMultipleNegativesRankingLoss",
    "MaskedMultiVectorMultipleNegativesRankingLoss",
    "MaskedMultipleNegativesRankingLoss",
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

# torch, datasets and sentence-transformers take seconds to import: a name loads its module when first used
_NAMES = {
    "alpha": "Cosine Linear",
    "callbacks": "BatchLossCallback SettingsCallback hybrid_callbacks read_settings",
    "dataset": "ParallelDataset",
    "evaluator": "ParallelEvaluator",
    "group": "Group group_from_record",
    "readers": "read_jsonl read_mmarco read_squad",
    "sampler": "HybridBatchSampler HybridBatches",
    "sparse": "LazyAdamW use_sparse_gradients",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF.get(name, 'loss')}"), name)
