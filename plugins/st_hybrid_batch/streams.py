"""Streams of windows: what batches are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.index import GroupIndex

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Streams:
    """Every stream as flat tables, so that one batch needs no Python loop.

    A *stream* is a set of groups that can serve one kind of batch ("has German", "has two languages").
    It is cut into *windows* of one global batch each. With passage groups, a stream consists of
    *layers*: layer j holds one group of every passage group that has more than j of them, so a window,
    which never leaves its layer, has no passage twice. Layers smaller than a window are left out.
    A layer consists of *segments*, one for every pattern.

    Attributes:
        windows: ``(streams,)`` windows of each stream.
        first_window: ``(streams,)`` number of each stream's first window among all windows.
        layer_window: ``(layers,)`` number of each layer's first window among all windows.
        layer_size: ``(layers,)`` places in each layer.
        layer_base: ``(layers,)`` number of each layer's first place among all places.
        layer_depth: ``(layers,)`` which group of a cluster the layer takes (before rotation); -1 where
            clusters are ignored because the stream has fewer of them than a window.
        segment_base: ``(segments,)`` number of each segment's first place among all places.
        segment_cluster: ``(segments,)`` first cluster (or, at depth -1, first position in ``order``).
        segment_pattern: ``(segments,)`` pattern of each segment.
    """

    windows: I64
    first_window: I64
    layer_window: I64
    layer_size: I64
    layer_base: I64
    layer_depth: I64
    segment_base: I64
    segment_cluster: I64
    segment_pattern: I64

    @classmethod
    def build(cls, index: GroupIndex, sets: Sequence[NDArray[np.bool_]], window: int) -> Streams:
        """Cut streams into windows.

        Args:
            index: the groups.
            sets: per stream, ``(P,)`` which patterns belong to it; each must hold at least ``window`` groups.
            window: groups in a window, that is the global batch.
        """
        per_pattern = [index.layers(pattern) for pattern in range(len(index.patterns))]
        groups = index.groups_of_patterns()
        group_start = np.concatenate(([0], np.cumsum(groups)))
        windows: list[int] = []
        layers: list[tuple[int, int]] = []  # (size, depth)
        segments: list[tuple[I64, I64, I64]] = []  # (sizes, first clusters, patterns)
        for members in sets:
            patterns = np.flatnonzero(members)
            before = len(layers)
            if sum(int(per_pattern[pattern][0]) for pattern in patterns) < window:
                layers.append((int(groups[patterns].sum()), -1))
                segments.append((groups[patterns], group_start[patterns], patterns))
            else:
                for depth in range(max(len(per_pattern[pattern]) for pattern in patterns)):
                    deep = np.array([p for p in patterns if len(per_pattern[p]) > depth])
                    sizes = np.array([per_pattern[pattern][depth] for pattern in deep])
                    if sizes.sum() < window:
                        break
                    layers.append((int(sizes.sum()), depth))
                    segments.append((sizes, index.pattern_start[deep], deep))
            windows.append(sum(size // window for size, _ in layers[before:]))
        sizes = np.array([size for size, _ in layers])
        segment_sizes = np.concatenate([segment[0] for segment in segments])
        return cls(
            windows=np.array(windows),
            first_window=_starts(np.array(windows)),
            layer_window=_starts(sizes // window),
            layer_size=sizes,
            layer_base=_starts(sizes),
            layer_depth=np.array([depth for _, depth in layers]),
            segment_base=_starts(segment_sizes),
            segment_cluster=np.concatenate([segment[1] for segment in segments]),
            segment_pattern=np.concatenate([segment[2] for segment in segments]),
        )

    def segment_of(self, place: I64) -> I64:
        """The segment of each place; ``place`` is ``(steps, batch)``."""
        if len(self.segment_base) == 1:
            return np.zeros_like(place)
        # binary search is several times faster for keys in order
        order = np.argsort(place, axis=1) + place.shape[1] * np.arange(len(place))[:, None]
        segment = np.empty_like(place)
        segment.ravel()[order] = np.searchsorted(self.segment_base, place.ravel()[order], side="right") - 1
        return segment


def _starts(sizes: I64) -> I64:
    return np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
