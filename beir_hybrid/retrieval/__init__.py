"""Retrievers behind one contract: dense, BM25, BEIR search objects, run files. `recognise` takes what a user has."""
