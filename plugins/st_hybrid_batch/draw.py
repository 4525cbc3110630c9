"""What is drawn at (seed, epoch, step), so that any step can be drawn without the others; and for validation."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.alpha import alpha_at, ends
from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.languages import I64, LanguagePairs, language_weights

if TYPE_CHECKING:
    from st_hybrid_batch.sampler import HybridBatches

logger = logging.getLogger(__name__)

Bools = NDArray[np.bool_]
# Rows drawn at once. Large enough to spread numpy's cost per call over many batches, small enough to
# stay in the cache. It is part of the definition of a draw: changing it changes which batches a seed gives.
_BLOCK_ROWS = 8192
_PLAN, _BLOCK, _SHUFFLE = range(3)
_VALIDATION_SEED = 0
"""Not the training's: trainings with other seeds are compared by the same validation loss."""
_LISTED = 20
_HINTS = {
    "monolingual": "Use a smaller batch",
    "cross-lingual": "Use a smaller batch, or train on monolingual batches only (alpha=1); rows are parallel only if "
    "they carry the same group id",
}


class Plan(NamedTuple):
    """The steps of one epoch, each array ``(steps,)``."""

    mono: Bools
    population: I64
    """Which groups can serve it, by number."""
    query: I64
    """Number of the questions' language, -1 where a pair is drawn for every row; ``passage`` likewise."""
    passage: I64
    turn: I64
    """How many batches were taken from this population before."""


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
        settings: alpha, languages, pairing and coverage.
        global_batch: rows of one step over all ranks.
        seed: seed.
    """

    def __init__(self, index: GroupIndex, settings: HybridBatches, global_batch: int, seed: int) -> None:
        self.index, self.alpha, self.global_batch, self.seed = index, settings.alpha, global_batch, seed
        rows = {"groups": index.n_groups, "rows": index.n_rows}
        self.steps = rows[settings.coverage] // global_batch if settings.coverage in rows else int(settings.coverage)
        self.block_steps = max(1, _BLOCK_ROWS // global_batch)
        self._populations: list[tuple[Bools, int]] = []  # sets of languages (S,) whose groups serve; batches of those
        self._shuffled: dict[int, tuple[tuple[int, int], NDArray[np.uint32]]] = {}
        self._plan: tuple[int, Plan] | None = None
        weights = language_weights(settings.languages, index.languages, index.sizes())
        has = index.has() & (weights > 0)
        drawn = np.flatnonzero(weights).tolist()
        self._mono = self._cross = np.empty((4, 0), dtype=np.int64)
        if max(ends(settings.alpha)) > 0:
            self._mono = self._sorts("monolingual", ((one, one, weights[one], has[:, one]) for one in drawn))
        if min(ends(settings.alpha)) < 1:
            self._pairs = LanguagePairs(has, weights)
            by_batch = (
                (one, other, weights[one] * weights[other], has[:, one] & has[:, other])
                for one, other in permutations(drawn, 2)
            )
            self._cross = self._sorts(
                "cross-lingual", [(-1, -1, 1, has.sum(axis=1) >= 2)] if settings.pairing == "row" else by_batch
            )

    def plan(self, epoch: int) -> Plan:
        """What all the steps of an epoch are."""
        if self._plan is None or self._plan[0] != epoch:
            uniform = _rng(self.seed, epoch, _PLAN, 0).random((2, self.steps))
            mono = uniform[0] < alpha_at(self.alpha, epoch, self.steps)
            drawn = np.empty((3, self.steps), dtype=np.int64)
            for here, sorts in ((mono, self._mono), (~mono, self._cross)):
                if here.any():
                    ends = np.cumsum(sorts[3])
                    target = (uniform[1][here] * ends[-1]).astype(np.int64)
                    drawn[:, here] = sorts[:3, np.searchsorted(ends, target, side="right")]
            self._plan = epoch, Plan(mono, drawn[0], drawn[1], drawn[2], _occurrence(drawn[0]))
        return self._plan[1]

    def blocks(self, epoch: int) -> Iterator[tuple[I64, I64]]:
        """All steps of an epoch, some at a time."""
        for number in range(-(-self.steps // self.block_steps)):
            yield self.block(epoch, number)

    def block(self, epoch: int, number: int) -> tuple[I64, I64]:
        """Steps ``[number * block_steps, ...)`` of an epoch: query rows and passage rows, ``(k, global batch)``."""
        plan = self.plan(epoch)
        here = slice(number * self.block_steps, min((number + 1) * self.block_steps, self.steps))
        turns = zip(plan.population[here].tolist(), plan.turn[here].tolist(), strict=True)
        groups = np.stack([self._groups(epoch, *turn) for turn in turns])
        query, passage = (np.repeat(side[here, None], self.global_batch, axis=1) for side in (plan.query, plan.passage))
        by_row = plan.query[here] < 0
        if by_row.any():
            sets = self.index.set_of_group[groups[by_row]].astype(np.int64)
            query[by_row], passage[by_row] = self._pairs.draw(sets, _rng(self.seed, epoch, _BLOCK, number))
        return self.index.rows(groups, query, passage)

    def _groups(self, epoch: int, population: int, turn: int) -> NDArray[np.uint32]:
        """The groups of a population's batch number ``turn``."""
        sets, count = self._populations[population]
        shuffle, number = divmod(turn, count)
        key, batches = self._shuffled.get(population, (None, None))
        if batches is None or key != (epoch, shuffle):
            self._shuffled.pop(population, None)  # before the next one is made
            rng = _rng(self.seed, epoch, _SHUFFLE + population, shuffle)
            batches = shuffled_batches(*self._serving(sets), self.global_batch, rng)
            self._shuffled[population] = (epoch, shuffle), batches
        return batches[number]  # type: ignore[no-any-return]

    def _serving(self, sets: Bools) -> tuple[NDArray[np.uint32], NDArray[np.int32] | None]:
        """Groups with these sets of languages, and the passage id of each, or None where all differ."""
        groups = self.index.groups_with(sets)
        return groups, None if self.index.passage_id is None else self.index.passage_id[groups]

    def _sorts(self, setting: str, candidates: Iterable[tuple[int, int, int, Bools]]) -> I64:
        """What a step of a setting can be: ``(4, n)`` populations, query languages, passage languages and weights.

        Args:
            setting: ``"monolingual"`` or ``"cross-lingual"``.
            candidates: query language, passage language, weight, and the sets of languages whose groups serve.
        """
        sorts, short = [], []
        for query, passage, weight, sets in candidates:
            known = (number for number, (other, _) in enumerate(self._populations) if np.array_equal(other, sets))
            number = next(known, len(self._populations))
            if number == len(self._populations):
                groups, ids = self._serving(sets)
                if not (batches := batch_count(len(groups), ids, self.global_batch)):
                    count = f"only {len(groups)} groups have two or more" if len(groups) else "no group has two"
                    names = "-".join(self.index.languages[one] for one in dict.fromkeys((query, passage)))
                    by_row = f"{count} of the languages drawn"
                    short.append(by_row if query < 0 else f"{names} ({len(groups)} groups)")
                    continue
                self._populations.append((sets, batches))
            sorts.append((number, query, passage, weight))
        listed = ", ".join(short[:_LISTED]) + (f" and {len(short) - _LISTED} more" if len(short) > _LISTED else "")
        told = f"fewer groups with distinct passages than the {self.global_batch} rows of a global batch: {listed}"
        if not sorts:
            raise ValueError(f"no {setting} batch can be drawn: there are {told}. {_HINTS[setting]}")
        if short:
            logger.warning("no %s batches for languages that have %s", setting, told)
        return np.array(sorts, dtype=np.int64).T


