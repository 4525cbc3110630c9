"""What is drawn at (seed, epoch, step): a pure function, so any step can be drawn without the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.permute import I64, U64, mix, permute
from st_hybrid_batch.schedule import Alpha, alpha_at, needs
from st_hybrid_batch.streams import Streams
from st_hybrid_batch.weights import LanguageWeights, language_weights

logger = logging.getLogger(__name__)

# Rows drawn at once. Large enough to spread numpy's cost per call over many batches, small enough to
# stay in the cache. It is part of the definition of a draw: changing it changes which batches a seed gives.
_BLOCK_ROWS = 8192
_PLAN, _BLOCK, _ORDER, _WINDOW, _TURN = range(5)


@dataclass(frozen=True)
class Plan:
    """The steps of one epoch, each array ``(steps,)``: kind, languages, and which window is taken.

    ``query`` and ``passage`` are language numbers, -1 where the pair is drawn per row.
    """

    mono: NDArray[np.bool_]
    query: I64
    passage: I64
    layer: I64
    window: I64
    key: U64


class BatchDrawer:
    """Draws global batches of (query row, passage row) pairs.

    **Kind.** Each step is monolingual with probability alpha, else cross-lingual, independently.

    **Monolingual (X-X-mono).** One language is drawn by its weight; every row's query and passage are in
    it, over groups that have it.

    **Cross-lingual (X-Y).** With ``pairing="row"`` every row draws its own ordered pair of different
    languages: P(a, b) is proportional to weight(a) * weight(b) over the languages of the row's group, so
    query and passage languages follow the same distribution. With ``pairing="batch"`` one such pair is drawn
    for the batch, over groups that have both languages.

    **Groups.** Languages with the same groups, and row-paired cross batches if every group serves them,
    share one *stream*. A stream is shuffled each epoch and cut into windows of one global batch; steps that
    use the stream take its windows one after the other, and when all are taken it is shuffled again. So
    a global batch never holds a group twice, and no group of a stream returns before the stream is used
    up (less than one batch is left over at random, per shuffle). Where all groups have all languages there
    is a single stream: an epoch of ``groups // global batch`` steps is one pass in which every group but the
    remainder is seen exactly once. In partly parallel data each language has its own stream, and how often
    a group is seen follows from how often its languages are drawn: a group in few languages is seen less.

    **Passage groups.** Groups that share a passage group are spread over different windows, which of
    them comes first changing every epoch. Two exceptions are left to the loss's mask: groups of one
    passage group that have different sets of languages, and streams with fewer passage groups than a batch.
    Passage groups too few to fill a window at some depth are passed over at that depth, that is the last
    questions of a passage with far more questions than the others wait for another epoch.

    Args:
        index: the groups.
        global_batch: rows of one step over all ranks.
        alpha: probability of a monolingual batch, or a schedule of it.
        languages: see `language_weights`.
        pairing: ``"row"`` or ``"batch"``.
        short_languages: what to do with a language that has fewer groups than a global batch and so cannot
            fill a monolingual batch: ``"error"``, or ``"cross-only"`` to use it in cross-lingual rows only.
        steps: steps in an epoch.
        seed: seed.
    """

    def __init__(
        self,
        index: GroupIndex,
        *,
        global_batch: int,
        alpha: Alpha,
        languages: LanguageWeights,
        pairing: str,
        short_languages: str,
        steps: int,
        seed: int,
    ) -> None:
        self.index = index
        self.global_batch = global_batch
        self.alpha = alpha
        self.steps = steps
        self.seed = seed
        self.block_steps = max(1, _BLOCK_ROWS // global_batch)
        bits = index.bits()
        weights = language_weights(languages, index.languages, index.sizes())
        drawn = bits & (weights > 0)
        self._rank = (np.cumsum(bits, axis=1) - 1).astype(np.int64)  # row of a language within its group
        sets: list[NDArray[np.bool_]] = []
        self._mono_weights = np.zeros_like(weights)
        self._mono_stream = np.zeros_like(weights)
        self._pair_weights = np.zeros(1, dtype=np.int64)
        needs_mono, needs_cross = needs(alpha)
        if needs_mono:
            self._mono(sets, drawn, weights, short_languages)
        if needs_cross:
            self._check_cross(drawn)
            if pairing == "row":
                self._cross_by_row(sets, drawn, weights)
            else:
                self._cross_by_batch(sets, drawn, weights)
        self._streams = Streams.build(index, sets, global_batch)
        self._plans: dict[int, Plan] = {}

    def plan(self, epoch: int) -> Plan:
        """Kinds, languages and windows of all the steps of an epoch."""
        if epoch not in self._plans:
            self._plans = {epoch: self._draw_plan(epoch)}
        return self._plans[epoch]

    def block(self, epoch: int, number: int) -> tuple[I64, I64]:
        """Steps ``[number * block_steps, ...)`` of an epoch: query rows and passage rows, ``(k, batch)``."""
        plan, streams = self.plan(epoch), self._streams
        steps = slice(number * self.block_steps, min((number + 1) * self.block_steps, self.steps))
        layer, key = plan.layer[steps, None], plan.key[steps, None]
        place = plan.window[steps, None] * self.global_batch + np.arange(self.global_batch)
        place = streams.layer_base[layer] + permute(place, streams.layer_size[layer], key)
        segment = streams.segment_of(place)
        cluster = streams.segment_cluster[segment] + (place - streams.segment_base[segment])
        pattern = streams.segment_pattern[segment]
        first = self.index.offsets[self._group(cluster, layer, epoch)].astype(np.int64)
        rng = _rng(self.seed, epoch, _BLOCK, number)
        query = np.broadcast_to(plan.query[steps, None], place.shape).copy()
        passage = np.broadcast_to(plan.passage[steps, None], place.shape).copy()
        by_row = plan.query[steps] < 0
        if by_row.any():
            query[by_row], passage[by_row] = self._pairs(pattern[by_row], rng)
        ranks, width = self._rank.ravel(), self._rank.shape[1]
        return first + ranks[pattern * width + query], first + ranks[pattern * width + passage]

    def _group(self, cluster: I64, layer: I64, epoch: int) -> NDArray[np.unsignedinteger]:
        """The group that a cluster contributes at this depth, rotated by an amount drawn every epoch."""
        start = self.index.cluster_start
        if start is None:
            return self.index.order[cluster]
        depth = np.broadcast_to(self._streams.layer_depth[layer], cluster.shape)
        position = cluster.copy()
        deep = depth >= 0
        first = start[cluster[deep]].astype(np.int64)
        size = start[cluster[deep] + 1].astype(np.int64) - first
        turn = (mix(self.seed, epoch, _TURN, cluster[deep]) >> np.uint64(1)).astype(np.int64)
        position[deep] = first + (depth[deep] + turn) % size
        return self.index.order[position]

    def _pairs(self, pattern: I64, rng: np.random.Generator) -> tuple[I64, I64]:
        """An ordered pair of different languages for every row, P(a, b) ~ weight(a) * weight(b)."""
        uniform = rng.random((2, *pattern.shape))
        target = (uniform[0] * self._marginal[-1][pattern]).astype(np.int64)
        query = _count_below(self._marginal, pattern, target)
        # the second language: the same line with the first one's stretch cut out
        stretch = self._weights[query]
        target = (uniform[1] * (self._line[-1][pattern] - stretch)).astype(np.int64)
        target += np.where(target >= self._line[query, pattern] - stretch, stretch, 0)
        return query, _count_below(self._line, pattern, target)

    def _draw_plan(self, epoch: int) -> Plan:
        uniform = _rng(self.seed, epoch, _PLAN, 0).random((2, self.steps))
        mono = uniform[0] < alpha_at(self.alpha, epoch, self.steps)
        stream = np.zeros(self.steps, dtype=np.int64)
        query = np.full(self.steps, -1, dtype=np.int64)
        passage = np.full(self.steps, -1, dtype=np.int64)
        if mono.any():
            language = _choose(uniform[1][mono], self._mono_weights)
            query[mono] = passage[mono] = language
            stream[mono] = self._mono_stream[language]
        if not mono.all():
            pair = _choose(uniform[1][~mono], self._pair_weights)
            query[~mono], passage[~mono] = self._pair_query[pair], self._pair_passage[pair]
            stream[~mono] = self._pair_stream[pair]
        lap, window = np.divmod(_occurrence(stream), self._streams.windows[stream])
        order = mix(self.seed, epoch, _WINDOW, stream, lap)
        window = self._streams.first_window[stream] + permute(window, self._streams.windows[stream], order)
        layer = np.searchsorted(self._streams.layer_window, window, side="right") - 1
        return Plan(
            mono=mono,
            query=query,
            passage=passage,
            layer=layer,
            window=window - self._streams.layer_window[layer],
            key=mix(self.seed, epoch, _ORDER, layer, lap),
        )

    def _mono(
        self, sets: list[NDArray[np.bool_]], drawn: NDArray[np.bool_], weights: I64, short_languages: str
    ) -> None:
        sizes = self.index.groups_of_patterns() @ drawn
        short = np.flatnonzero((weights > 0) & (sizes < self.global_batch))
        if short.size:
            listed = ", ".join(f"{self.index.languages[i]} ({sizes[i]})" for i in short)
            told = f"fewer groups than the {self.global_batch} rows of a global batch: {listed}"
            if short_languages == "error" or short.size == (weights > 0).sum():
                raise ValueError(
                    f"monolingual batches need distinct groups, but these languages have {told}. Use a "
                    "smaller batch, leave them out (languages={...}), or keep them for cross-lingual rows "
                    "only "
                    '(short_languages="cross-only")'
                )
            logger.warning("no monolingual batches for languages that have %s", told)
        for language in np.flatnonzero((weights > 0) & (sizes >= self.global_batch)):
            self._mono_weights[language] = weights[language]
            self._mono_stream[language] = _add(sets, drawn[:, language])

    def _check_cross(self, drawn: NDArray[np.bool_]) -> None:
        """Cross-lingual batches need groups in at least two of the languages drawn."""
        groups = int(self.index.groups_of_patterns()[drawn.sum(axis=1) >= 2].sum())
        if groups == 0:
            raise ValueError(
                "cross-lingual batches need groups with at least two languages, but no group has two of the "
                "languages drawn. Rows are parallel only if they carry the same group id: check the ids, or "
                "train on monolingual batches only (alpha=1)"
            )
        if groups < self.global_batch:
            raise ValueError(
                f"a global batch of {self.global_batch} rows needs as many distinct groups, but only "
                f"{groups} groups have two or more of the languages drawn. Use a smaller batch, or alpha=1"
            )

    def _cross_by_row(self, sets: list[NDArray[np.bool_]], drawn: NDArray[np.bool_], weights: I64) -> None:
        self._pair_query = self._pair_passage = np.array([-1])
        self._pair_stream = np.array([_add(sets, drawn.sum(axis=1) >= 2)])
        self._pair_weights = np.ones(1, dtype=np.int64)
        own = np.where(drawn, weights, 0)
        self._weights = weights
        self._line = np.ascontiguousarray(np.cumsum(own, axis=1).T)  # (L, P)
        marginal = own * (own.sum(axis=1, keepdims=True) - own)
        self._marginal = np.ascontiguousarray(np.cumsum(marginal, axis=1).T)  # (L, P)

    def _cross_by_batch(self, sets: list[NDArray[np.bool_]], drawn: NDArray[np.bool_], weights: I64) -> None:
        groups = self.index.groups_of_patterns()
        chosen: list[tuple[int, int, int, int]] = []
        left_out = 0
        for query, passage in np.argwhere(np.outer(weights, weights) > 0):
            members = drawn[:, query] & drawn[:, passage]
            if query == passage:
                continue
            if groups[members].sum() < self.global_batch:
                left_out += 1
                continue
            weight = int(weights[query] * weights[passage])
            chosen.append((int(query), int(passage), weight, _add(sets, members)))
        if not chosen:
            raise ValueError(
                f'pairing="batch" needs a language pair with at least {self.global_batch} common groups (a '
                "global "
                'batch), and there is none. Use a smaller batch or pairing="row"'
            )
        if left_out:
            logger.warning(
                "%d ordered language pairs have fewer than %d common groups and are never drawn",
                left_out,
                self.global_batch,
            )
        self._pair_query, self._pair_passage, self._pair_weights, self._pair_stream = np.array(chosen).T


def _add(sets: list[NDArray[np.bool_]], members: NDArray[np.bool_]) -> int:
    """The number of the stream with these patterns; languages with the same groups share one."""
    for number, known in enumerate(sets):
        if np.array_equal(known, members):
            return number
    sets.append(members)
    return len(sets) - 1


def _choose(uniform: NDArray[np.float64], weights: I64) -> I64:
    cumulated = np.cumsum(weights)
    chosen: I64 = np.searchsorted(cumulated, (uniform * cumulated[-1]).astype(np.int64), side="right")
    return chosen


def _count_below(line: I64, pattern: I64, target: I64) -> I64:
    """The language whose stretch of the pattern's number line holds the target."""
    count = np.zeros(pattern.shape, dtype=np.int64)
    for ends in line[:-1]:  # a pass per language beats one gather of (rows, languages)
        count += ends[pattern] <= target
    return count


def _occurrence(values: I64) -> I64:
    """How often each value occurred before: ``[4, 4, 7, 4] -> [0, 1, 0, 2]``."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.searchsorted(ranked, ranked)
    occurrence = np.empty_like(values)
    occurrence[order] = np.arange(len(values)) - first
    return occurrence


def _rng(seed: int, epoch: int, tag: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, tag], counter=[0, 0, number, epoch]))
