"""Hybrid batches of monolingual and cross-lingual pairs for sentence-transformers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_hybrid_batch.alpha import Cosine, Linear, register_schedule
    from st_hybrid_batch.callbacks import BatchLossCallback, SettingsCallback, hybrid_callbacks, read_settings
    from st_hybrid_batch.dataset import ParallelDataset
    from st_hybrid_batch.evaluator import ParallelEvaluator
    from st_hybrid_batch.group import Group, group_from_record
    from st_hybrid_batch.loss.cross_encoder import (
        CachedMaskedCrossEncoderMultipleNegativesRankingLoss,
        MaskedCrossEncoderMultipleNegativesRankingLoss,
    )
    from st_hybrid_batch.loss.dense import CachedMaskedMultipleNegativesRankingLoss, MaskedMultipleNegativesRankingLoss
    from st_hybrid_batch.loss.multi_vector import (
        CachedMaskedMultiVectorMultipleNegativesRankingLoss,
        MaskedMultiVectorMultipleNegativesRankingLoss,
    )
    from st_hybrid_batch.readers.jsonl import read_jsonl
    from st_hybrid_batch.readers.mmarco import read_mmarco
    from st_hybrid_batch.readers.squad import read_squad
    from st_hybrid_batch.sampler import HybridBatchSampler
    from st_hybrid_batch.settings import HybridBatches
    from st_hybrid_batch.sparse import LazyAdamW, use_sparse_gradients

# torch, datasets and sentence-transformers take seconds to import: a name loads its module when first used
_HOMES = {
    "BatchLossCallback": "callbacks",
    "CachedMaskedCrossEncoderMultipleNegativesRankingLoss": "loss.cross_encoder",
    "CachedMaskedMultiVectorMultipleNegativesRankingLoss": "loss.multi_vector",
    "CachedMaskedMultipleNegativesRankingLoss": "loss.dense",
    "Cosine": "alpha",
    "Group": "group",
    "HybridBatchSampler": "sampler",
    "HybridBatches": "settings",
    "LazyAdamW": "sparse",
    "Linear": "alpha",
    "MaskedCrossEncoderMultipleNegativesRankingLoss": "loss.cross_encoder",
    "MaskedMultiVectorMultipleNegativesRankingLoss": "loss.multi_vector",
    "MaskedMultipleNegativesRankingLoss": "loss.dense",
    "ParallelDataset": "dataset",
    "ParallelEvaluator": "evaluator",
    "SettingsCallback": "callbacks",
    "group_from_record": "group",
    "hybrid_callbacks": "callbacks",
    "read_jsonl": "readers.jsonl",
    "read_mmarco": "readers.mmarco",
    "read_settings": "callbacks",
    "read_squad": "readers.squad",
    "register_schedule": "alpha",
    "use_sparse_gradients": "sparse",
}

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
    "register_schedule",
    "use_sparse_gradients",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
