"""Exact ranks and top-k over corpora of any size, in bounded memory: one product of query block and passage block
at a time.

A product of blocks rounds each score by where it stands in the blocks, so it only *sorts out*: what is surely above
or surely below (by the bound on a float32 product's error) is settled by it, and what lies in between is scored again
by itself, see `exact_scores`. Ranks and hits are therefore those of the exact scores, whatever the sizes of the blocks,
the threads and the library that multiplies; equal vectors tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import RetrieverError
from beir_hybrid.processors import processors
from beir_hybrid.retrieval.base import Ranking
from beir_hybrid.retrieval.exact import count_true, least_of_best, word_mask
from beir_hybrid.settings import Task
from beir_hybrid.types import FloatArray, Hits, IntArray, ordered_bits

KeyArray = npt.NDArray[np.uint64]
_QUERIES = 256
_PASSAGES = 16_384
"""The largest block of passages: larger ones are no faster, their scores leave the caches."""
_FEWEST = 1024
_CHUNK = 1 << 18
"""Values multiplied at a time where single pairs are scored."""
_MERGED = 1 << 21
_LOW = np.uint64(0xFFFFFFFF)


class Vectors(Protocol):
    """Vectors of a corpus in its order: `VectorBlocks`, or any other store."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    def read(self, begin: int, end: int) -> FloatArray: ...

    def take(self, positions: IntArray) -> FloatArray: ...


def exact_scores(queries: FloatArray, passages: FloatArray) -> FloatArray:
    """The dot product of each row of one with the row of the other: summed in float64, then rounded to float32.

    A pair's score depends on its two vectors alone, never on what else is scored with it. Products of float32 values
    are exact in float64.
    """
    out = np.empty(len(queries), dtype=np.float32)
    step = max(1, _CHUNK // max(1, queries.shape[1]))
    for begin in range(0, len(queries), step):
        part = slice(begin, begin + step)
        out[part] = np.multiply(queries[part], passages[part], dtype=np.float64).sum(axis=1)
    return out


def longest_of(vectors: FloatArray) -> float:
    """A bound on the lengths of vectors, not much above the longest."""
    # the relative error of these sums is below d * 2**-24, a thousandth for 16,000 dimensions
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0).astype(np.float64) * 1.001))


def error_bounds(queries: FloatArray, longest: float) -> npt.NDArray[np.float64]:
    """For each query, more than its score in a float32 product can differ from `exact_scores`, float64 [queries].

    ``longest`` bounds the lengths of the passages' vectors.

    The bound of any order of summation (Higham, Accuracy and Stability, 3.1), d u |q| |p|, with room for the
    rounding of the exact score and a step to the next float32.
    """
    lengths = np.sqrt(np.sum(np.square(queries, dtype=np.float64), axis=1))
    found: npt.NDArray[np.float64] = 1.05 * (queries.shape[1] + 8) * 2.0**-24 * lengths * longest + 1e-30
    return found


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
        starts, begin = {}, 0
        for block in task.blocks:
            if len(block):
                starts[block.language] = begin
            begin += len(block)
        judged = task.judged
        return cls(task.query_language, task.rows, starts, task.rows[judged.query], judged.passage, min(top_k, begin))


@dataclass(frozen=True, eq=False)
class Answer:
    """Hits of the asked rows, best first, and the ranks of the judged pairs."""

    hits: Hits
    ranks: IntArray


