"""Readers of training data: generator functions that yield groups, for ``ParallelDataset.from_generator``."""

from st_hybrid_batch.readers.jsonl import read_jsonl
from st_hybrid_batch.readers.mmarco import read_mmarco
from st_hybrid_batch.readers.squad import read_squad

__all__ = ["read_jsonl", "read_mmarco", "read_squad"]
