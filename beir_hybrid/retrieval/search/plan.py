"""How a search is cut up: sizes of tiles, and which rankings are made together."""

from __future__ import annotations

from collections.abc import Sequence

from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted
from beir_hybrid.retrieval.search.counter import OPEN
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.scores import PairScores

QUERIES = 512
"""Queries in a tile at most: a product of few rows is slow."""
PASSAGES = 8192
"""Passages that are read at a time at most."""
TILE = 2048
"""Passages in a tile at most: the scores of larger ones leave the caches."""
FEWEST = 1024
"""Passages in a tile at least."""


class SearchPlan:
    """Sizes of tiles, and which rankings are made together, for a memory.

    Args:
        requests, scores, memory: see `search`.
        workers: how many threads score at a time, each a tile.

    Raises:
        RetrieverError: ``memory`` is too little; no passage needs to have been encoded to know that.

    ``work`` is how many passages go by over all batches; ``queries`` and ``tile`` are the sides of a tile,
    ``passages`` are read at a time.
    """

    def __init__(self, requests: Sequence[SearchRequest], scores: PairScores, memory: int, workers: int) -> None:
        rows = max(1, max((scores.n_queries[each.queries] for each in requests), default=1))
        tall = -(-rows // QUERIES)
        self.queries = -(-rows // tall)
        side = -(-workers // tall)  # tiles beside each other, where there are more threads than tiles above each other
        longest = max((scores.sizes[name] for each in requests for name in each.starts), default=1)
        a_column = min(workers, tall) * self.queries * 6
        fixed = scores.held + workers * OPEN * 24
        states = [len(each.rows) * each.depth * 8 + len(each.judged_row) * 28 for each in requests]
        fewest = min(FEWEST, longest)
        least = fixed + 2 * max(states, default=0) + fewest * (scores.a_passage + a_column)
        if memory < least:
            needed = -(-least // 2**20)
            raise RetrieverError(
                f"{memory / 2**20:,.0f} MB of memory are too little for this search: its queries, their hits and "
                f"a block of {counted(fewest, 'passage', 'passages')} need {needed:,} MB; give at least --memory "
                f"{needed}"
            )
        free = memory - fixed
        self.batches: list[list[int]] = []
        filled = free + 1
        for number, state in enumerate(states):
            if filled + 2 * state > free - fewest * (scores.a_passage + a_column):
                self.batches.append([])
                filled = 0
            self.batches[-1].append(number)
            filled += 2 * state
        free -= max((2 * sum(states[number] for number in batch) for batch in self.batches), default=0)
        width = int(max(fewest, min(PASSAGES, side * TILE, free // (scores.a_passage + a_column))))
        self.tile = -(-width // side)
        self.passages = int(min(PASSAGES, max(width, (free - width * a_column) // max(1, scores.a_passage))))
        self._starts = [each.starts for each in requests]
        self.work = sum(scores.sizes[name] for batch in self.batches for name in self.searched(batch))

    def searched(self, batch: Sequence[int]) -> list[str]:
        """The corpora of a batch."""
        return list(dict.fromkeys(name for number in batch for name in self._starts[number]))
