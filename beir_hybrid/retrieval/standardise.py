"""A pool's scores made comparable between passage languages, without looking into any vector or index."""

from __future__ import annotations

import numpy as np

from beir_hybrid.records import Hits
from beir_hybrid.settings import Task


def standardised(hits: Hits, task: Task) -> Hits:
    """The hits of a pool, each score less the mean and over the standard deviation of those in its language.

    The mean and deviation are those of one query's hits in one passage language, so the deeper a run is kept, the more
    they say. Each language then has as much of the top as every other, which is right where each has an answer, and
    too much where most have none. Where a query has one hit in a language, or equal ones, their scores become 0. Other
    settings than the pool have one passage language, and stay as they are.
    """
    if task.setting != "multi" or not len(hits.passages):
        return hits
    group = hits.query * len(task.blocks) + task.block_of(hits.passages)  # (hits,)
    count = np.bincount(group, minlength=len(hits) * len(task.blocks))
    scores = hits.scores.astype(np.float64)
    total = np.maximum(count, 1)
    mean = np.bincount(group, weights=scores, minlength=len(count)) / total
    away = scores - mean[group]
    deviation = np.sqrt(np.bincount(group, weights=away**2, minlength=len(count)) / total)[group]
    # equal scores differ from their mean by rounding alone
    told_apart = deviation > 1e-7 * np.maximum(1, np.abs(mean[group]))
    changed = np.divide(away, deviation, out=np.zeros_like(away), where=told_apart)
    return Hits.sorted(len(hits), hits.query, hits.passages, changed)
