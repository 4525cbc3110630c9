"""Losses with in-batch negatives that spare what answers the question as well as the positive does."""
