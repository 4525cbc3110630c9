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
from typing import Protocol

import numpy as np

from beir_hybrid.processors import processors
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense.asked import Answer, Asked
from beir_hybrid.retrieval.dense.block_count import Count, Tile
from beir_hybrid.retrieval.dense.block_plan import Plan
from beir_hybrid.retrieval.dense.pair_scores import CHUNK, error_bounds, exact_scores, longest_of
from beir_hybrid.settings import Task


class Vectors(Protocol):
    """Vectors of a corpus in its order: `VectorBlocks`, or any other store."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    def read(self, begin: int, end: int) -> FloatArray:
        """Those of positions ``begin`` to ``end``, float32 [n, d]."""
        ...

    def take(self, positions: IntArray) -> FloatArray:
        """Those at positions, in their order, float32 [n, d]."""
        ...


class HeldVectors:
    """Vectors of a corpus in memory, float32 [n, d]."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def read(self, begin: int, end: int) -> FloatArray:
        """Those of positions ``begin`` to ``end``, float32 [n, d]: a view."""
        return self._vectors[begin:end]

    def take(self, positions: IntArray) -> FloatArray:
        """Those at positions, in their order, float32 [n, d]."""
        found: FloatArray = self._vectors[positions]
        return found


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
    step = max(1, 64 * CHUNK // max(1, queries.shape[1]))
    for first in range(0, len(pairs), step):
        some = pairs[first : first + step]
        places, back = np.unique(asked.judged_place[some] - start, return_inverse=True)
        vectors = corpus.take(places)
        scores[first : first + step] = exact_scores(queries[asked.judged_row[some]], vectors[back])
    return pairs, scores


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
    lengths = {key: error_bounds(queries[key], 1.0) for key in by_queries}

    def read(begin: int) -> tuple[FloatArray, float]:
        passages = corpus.read(begin, min(begin + plan.passages, last))
        return passages, longest_of(passages)

    def score(key: str, row: int, place: int, passages: FloatArray, longest: float) -> None:
        block = queries[key][row : row + plan.queries]
        product = block @ passages.T  # (queries, passages)
        bounds = lengths[key][row : row + plan.queries] * longest + 1e-30
        tile = Tile(product, row, place, block, passages, bounds)
        for count in by_queries[key]:
            count.add(tile, count.asked.starts[name])

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as executor:
        ahead = executor.submit(read, first)
        for begin in range(first, last, plan.passages):
            passages, longest = ahead.result()
            if begin + plan.passages < last:
                ahead = executor.submit(read, begin + plan.passages)
            jobs = [
                executor.submit(score, key, row, begin + at, passages[at : at + plan.tile], longest)
                for at in range(0, len(passages), plan.tile)
                for key in by_queries
                for row in range(0, len(queries[key]), plan.queries)
            ]
            for job in jobs:
                job.result()
            if progress:
                progress(len(passages))


def block_rankings(
    tasks: Sequence[Task],
    queries: Mapping[str, FloatArray],
    corpora: Mapping[str, Vectors],
    top_k: int,
    memory: int,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Ranking]:
    """The full-depth ranking of every task, by `exact_scores`.

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
        yield Ranking(tasks[number], answer.hits, answer.ranks, complete=True, reversed_ranks=answer.reversed_ranks)