def _occurrence(values: I64) -> I64:
    """How often each value occurred before: ``[4, 4, 7, 4] -> [0, 1, 0, 2]``."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    occurrence = np.empty_like(values)
    occurrence[order] = np.arange(len(values)) - np.searchsorted(ranked, ranked)
    return occurrence


def _rng(seed: int, epoch: int, tag: int, number: int) -> np.random.Generator:
    key = np.array([seed % 2**64, tag], dtype=np.uint64)  # numpy makes floats of a list with large seeds
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, number, epoch]))


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
    order = order[_occurrence(key[ids[order]]) < batches][: batches * size]
    dealt = groups[order].reshape(size, batches).T
    return np.ascontiguousarray(dealt[rng.permutation(batches)])


def validation_batches(index: GroupIndex, size: int) -> tuple[I64, I64, int]:
    """Query rows and passage rows of all validation batches, and how many of them are monolingual.

    First every group once in a monolingual batch: of the languages with enough groups left, the one used least so far
    is next; at the end, batches are filled up with groups seen before. Languages with fewer groups than a batch are
    left out here. Then every group with two languages or more once in cross-lingual batches, a pair of languages drawn
    for every row. With them come the groups of one language that is left out, in that language; the last batch is
    filled up likewise.

    Args:
        index: the groups.
        size: groups in a batch, over all ranks; no more than there are groups.

    Returns:
        ``(batches, size)`` twice, and the number of monolingual batches, which come first.
    """
    rng = np.random.default_rng(_VALIDATION_SEED)
    has = index.has()
    order = rng.permutation(index.n_groups)
    in_order = has[index.set_of_group[order]]
    batches, languages, left = _monolingual_batches(order, in_order, size)
    mono = len(batches)
    parallel = in_order.sum(axis=1) > 1
    if parallel.sum() >= size or left.any():
        mixed = parallel | left
        count = -(-int(mixed.sum()) // size)
        rest = order[mixed] if mixed.sum() >= size else order[~mixed]  # no group twice in a batch
        batches.extend(np.concatenate((order[mixed], rest))[: count * size].reshape(count, size))
    groups = np.stack(batches)
    sets = index.set_of_group[groups].astype(np.int64)
    query = np.zeros(groups.shape, dtype=np.int64)
    query[:mono] = np.array(languages, dtype=np.int64)[:, None]
    passage = query.copy()
    query[mono:] = passage[mono:] = has.argmax(axis=1)[sets[mono:]]  # the one language, where there is one
    drawn = has.sum(axis=1)[sets] > 1
    drawn[:mono] = False
    pairs = LanguagePairs(has, np.ones(len(index.languages), dtype=np.int64))
    query[drawn], passage[drawn] = pairs.draw(sets[drawn], rng)
    return *index.rows(groups, query, passage), mono


def _monolingual_batches(order: I64, has: Bools, size: int) -> tuple[list[I64], list[int], Bools]:
    """Groups and languages of the monolingual batches, and which groups (of ``order``) are in none.

    ``has`` is ``(groups, L)``, in the order of ``order``.
    """
    usable = has.sum(axis=0) >= size
    left = np.ones(len(order), dtype=bool)
    used = np.zeros(has.shape[1], dtype=np.int64)
    batches: list[I64] = []
    languages: list[int] = []
    while (counts := np.where(usable, has[left].sum(axis=0), 0)).any():
        # full batches first, the least used language first; then the language with most groups left
        full = np.flatnonzero(counts >= size)
        language = int(full[np.argmin(used[full])]) if full.size else int(np.argmax(counts))
        fresh = np.flatnonzero(left & has[:, language])[:size]
        again = np.flatnonzero(~left & has[:, language])[: size - len(fresh)]
        left[fresh] = False
        used[language] += 1
        batches.append(order[np.concatenate((fresh, again))])
        languages.append(language)
    return batches, languages, left
