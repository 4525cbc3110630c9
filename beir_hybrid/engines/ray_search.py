"""Search in blocks on a Ray cluster: workers count spans of the corpora, and their counts are added up.

Scores are those of `exact_scores` wherever they are computed, so the answer is that of one process, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beir_hybrid.engines.ray_pool import RayPool
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense.asked import Answer, Asked
from beir_hybrid.retrieval.dense.block_count import Count, KeyArray
from beir_hybrid.retrieval.dense.block_plan import Plan
from beir_hybrid.retrieval.dense.block_search import judged_scores, search_span
from beir_hybrid.retrieval.dense.blocks import VectorBlocks

_MOST_FILES = 32
"""In a span: what a killed worker loses is a minute's work at most."""


@dataclass(frozen=True, eq=False)
class Search:
    """What all workers know."""

    asked: Sequence[Asked]
    queries: Mapping[str, FloatArray]
    corpora: Mapping[str, VectorBlocks]
    plan: Plan


@dataclass(frozen=True)
class Span:
    """A piece of work: the passages [begin, end) of a corpus."""

    name: str
    begin: int
    end: int


class SearchWorker:
    """Holds the vectors of spans, mapped from shared storage, for as long as it works on them."""

    def ready(self) -> None:
        """Answers once the worker runs."""

    def judged(self, search: Search, batch: Sequence[int], span: Span) -> dict[int, tuple[IntArray, FloatArray]]:
        """By number of the ranking: which judged pairs have their passage in the span, and their scores."""
        return {
            number: judged_scores(
                (asked := search.asked[number]), search.queries[asked.queries], span.name, search.corpora[span.name],
                span.begin, span.end,
            )
            for number in batch
            if span.name in search.asked[number].starts
        }  # fmt: skip

    def count(
        self, search: Search, scores: Mapping[int, FloatArray], span: Span
    ) -> dict[int, tuple[IntArray, KeyArray]]:
        """By number of the ranking: passages of the span above each judged one, and the best of the span."""
        counts = {
            number: Count((asked := search.asked[number]), len(search.queries[asked.queries]), found)
            for number, found in scores.items()
            if span.name in search.asked[number].starts
        }
        corpus = search.corpora[span.name]
        search_span(span.name, corpus, span.begin, span.end, list(counts.values()), search.queries, search.plan, 1)
        return {number: (count.counts, count.best) for number, count in counts.items()}


def search_pool(ray: Any) -> RayPool:
    """A pool of workers for `search_blocks_on_ray`; none is started yet."""
    # a worker that dies is replaced by the pool: only it knows which piece was lost
    worker = ray.remote(SearchWorker).options(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")
    return RayPool(ray, worker.remote)


def search_blocks_on_ray(
    ray: Any,
    pool: RayPool,
    asked: Sequence[Asked],
    queries: Mapping[str, FloatArray],
    corpora: Mapping[str, VectorBlocks],
    memory: int,
    progress: Callable[[int], object] | None = None,
) -> Iterator[tuple[int, Answer]]:
    """What `search_blocks` gives, from the workers of a cluster: one for each of its processors.

    Args:
        ray: the module, connected.
        pool: see `search_pool`; its workers stay for the next search.
        corpora: their files are on storage that all nodes see.
        memory: bytes for each worker.

    Others: see `search_blocks`.

    Raises:
        EngineError: the workers cannot do it.
    """
    plan = Plan(asked, queries, {name: len(corpus) for name, corpus in corpora.items()}, memory, 1)
    n_workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
    spans = _spans(corpora, n_workers)
    pool.grow(min(n_workers, len(spans)))
    search = ray.put(Search(asked, queries, corpora, plan))
    for batch in plan.batches:
        inside = [span for span in spans if span.name in plan.searched(batch)]
        scores = {number: np.empty(len(asked[number].judged_row), dtype=np.float32) for number in batch}
        for _, found in pool.run("judged", (search, batch), inside):
            for number, (pairs, values) in found.items():
                scores[number][pairs] = values
        counts = {number: Count(asked[number], len(queries[asked[number].queries]), scores[number]) for number in batch}
        known = ray.put(scores)
        for span, parts in pool.run("count", (search, known), inside):
            for number, (above, best) in parts.items():
                counts[number].merge(above, best)
            if progress:
                progress(span.end - span.begin)
        for number, count in counts.items():
            yield number, count.answer()


def _spans(corpora: Mapping[str, VectorBlocks], n_workers: int) -> list[Span]:
    """Whole files, in pieces small enough that all workers are busy to the end."""
    spans = []
    files = sum(-(-len(corpus) // corpus.rows) for corpus in corpora.values())
    for name, corpus in corpora.items():
        step = corpus.rows * max(1, min(_MOST_FILES, files // (4 * n_workers)))
        spans += [Span(name, begin, min(begin + step, len(corpus))) for begin in range(0, len(corpus), step)]
    return spans
