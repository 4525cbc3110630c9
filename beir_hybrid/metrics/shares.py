"""Which languages the first results from the pool are in."""

from __future__ import annotations

import numpy as np

from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.retrieval.contract import Ranking

LANGUAGE_SHARE = f"language_share@{SHARE_CUTOFF}:"
"""A metric of a task for each passage language, ``language_share@10:de``."""


def language_shares(ranking: Ranking, cutoff: int = SHARE_CUTOFF) -> dict[str, float]:
    """Share of each passage language among the first k passages: the mean over the queries that found any.

    The shares of one ranking add up to 1; a retriever that is blind to language gives each its share of the pool.
    Empty where nothing was retrieved, or a whole ranking kept fewer than k passages.
    """
    first = ranking.hits.cut(cutoff)
    answered = first.counts >= (min(cutoff, ranking.task.n_passages) if ranking.complete else 1)
    if not answered.any():
        return {}
    names = [block.language for block in ranking.task.blocks]
    n_queries, n_languages = len(first.counts), len(names)
    language = ranking.task.block_of(first.passages)
    counts = np.bincount(first.query * n_languages + language, minlength=n_queries * n_languages)
    shares = counts.reshape(n_queries, n_languages)[answered] / first.counts[answered, None]
    return {name: float(share) for name, share in zip(names, shares.mean(axis=0), strict=True)}
