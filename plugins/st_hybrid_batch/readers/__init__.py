"""Readers of training data: generator functions that yield groups, for ``ParallelDataset.from_generator``."""
