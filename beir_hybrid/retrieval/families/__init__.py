"""Retrievers of the other families of sentence-transformers: learned sparse, late interaction, reranking."""
