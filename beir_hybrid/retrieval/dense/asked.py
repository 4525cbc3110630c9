"""What is asked of a search for one ranking, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beir_hybrid.records import Hits, IntArray
from beir_hybrid.settings import Task


@dataclass(frozen=True, eq=False)
class Asked:
    """What is wanted of one ranking.

    Args:
        queries: the name of the query vectors.
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
    def of_task(cls, task: Task, top_k: int) -> Asked:
        """What a task asks, with its judgments by place in the whole pool."""
        starts, begin = {}, 0
        for block in task.blocks:
            if len(block):
                starts[block.language] = begin
            begin += len(block)
        judged = task.judged
        return cls(task.query_language, task.rows, starts, task.rows[judged.query], judged.passage, min(top_k, begin))


@dataclass(frozen=True, eq=False)
class Answer:
    """Hits of the asked rows, best first; the ranks of the judged pairs, and with ties broken the other way round."""

    hits: Hits
    ranks: IntArray
    reversed_ranks: IntArray