def judged_scores(
    asked: Asked, queries: FloatArray, name: str, corpus: Vectors, begin: int, end: int
) -> tuple[IntArray, FloatArray]:
    """The exact scores of the judged pairs whose passage stands at [begin, end) of a corpus, and which pairs they are.

    Args:
        queries: the vectors ``asked.queries`` names.
        name: the corpus's.
    """
    start = asked.starts[name]
    inside = (asked.judged_place >= start + begin) & (asked.judged_place < start + end)
    pairs = np.flatnonzero(inside)
    scores = np.empty(len(pairs), dtype=np.float32)
    step = max(1, 8 * _CHUNK // max(1, queries.shape[1]))
    for first in range(0, len(pairs), step):
        some = pairs[first : first + step]
        places, back = np.unique(asked.judged_place[some] - start, return_inverse=True)
        vectors = corpus.take(places)
        scores[first : first + step] = exact_scores(queries[asked.judged_row[some]], vectors[back])
    return pairs, scores


class Count:
    """The state of one ranking while blocks go by.

    Args:
        asked: what is wanted.
        n_queries: how many vectors ``asked.queries`` names.
        scores: the exact scores of the judged pairs.
    """

    def __init__(self, asked: Asked, n_queries: int, scores: FloatArray) -> None:
        self.asked = asked
        self.scores = scores
        self.row_of = np.full(n_queries, -1, dtype=np.int64)
        self.row_of[asked.rows] = np.arange(len(asked.rows))
        self.above = np.zeros(len(asked.judged_row), dtype=np.int64)
        # score and position as one number; the worst one kept stands first, 0 is a place still free
        self.best: KeyArray = np.zeros((len(asked.rows), asked.depth), dtype=np.uint64)

    def merge(self, above: IntArray, best: KeyArray) -> None:
        """Take in what another count of the same ranking found in other passages."""
        self.above += above
        depth = self.asked.depth
        if depth:
            together = np.concatenate([self.best, best], axis=1)
            together.partition(depth, axis=1)
            self.best = together[:, depth:]

    def add(
        self, product: FloatArray, first_row: int, first_place: int, queries: FloatArray, passages: FloatArray,
        bounds: npt.NDArray[np.float64], highest: FloatArray,
    ) -> None:  # fmt: skip
        """A block of scores: rows are queries from ``first_row``, columns the passages from ``first_place``."""
        self._count_above(product, first_row, first_place, queries, passages, bounds, highest)
        if self.asked.depth:
            self._keep_best(product, first_row, first_place, queries, passages, bounds, highest)

    def _count_above(
        self, product: FloatArray, first_row: int, first_place: int, queries: FloatArray, passages: FloatArray,
        bounds: npt.NDArray[np.float64], highest: FloatArray,
    ) -> None:  # fmt: skip
        low, high = np.searchsorted(self.asked.judged_row, [first_row, first_row + len(product)])
        rows = self.asked.judged_row[low:high] - first_row
        scores, places = self.scores[low:high], self.asked.judged_place[low:high]
        least, most = _down(scores - bounds[rows]), _up(scores + bounds[rows])
        # a judged passage that scores above all of a block has nothing to count there
        reached = np.flatnonzero(highest[rows] >= least)
        slot = np.arange(len(reached)) - np.searchsorted(rows[reached], rows[reached])
        width = product.shape[1]
        mask = word_mask(len(product), width)
        for number in range(int(slot.max(initial=-1)) + 1):
            pick = reached[slot == number]
            row = rows[pick]
            block = product if len(row) == len(product) else product[row]
            here = mask[: len(row)]
            np.greater(block, most[pick, None], out=here[:, :width])
            above = count_true(here)
            np.greater_equal(block, least[pick, None], out=here[:, :width])
            unclear = np.flatnonzero(count_true(here) > above)
            self.above[low + pick] += above
            step = max(1, _MERGED // width)
            for begin in range(0, len(unclear), step):
                some = unclear[begin : begin + step]
                close = here[some][:, :width]
                close &= block[some] <= most[pick[some], None]
                at, columns = np.divmod(np.flatnonzero(close), width)
                mine = pick[some][at]
                again = _pairs(queries, passages, row[some][at], columns)
                wins = (again > scores[mine]) | ((again == scores[mine]) & (columns + first_place > places[mine]))
                self.above[low + pick[some]] += np.bincount(at, weights=wins, minlength=len(some)).astype(np.int64)

    def _keep_best(
        self, product: FloatArray, first_row: int, first_place: int, queries: FloatArray, passages: FloatArray,
        bounds: npt.NDArray[np.float64], highest: FloatArray,
    ) -> None:  # fmt: skip
        state = self.row_of[first_row : first_row + len(product)]
        rows = np.flatnonzero(state >= 0)
        if not len(rows):
            return
        worst = self.best[state[rows], 0]
        cut = np.where(worst > 0, _down(_score(worst) - bounds[rows]), -np.inf).astype(np.float32)
        live = highest[rows] >= cut
        rows, cut = rows[live], cut[live]
        if not len(rows):
            return
        block = product if len(rows) == len(product) else product[rows]
        depth = self.asked.depth
        if np.isneginf(cut).any() and depth < block.shape[1]:
            # of the block's own best none is lost if its k-th best score and all within two errors of it stay
            cut = np.maximum(cut, _down(least_of_best(block, depth) - 2 * bounds[rows]))
        at, columns = np.divmod(np.flatnonzero(block >= cut[:, None]), block.shape[1])
        counts = np.bincount(at, minlength=len(rows))
        ends = np.cumsum(counts)
        step = max(1, _MERGED // (int(counts.max(initial=0)) + depth))
        for begin in range(0, len(rows), step):
            end = min(begin + step, len(rows))
            pairs = slice(ends[begin] - counts[begin], ends[end - 1])
            scores = _pairs(queries, passages, rows[at[pairs]], columns[pairs])
            width = int(counts[begin:end].max(initial=0))
            together = np.zeros((end - begin, depth + width), dtype=np.uint64)
            together[:, :depth] = self.best[state[rows[begin:end]]]
            within = np.arange(len(scores)) - np.repeat(ends[begin:end] - counts[begin:end], counts[begin:end])
            within += ends[begin] - counts[begin]
            place = (columns[pairs] + first_place).astype(np.uint64)
            together[at[pairs] - begin, depth + within] = (ordered_bits(scores) << np.uint64(32)) | place
            if width:
                together.partition(width, axis=1)
            self.best[state[rows[begin:end]]] = together[:, width:]

    def answer(self) -> Answer:
        keys = np.sort(self.best, axis=1)[:, ::-1]
        depth = self.asked.depth
        indptr = np.arange(len(keys) + 1, dtype=np.int64) * depth
        hits = Hits(indptr, (keys & _LOW).astype(np.int32).ravel(), _score(keys).ravel())
        return Answer(hits, 1 + self.above)


def _score(keys: KeyArray) -> FloatArray:
    """The scores in keys: `ordered_bits` undone."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    flipped = np.where(bits >> 31, bits ^ np.uint32(1 << 31), ~bits).astype(np.uint32)
    found: FloatArray = flipped.view(np.float32)
    return found


def _down(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _up(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))


def _pairs(queries: FloatArray, passages: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """`exact_scores` of pairs, without gathering all their vectors at once."""
    out = np.empty(len(rows), dtype=np.float32)
    step = max(1, _CHUNK // max(1, queries.shape[1]))
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        out[part] = exact_scores(queries[rows[part]], passages[columns[part]])
    return out


def search_blocks(
    asked: Sequence[Asked],
    queries: Mapping[str, FloatArray],
    corpora: Mapping[str, Vectors],
    memory: int,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[tuple[int, Answer]]:
    """The answer to each of ``asked``, with its number.

    Args:
        asked: what is wanted.
        queries: vectors float32 [n, d] by name.
        corpora: vectors of each corpus by name; scores are dot products.
        memory: bytes to work in.
        threads: default: one for each processor.
        progress: called with the number of passages done; `Plan.work` is the sum.

    Raises:
        RetrieverError: ``memory`` does not even hold the queries, their hits and a small block of passages.
    """
    workers = threads or processors()
    plan = Plan(asked, queries, {name: len(corpus) for name, corpus in corpora.items()}, memory, workers)
    for batch in plan.batches:
        scores = {number: np.empty(len(asked[number].judged_row), dtype=np.float32) for number in batch}
        for number in batch:
            for name in asked[number].starts:
                pairs, found = judged_scores(
                    asked[number], queries[asked[number].queries], name, corpora[name], 0, len(corpora[name])
                )
                scores[number][pairs] = found
        counts = {number: Count(asked[number], len(queries[asked[number].queries]), scores[number]) for number in batch}
        for name in plan.searched(batch):
            inside = [count for count in counts.values() if name in count.asked.starts]
            search_span(name, corpora[name], 0, len(corpora[name]), inside, queries, plan, workers, progress)
        for number, count in counts.items():
            yield number, count.answer()


def search_span(
    name: str, corpus: Vectors, first: int, last: int, counts: Sequence[Count], queries: Mapping[str, FloatArray],
    plan: Plan, workers: int, progress: Callable[[int], object] | None = None,
) -> None:  # fmt: skip
    """Count the passages at [first, last) of a corpus into ``counts``; see `search_blocks`."""
    from threadpoolctl import threadpool_limits

    by_queries: dict[str, list[Count]] = {}
    for count in counts:
        by_queries.setdefault(count.asked.queries, []).append(count)
    jobs = [(key, row) for key in by_queries for row in range(0, len(queries[key]), plan.queries)]

    def read(begin: int) -> tuple[FloatArray, float]:
        passages = corpus.read(begin, min(begin + plan.passages, last))
        return passages, longest_of(passages)

    def score(job: tuple[str, int], begin: int, passages: FloatArray, longest: float) -> None:
        key, row = job
        block = queries[key][row : row + plan.queries]
        product = block @ passages.T  # (queries, passages)
        bounds = error_bounds(block, longest)
        highest = product.max(axis=1)
        for count in by_queries[key]:
            count.add(product, row, count.asked.starts[name] + begin, block, passages, bounds, highest)

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as executor:
        ahead = executor.submit(read, first)
        for begin in range(first, last, plan.passages):
            passages, longest = ahead.result()
            if begin + plan.passages < last:
                ahead = executor.submit(read, begin + plan.passages)
            # each job has rows of its own, so they share no state
            list(executor.map(lambda job, args=(begin, passages, longest): score(job, *args), jobs))
            if progress:
                progress(len(passages))


class Plan:
    """Block sizes, and which rankings are made together, for a memory.

    Args:
        asked, queries, memory: see `search_blocks`.
        sizes: how many vectors each corpus has.
        workers: how many threads score at a time.

    Raises:
        RetrieverError: ``memory`` is too little; no passage needs to have been encoded to know that.

    ``work`` is how many passages go by over all batches.
    """

    def __init__(
        self, asked: Sequence[Asked], queries: Mapping[str, FloatArray], sizes: Mapping[str, int], memory: int,
        workers: int,
    ) -> None:  # fmt: skip
        rows = max((len(queries[each.queries]) for each in asked), default=1)
        self.queries = min(_QUERIES, max(32, -(-rows // workers)))
        dimension = max((vectors.shape[1] for vectors in queries.values()), default=1)
        longest = max((sizes[name] for each in asked for name in each.starts), default=1)
        # vectors as they are scored, the next ones as they are read and turned into what is scored; scores, a copy of
        # some of their rows, a mask
        each_passage = 12 * dimension + workers * self.queries * 9
        fixed = sum(vectors.nbytes for vectors in queries.values()) + workers * 10 * 8 * _CHUNK
        states = [len(each.rows) * each.depth * 8 + len(each.judged_row) * 12 for each in asked]
        fewest = min(_FEWEST, longest)
        least = fixed + 2 * max(states, default=0) + fewest * each_passage
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
            if filled + 2 * state > free - fewest * each_passage:
                self.batches.append([])
                filled = 0
            self.batches[-1].append(number)
            filled += 2 * state
        largest = max((2 * sum(states[number] for number in batch) for batch in self.batches), default=0)
        self.passages = int(min(_PASSAGES, max(fewest, (free - largest) // each_passage)))
        self._starts = [each.starts for each in asked]
        self.work = sum(sizes[name] for batch in self.batches for name in self.searched(batch))

    def searched(self, batch: Sequence[int]) -> list[str]:
        """The corpora of a batch."""
        return list(dict.fromkeys(name for number in batch for name in self._starts[number]))


def block_rankings(
    tasks: Sequence[Task],
    queries: Mapping[str, FloatArray],
    corpora: Mapping[str, Vectors],
    top_k: int,
    memory: int,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Ranking]:
    """The full-depth ranking of every task, as `exact_rankings` makes them from matrices in memory.

    Ranks and hits are those of `exact_scores`. `exact_rankings` goes by the scores of its product, so the two agree
    but where scores differ by less than a float32 product's rounding.

    Args:
        tasks: tasks of one data set.
        queries: the embeddings of *all* queries of each query language, float32 [n, d].
        corpora: those of each corpus.
        top_k: hits kept for each query.
        memory: bytes to work in.
        threads: default: one for each processor.
        progress: see `search_blocks`.
    """
    asked = [Asked.of_task(task, top_k) for task in tasks]
    yield from rankings_of(tasks, search_blocks(asked, queries, corpora, memory, threads, progress))


def rankings_of(tasks: Sequence[Task], answers: Iterable[tuple[int, Answer]]) -> Iterator[Ranking]:
    """Answers to what was asked of each task (`Asked.of_task`) as rankings."""
    for number, answer in answers:
        yield Ranking(tasks[number], answer.hits, answer.ranks, complete=True)
