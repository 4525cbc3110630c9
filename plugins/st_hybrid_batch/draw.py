"""What is drawn at (seed, epoch, step): a pure function, so any step can be drawn without the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.alpha import Alpha, alpha_at, needs
from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.languages import I64, LanguagePairs, LanguageWeights, language_weights

logger = logging.getLogger(__name__)

# Rows drawn at once. Large enough to spread numpy's cost per call over many batches, small enough to
# stay in the cache. It is part of the definition of a draw: changing it changes which batches a seed gives.
_BLOCK_ROWS = 8192
_PLAN, _BLOCK, _SHUFFLE = range(3)


@dataclass(frozen=True)
class Plan:
    """The steps of one epoch, each array ``(steps,)``.

    ``query`` and ``passage`` are language numbers, -1 where a pair is drawn for every row. A step takes batch number
    ``batch`` of the ``shuffle``-th shuffle of the groups that can serve it (population number ``population``).
    """

    mono: NDArray[np.bool_]
    query: I64
    passage: I64
    population: I64
    shuffle: I64
    batch: I64


class BatchDrawer:
    """Draws global batches of (query row, passage row) pairs.

    **Monolingual or not.** Each step is monolingual with probability alpha, else cross-lingual, independently.

    **Monolingual (X-X-mono).** One language is drawn by its weight; every row's query and passage are in it, over
    groups that have it. A language with fewer distinct passages than a batch has rows comes up in cross-lingual rows
    only, which is said.

    **Cross-lingual (X-Y).** With ``pairing="row"`` every row draws its own pair of different languages (see
    `LanguagePairs`). With ``pairing="batch"`` one pair is drawn for the batch, P(a, b) proportional to
    weight(a) * weight(b), over groups that have both languages.

    **Groups.** Every epoch, the groups that can serve a sort of batch are shuffled and cut into global batches in which
    no passage id comes up twice (see `shuffled_batches`). Steps take them one after the other; when all are taken, the
    groups are shuffled again. Languages with the same groups, and row-paired cross-lingual batches if every group
    serves them, share one shuffle: where all groups have all languages, an epoch of ``groups // global batch`` steps is
    one pass in which every group but the remainder is seen exactly once. In partly parallel data, how often a group is
    seen follows from how often its languages are drawn. What cannot be dealt without meeting (more questions on one
    passage than there are batches) waits for another epoch.

    Args:
        index: the groups.
        global_batch: rows of one step over all ranks.
        alpha: probability of a monolingual batch, or a schedule of it.
        languages: see `language_weights`.
        pairing: ``"row"`` or ``"batch"``.
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
        steps: int,
        seed: int,
    ) -> None:
        self.index = index
        self.global_batch = global_batch
        self.alpha = alpha
        self.steps = steps
        self.seed = seed
        self.block_steps = max(1, _BLOCK_ROWS // global_batch)
        # groups that can serve a sort of batch ("has German", "has two languages"): by their sets of languages, (S,)
        self._populations: list[NDArray[np.bool_]] = []
        self._batches: list[int] = []  # global batches of distinct passages in each
        self._weights = language_weights(languages, index.languages, index.sizes())
        has = index.has() & (self._weights > 0)
        needs_mono, needs_cross = needs(alpha)
        # (population, query language, passage language, weight) of what a step of each sort can be
        self._mono = self._cross = np.empty((4, 0), dtype=np.int64)
        if needs_mono:
            self._mono = self._monolingual(has)
        if needs_cross:
            self._pairs = LanguagePairs(has, self._weights)
            self._cross = self._by_row(has) if pairing == "row" else self._by_batch(has)
        self._plan: tuple[int, Plan] | None = None
        self._shuffled: dict[int, tuple[tuple[int, int], NDArray[np.uint32]]] = {}

    def plan(self, epoch: int) -> Plan:
        """What all the steps of an epoch are."""
        if self._plan is None or self._plan[0] != epoch:
            self._plan = epoch, self._draw_plan(epoch)
        return self._plan[1]

    def block(self, epoch: int, number: int) -> tuple[I64, I64]:
        """Steps ``[number * block_steps, ...)`` of an epoch: query rows and passage rows, ``(k, global batch)``."""
        plan = self.plan(epoch)
        steps = range(number * self.block_steps, min((number + 1) * self.block_steps, self.steps))
        groups = np.stack([self._groups(epoch, plan, step) for step in steps])
        shape, here = groups.shape, slice(steps.start, steps.stop)
        query = np.broadcast_to(plan.query[here, None], shape).copy()
        passage = np.broadcast_to(plan.passage[here, None], shape).copy()
        by_row = plan.query[here] < 0
        if by_row.any():
            sets = self.index.set_of_group[groups[by_row]].astype(np.int64)
            query[by_row], passage[by_row] = self._pairs.draw(sets, _rng(self.seed, epoch, _BLOCK, number))
        return self.index.rows(groups, query, passage)

    def _groups(self, epoch: int, plan: Plan, step: int) -> NDArray[np.uint32]:
        number, shuffle = int(plan.population[step]), int(plan.shuffle[step])
        key, batches = self._shuffled.get(number, (None, None))
        if batches is None or key != (epoch, shuffle):
            self._shuffled.pop(number, None)  # before the next one is made
            rng = _rng(self.seed, epoch, _SHUFFLE + number, shuffle)
            batches = shuffled_batches(*self._serving(self._populations[number]), self.global_batch, rng)
            self._shuffled[number] = (epoch, shuffle), batches
        return batches[plan.batch[step]]  # type: ignore[no-any-return]

    def _draw_plan(self, epoch: int) -> Plan:
        uniform = _rng(self.seed, epoch, _PLAN, 0).random((2, self.steps))
        mono = uniform[0] < alpha_at(self.alpha, epoch, self.steps)
        drawn = np.empty((3, self.steps), dtype=np.int64)  # population, query language, passage language
        for here, sorts in ((mono, self._mono), (~mono, self._cross)):
            if here.any():
                drawn[:, here] = sorts[:3, _choose(uniform[1][here], sorts[3])]
        population, query, passage = drawn
        shuffle, batch = np.divmod(_occurrence(population), np.array(self._batches)[population])
        return Plan(mono, query, passage, population, shuffle, batch)

    def _serving(self, sets: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], NDArray[np.int32] | None]:
        """Groups with these sets of languages, and the passage id of each, or None where all differ."""
        groups = self.index.groups_with(sets)
        return groups, None if self.index.passage_id is None else self.index.passage_id[groups]

    def _add(self, sets: NDArray[np.bool_]) -> int | None:
        """Number of the population with these sets of languages, or None if it fills no batch."""
        for number, known in enumerate(self._populations):
            if np.array_equal(known, sets):
                return number
        groups, ids = self._serving(sets)
        batches = batch_count(len(groups), ids, self.global_batch)
        if batches == 0:
            return None
        self._populations.append(sets)
        self._batches.append(batches)
        return len(self._batches) - 1

    def _monolingual(self, has: NDArray[np.bool_]) -> I64:
        numbers = [(language, self._add(has[:, language])) for language in np.flatnonzero(self._weights)]
        if short := [language for language, number in numbers if number is None]:
            listed = ", ".join(f"{self.index.languages[i]} ({self.index.sizes()[i]} groups)" for i in short)
            told = f"fewer groups with distinct passages than the {self.global_batch} rows of a global batch: {listed}"
            if len(short) == len(numbers):
                raise ValueError(
                    f"monolingual batches need distinct passages, but all languages have {told}. Use a smaller batch"
                )
            logger.warning("no monolingual batches for languages that have %s", told)
        sorts = [(number, i, i, self._weights[i]) for i, number in numbers if number is not None]
        return np.array(sorts, dtype=np.int64).T

    def _by_row(self, has: NDArray[np.bool_]) -> I64:
        two = has.sum(axis=1) >= 2
        groups = len(self.index.groups_with(two))
        if groups == 0:
            raise ValueError(
                "cross-lingual batches need groups with at least two languages, but no group has two of the languages "
                "drawn. Rows are parallel only if they carry the same group id: check the ids, or train on monolingual "
                "batches only (alpha=1)"
            )
        number = self._add(two)
        if number is None:
            raise ValueError(
                f"a global batch of {self.global_batch} rows needs as many distinct passages, but only {groups} groups "
                "have two or more of the languages drawn (and groups with a text in common count once). Use a smaller "
                "batch, or alpha=1"
            )
        return np.array([[number], [-1], [-1], [1]], dtype=np.int64)

    def _by_batch(self, has: NDArray[np.bool_]) -> I64:
        sorts, left_out = [], 0
        for query, passage in np.argwhere(~np.eye(len(self._weights), dtype=bool)):
            weight = int(self._weights[query] * self._weights[passage])
            number = self._add(has[:, query] & has[:, passage]) if weight else None
            if number is not None:
                sorts.append((number, query, passage, weight))
            else:
                left_out += weight > 0
        if not sorts:
            raise ValueError(
                f'pairing="batch" needs a language pair with at least {self.global_batch} common groups (a global '
                'batch), and there is none. Use a smaller batch or pairing="row"'
            )
        if left_out:
            logger.warning(
                "%d ordered language pairs have fewer than %d common groups and are never drawn",
                left_out,
                self.global_batch,
            )
        return np.array(sorts, dtype=np.int64).T


