"""Hybrid batches of monolingual and cross-lingual pairs for sentence-transformers."""
