"""A pool's scores made comparable between passage languages, without looking into any vector or index."""

from __future__ import annotations

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
    changed = hits.standard_scores(group, len(hits) * len(task.blocks))
    return Hits.sorted(len(hits), hits.query, hits.passages, changed)
