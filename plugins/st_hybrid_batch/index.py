"""Which groups have which languages, in 8 bytes a group: the sampler's only resident memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.permute import MAX_SIZE

MAX_LANGUAGES = 64


@dataclass(frozen=True)
class GroupIndex:
    """The groups of a data set, ordered so that those with the same languages lie together.

    A *pattern* is a set of languages (a bit mask). Groups are sorted by pattern and, inside a pattern,
    by *cluster*: the groups that share a passage group. Clusters of a pattern run from the largest to
    the smallest, so that "the clusters with more than j groups" is always a prefix.

    Attributes:
        languages: language of each bit, lowest first.
        patterns: ``(P,)`` uint64, the distinct masks, ascending.
        order: ``(groups,)`` group numbers in the order described.
        offsets: ``(groups,)`` row number of each group's first row, by group number.
        cluster_start: ``(clusters + 1,)`` positions in ``order`` where clusters begin, or None where
            every group is a cluster of its own (no passage groups).
        pattern_start: ``(P + 1,)`` first cluster of each pattern.
        n_rows: rows in all (the sum of languages over groups).
    """

    languages: tuple[str, ...]
    patterns: NDArray[np.uint64]
    order: NDArray[np.unsignedinteger]
    offsets: NDArray[np.unsignedinteger]
    cluster_start: NDArray[np.unsignedinteger] | None
    pattern_start: NDArray[np.int64]
    n_rows: int

    @classmethod
    def build(
        cls,
        languages: tuple[str, ...],
        masks: NDArray[np.uint64],
        passage_groups: NDArray[np.int64] | None = None,
    ) -> GroupIndex:
        """Index groups from their language masks.

        Args:
            languages: language of each bit of ``masks``; at most 64.
            masks: ``(groups,)`` which languages each group has, never zero.
            passage_groups: ``(groups,)`` passage group of each group, or None where each has its own.
        """
        if len(languages) > MAX_LANGUAGES:
            raise ValueError(f"got {len(languages)} languages; one data set holds at most {MAX_LANGUAGES}")
        if len(masks) > MAX_SIZE:
            raise ValueError(f"got {len(masks)} groups; one data set holds at most {MAX_SIZE}")
        if len(masks) == 0:
            raise ValueError("got no groups; a data set needs at least one group with a text in one language")
        counts = np.bitwise_count(masks)
        if not counts.all():
            where = int(np.flatnonzero(counts == 0)[0])
            raise ValueError(f"group number {where} has no language; leave it out of the data set")
        n_rows = int(counts.sum(dtype=np.int64))
        offsets = np.empty(len(masks), dtype=_unsigned(n_rows))
        offsets[0] = 0
        np.cumsum(counts[:-1], out=offsets[1:], dtype=offsets.dtype)
        patterns = np.unique(masks)
        # small integers sort in linear time (radix), masks would not
        small: type[np.unsignedinteger] = np.uint16 if len(patterns) < 2**16 else np.uint32
        number = np.searchsorted(patterns, masks).astype(small)
        groups_per_pattern = np.bincount(number, minlength=len(patterns))
        cluster_start = None
        if passage_groups is None:
            order = np.argsort(number, kind="stable").astype(_unsigned(len(masks)))
            clusters_per_pattern = groups_per_pattern
        else:
            order, cluster_start, clusters_per_pattern = _clusters(number, passage_groups, len(patterns))
        return cls(
            languages=languages,
            patterns=patterns,
            order=order,
            offsets=offsets,
            cluster_start=cluster_start,
            pattern_start=np.concatenate(([0], np.cumsum(clusters_per_pattern))).astype(np.int64),
            n_rows=n_rows,
        )

    @property
    def n_groups(self) -> int:
        return len(self.order)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        arrays = (self.patterns, self.order, self.offsets, self.cluster_start, self.pattern_start)
        return sum(array.nbytes for array in arrays if array is not None)

    def bits(self) -> NDArray[np.bool_]:
        """``(P, L)`` whether a pattern has a language."""
        shifts = np.arange(len(self.languages), dtype=np.uint64)
        return (self.patterns[:, None] >> shifts & np.uint64(1)).astype(bool)

    def groups_of_patterns(self) -> NDArray[np.int64]:
        """``(P,)`` number of groups of each pattern."""
        if self.cluster_start is None:
            return self.pattern_start[1:] - self.pattern_start[:-1]
        start = self.cluster_start[self.pattern_start].astype(np.int64)
        return start[1:] - start[:-1]

    def sizes(self) -> NDArray[np.int64]:
        """``(L,)`` number of groups that have each language."""
        return self.groups_of_patterns() @ self.bits()

    def layers(self, pattern: int) -> NDArray[np.int64]:
        """How many clusters of a pattern hold more than 0, 1, 2, ... groups (a falling sequence)."""
        first, last = self.pattern_start[pattern], self.pattern_start[pattern + 1]
        if self.cluster_start is None:
            return np.array([last - first])
        sizes = np.diff(self.cluster_start[first : last + 1].astype(np.int64))
        return len(sizes) - np.cumsum(np.bincount(sizes))[:-1]


def _clusters(
    number: NDArray[np.unsignedinteger], passage_groups: NDArray[np.int64], n_patterns: int
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger], NDArray[np.int64]]:
    """Sort groups by pattern, then cluster size (falling), then cluster."""
    order = np.lexsort((passage_groups, number))
    pattern, passage = number[order], passage_groups[order]
    begins = np.concatenate(([True], (pattern[1:] != pattern[:-1]) | (passage[1:] != passage[:-1])))
    start = np.flatnonzero(begins)
    sizes = np.diff(np.concatenate((start, [len(order)])))
    by_size = np.lexsort((-sizes, pattern[start]))
    sizes = sizes[by_size]
    new_start = np.concatenate(([0], np.cumsum(sizes)))
    moved = np.repeat(start[by_size] - new_start[:-1], sizes) + np.arange(len(order))
    dtype = _unsigned(len(order) + 1)
    clusters = np.bincount(pattern[start], minlength=n_patterns)
    return order[moved].astype(dtype), new_start.astype(dtype), clusters


def _unsigned(limit: int) -> type[np.unsignedinteger]:
    return np.uint32 if limit < 2**32 else np.uint64
