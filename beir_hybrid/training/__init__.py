"""Training with hybrid batches: the one floor that knows both this package and the sentence-transformers plugin."""
