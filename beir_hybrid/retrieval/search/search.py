"""Exact ranks and best passages over corpora of any size, in bounded memory: one tile of scores at a time.

A tile may be rounded by where its scores stand in it, so it only *sorts out*: what is surely above or surely below, by
the bound on its error, is settled by it, and what lies in between is scored again by itself. Ranks and hits are those
of the exact scores, whatever the sizes of tiles, the threads and the library that multiplies; equal vectors tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from beir_hybrid.processors import processors
from beir_hybrid.progress import progress
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.search.counter import RankCounter
from beir_hybrid.retrieval.search.plan import SearchPlan
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.scores import PairScores
from beir_hybrid.settings import Task


def search(
    requests: Sequence[SearchRequest],
    scores: PairScores,
    memory: int,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[tuple[int, SearchAnswer]]:
    """The answer to each request, with its number.

    Args:
        requests: what is wanted.
        scores: of the queries and corpora that they name.
        memory: bytes to work in.
        threads: default: one for each processor.
        progress: called with the number of passages done; `SearchPlan.work` is the sum.

    Raises:
        RetrieverError: ``memory`` does not even hold the queries, their hits and a small block of passages.
    """
    workers = threads or processors()
    plan = SearchPlan(requests, scores, memory, workers)

    def count(names: Sequence[str], counters: Mapping[int, RankCounter]) -> None:
        for name in names:
            count_span(name, 0, scores.sizes[name], list(counters.values()), scores, plan, workers, progress)

    return answers(requests, scores, plan, count)


def answers(
    requests: Sequence[SearchRequest], scores: PairScores, plan: SearchPlan,
    count: Callable[[Sequence[str], Mapping[int, RankCounter]], object],
) -> Iterator[tuple[int, SearchAnswer]]:  # fmt: skip
    """The answer to each request, with its number; ``count`` counts all passages of corpora into those that search
    them."""
    for batch in plan.batches:
        counters = {number: RankCounter(requests[number], scores) for number in batch}
        count(plan.searched(batch), counters)
        for number, counter in counters.items():
            yield number, counter.answer()


def count_span(
    name: str, first: int, last: int, counters: Sequence[RankCounter], scores: PairScores, plan: SearchPlan,
    workers: int, progress: Callable[[int], object] | None = None,
) -> None:  # fmt: skip
    """Count the passages at [first, last) of a corpus into those counters that search it; see `search`."""
    from threadpoolctl import threadpool_limits

    by_queries: dict[str, list[RankCounter]] = {}
    for counter in counters:
        if name in counter.request.starts:
            by_queries.setdefault(counter.request.queries, []).append(counter)

    def count(key: str, row: int, begin: int, passages: object, columns: slice) -> None:
        tile = scores.tile(key, slice(row, min(row + plan.queries, scores.n_queries[key])), passages, columns)
        for counter in by_queries[key]:
            tile = counter.add(tile, row, counter.request.starts[name] + begin + columns.start)

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as executor:
        ahead = executor.submit(scores.read, name, first, min(first + plan.passages, last))
        for begin in range(first, last, plan.passages):
            passages, end = ahead.result(), min(begin + plan.passages, last)
            jobs = [
                executor.submit(count, key, row, begin, passages, slice(at, min(at + plan.tile, end - begin)))
                for key in by_queries
                for row in range(0, scores.n_queries[key], plan.queries)
                for at in range(0, end - begin, plan.tile)
            ]
            if end < last:
                ahead = executor.submit(scores.read, name, end, min(end + plan.passages, last))
            for job in jobs:
                job.result()
            if progress:
                progress(end - begin)


def rankings(
    tasks: Sequence[Task], scores: PairScores, top_k: int, memory: int, threads: int | None = None,
) -> Iterator[Ranking]:  # fmt: skip
    """The full-depth ranking of every task; queries and corpora are named by their languages.

    Args:
        top_k: hits kept for each query.

    Others: see `search`.
    """
    requests = [SearchRequest.of_task(task, top_k) for task in tasks]
    work = SearchPlan(requests, scores, memory, threads or processors()).work
    with progress("searching", work, "passage") as shown:
        yield from rankings_of(tasks, search(requests, scores, memory, threads, shown.advance))


def rankings_of(tasks: Sequence[Task], answers: Iterable[tuple[int, SearchAnswer]]) -> Iterator[Ranking]:
    """Answers to what was asked of each task (`SearchRequest.of_task`) as rankings."""
    for number, answer in answers:
        yield Ranking(tasks[number], answer.hits, answer.ranks, complete=True, reversed_ranks=answer.reversed_ranks)
