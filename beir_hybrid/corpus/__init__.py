"""Corpora on disk: converted once to memory-mapped Arrow, opened in an instant whatever their size."""
