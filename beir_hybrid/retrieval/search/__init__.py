"""Exact ranks and best passages from tiles of scores, for every retriever that scores pairs of texts."""
