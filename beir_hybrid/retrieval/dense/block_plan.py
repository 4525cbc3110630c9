"""How a search in blocks is cut up: sizes of blocks, and which rankings are made together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.asked import Asked
from beir_hybrid.retrieval.dense.pair_scores import CHUNK

QUERIES = 512
"""Queries in a product at most."""
PASSAGES = 16_384
"""Passages that are read at a time at most."""
TILE = 4096
"""Passages in a product at most: the scores of larger ones leave the caches."""
FEWEST = 1024
"""Passages in a block at least."""


class Plan:
    """Block sizes, and which rankings are made together, for a memory.

    Args:
        asked, queries, memory: see `search_blocks`.
        sizes: how many vectors each corpus has.
        workers: how many threads score at a time.

    Raises:
        RetrieverError: ``memory`` is too little; no passage needs to have been encoded to know that.

    ``work`` is how many passages go by over all batches; ``queries`` and ``tile`` are the sides of a product,
    ``passages`` are read at a time.
    """

    def __init__(
        self, asked: Sequence[Asked], queries: Mapping[str, FloatArray], sizes: Mapping[str, int], memory: int,
        workers: int,
    ) -> None:  # fmt: skip
        rows = max((len(queries[each.queries]) for each in asked), default=1)
        self.queries = min(QUERIES, rows)
        dimension = max((vectors.shape[1] for vectors in queries.values()), default=1)
        longest = max((sizes[name] for each in asked for name in each.starts), default=1)
        # vectors as they are scored, the next ones as they are read and turned into what is scored
        a_passage = 12 * dimension
        # scores, a copy of some of their rows, a mask, places
        a_column = workers * self.queries * 10
        fixed = sum(vectors.nbytes for vectors in queries.values()) + workers * 10 * 8 * CHUNK
        states = [len(each.rows) * each.depth * 8 + len(each.judged_row) * 12 for each in asked]
        fewest = min(FEWEST, longest)
        least = fixed + 2 * max(states, default=0) + fewest * (a_passage + a_column)
        if memory < least:
            raise RetrieverError(
                f"{memory / 2**20:,.0f} MB of memory are too little for this search: its queries, their hits and "
                f"a block of {fewest:,} passages need {least / 2**20:,.0f} MB; give at least --memory "
                f"{-(-least // 2**20)}"
            )
        free = memory - fixed
        self.batches: list[list[int]] = []
        filled = free + 1
        for number, state in enumerate(states):
            if filled + 2 * state > free - fewest * (a_passage + a_column):
                self.batches.append([])
                filled = 0
            self.batches[-1].append(number)
            filled += 2 * state
        largest = max((2 * sum(states[number] for number in batch) for batch in self.batches), default=0)
        tile = max(fewest, min(TILE, (free - largest) // (a_passage + a_column)))
        self.passages = int(min(PASSAGES, max(tile, (free - largest - tile * a_column) // a_passage)))
        # as many products in a block as keep all threads busy
        blocks = max(1, sum(-(-len(vectors) // self.queries) for vectors in queries.values()))
        self.tile = int(max(fewest, min(tile, self.passages * blocks // (2 * workers))))
        self._starts = [each.starts for each in asked]
        self.work = sum(sizes[name] for batch in self.batches for name in self.searched(batch))

    def searched(self, batch: Sequence[int]) -> list[str]:
        """The corpora of a batch."""
        return list(dict.fromkeys(name for number in batch for name in self._starts[number]))
