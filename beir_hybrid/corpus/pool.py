"""Several corpora as one, without copying them: their ids in one sequence, their passages as BEIR's mapping."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, pairwise

from beir_hybrid.records import LazyStrings, Passages


class Joined(LazyStrings):
    """Sequences one after the other; an item is looked up in its own."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]
        super().__init__(lambda positions: map(self._item, positions), range(self._starts[-1]))

    def _item(self, place: int) -> str:
        part = bisect_right(self._starts, place) - 1
        return self._parts[part][place - self._starts[part]]

    @property
    def distinct_ascending(self) -> bool:
        """Of ids: whether all parts are known to be so, and each begins after the one before ends."""
        filled = [part for part in self._parts if len(part)]
        known = all(getattr(part, "distinct_ascending", False) for part in filled)
        return known and all(before[-1] < after[0] for before, after in pairwise(filled))

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._parts)


class PooledCorpus(Mapping[str, dict[str, str]]):
    """BEIR's corpus mapping over passages that live on disk, in the order of the blocks; read only.

    A record is made when it is asked for, so a caller may change it without changing the corpus.
    """

    def __init__(self, blocks: Sequence[Passages]) -> None:
        self._blocks = blocks

    def _find(self, key: str) -> tuple[int, int] | None:
        for number, block in enumerate(self._blocks):
            position = block.position(key) if key.startswith(f"{block.language}-") else None
            if position is not None:
                return number, position
        return None

    def position(self, key: str) -> int | None:
        """Where an id stands in the pool; None if it is not here."""
        found = self._find(key)
        return None if found is None else sum(map(len, self._blocks[: found[0]])) + found[1]

    def __getitem__(self, key: str) -> dict[str, str]:
        found = self._find(key) if isinstance(key, str) else None
        if found is None:
            raise KeyError(key)
        block = self._blocks[found[0]]
        return {"title": block.title(found[1]), "text": block.texts[found[1]]}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(block.ids for block in self._blocks)

    def __len__(self) -> int:
        return sum(map(len, self._blocks))
