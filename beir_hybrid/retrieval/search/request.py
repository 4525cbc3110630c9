"""What is wanted of a search for one ranking, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from beir_hybrid.records import Hits, IntArray
from beir_hybrid.settings import Task


@dataclass(frozen=True, eq=False)
class SearchRequest:
    """What is wanted of one ranking.

    Args:
        queries: the name of the queries.
        rows: which of them are asked, ascending.
        starts: where each corpus that is searched begins in the ranking's positions.
        judged_row: query rows of the pairs whose ranks are wanted, ascending.
        judged_place: their passages' positions.
        depth: hits kept for each query.
    """

    queries: str
    rows: IntArray
    starts: Mapping[str, int]
    judged_row: IntArray
    judged_place: IntArray
    depth: int

    @classmethod
    def of_task(cls, task: Task, top_k: int) -> SearchRequest:
        """What a task asks, with its judgments by place in the whole pool."""
        starts, begin = {}, 0
        for block in task.blocks:
            if len(block):
                starts[block.language] = begin
            begin += len(block)
        judged = task.judged
        return cls(task.query_language, task.rows, starts, task.rows[judged.query], judged.passage, min(top_k, begin))

    @classmethod
    def of_all(cls, n_queries: int, depth: int, queries: str = "", corpus: str = "") -> SearchRequest:
        """The best passages of every query in one corpus."""
        none = np.empty(0, dtype=np.int64)
        return cls(queries, np.arange(n_queries), {corpus: 0}, none, none, depth)


@dataclass(frozen=True, eq=False)
class SearchAnswer:
    """Hits of the asked rows, best first; the ranks of the judged pairs, and with ties broken the other way round."""

    hits: Hits
    ranks: IntArray
    reversed_ranks: IntArray