def _choose(uniform: NDArray[np.float64], weights: I64) -> I64:
    cumulated = np.cumsum(weights)
    chosen: I64 = np.searchsorted(cumulated, (uniform * cumulated[-1]).astype(np.int64), side="right")
    return chosen


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


def batch_count(groups: int, ids: NDArray[np.int32] | None, size: int) -> int:
    """How many batches of ``size`` groups with distinct ids can be cut at once; arguments as in `shuffled_batches`."""
    batches = groups // size
    if ids is None:
        return batches
    repeats = np.unique(ids, return_counts=True)[1]
    # a batch takes each id once: n batches use at most n groups of an id
    while batches and (usable := int(np.minimum(repeats, batches).sum())) < batches * size:
        batches = usable // size
    return batches


def shuffled_batches(
    groups: NDArray[np.uint32], ids: NDArray[np.int32] | None, size: int, rng: np.random.Generator
) -> NDArray[np.uint32]:
    """Every group at most once, in random order: ``(batch_count, size)``.

    Without ids this is a plain permutation, cut. With them, ids are put in random order, their groups next to each
    other, and dealt like cards, one to each batch in turn: groups of one id never meet.

    Args:
        groups: ``(n,)`` numbers of the groups; shuffled in place.
        ids: ``(n,)`` passage id of each of ``groups``, or None where all differ.
        size: groups in a batch.
        rng: where chance comes from.
    """
    batches = batch_count(len(groups), ids, size)
    if ids is None:
        rng.shuffle(groups)
        return groups[: batches * size].reshape(batches, size)
    order = rng.permutation(len(groups))
    key = rng.permutation(int(ids.max()) + 1)
    order = order[np.argsort(key[ids[order]], kind="stable")]
    sorted_key = key[ids[order]]
    first = np.searchsorted(sorted_key, sorted_key)
    order = order[np.arange(len(order)) - first < batches][: batches * size]
    dealt = groups[order].reshape(size, batches).T
    return np.ascontiguousarray(dealt[rng.permutation(batches)])
