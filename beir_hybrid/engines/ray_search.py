"""Search on a Ray cluster: workers count spans of the corpora, and their counts are added up.

Scores are exact wherever they are computed, so the answer is that of one process, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.engines.ray_tasks import run_tasks
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense.vector_files import VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.counter import RankCounter
from beir_hybrid.retrieval.search.plan import SearchPlan
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import count_span, judged_scores

_MOST_FILES = 32
"""In a span: what a killed worker loses is a minute's work at most."""

Part = tuple[IntArray, FloatArray, npt.NDArray[np.int32]]
"""What one worker found for one ranking, see `RankCounter.merge`."""


@dataclass(frozen=True, eq=False)
class Search:
    """What all workers know."""

    requests: Sequence[SearchRequest]
    scores: VectorScores
    plan: SearchPlan


@dataclass(frozen=True)
class Span:
    """A piece of work: the passages [begin, end) of a corpus."""

    name: str
    begin: int
    end: int


def count(search: Search, judged: Mapping[int, tuple[int, FloatArray]], span: Span) -> dict[int, Part]:
    """By number of the ranking: passages of the span above each judged one, and the best of the span."""
    counters = {
        number: RankCounter(search.requests[number], *scores)
        for number, scores in judged.items()
        if span.name in search.requests[number].starts
    }
    count_span(span.name, span.begin, span.end, list(counters.values()), search.scores, search.plan, 1)
    return {number: (counter.counts, counter.best, counter.places) for number, counter in counters.items()}


def search_on_ray(
    ray: Any,
    requests: Sequence[SearchRequest],
    scores: VectorScores,
    memory: int,
    progress: Callable[[int], object] | None = None,
) -> Iterator[tuple[int, SearchAnswer]]:
    """What `search` gives, from the workers of a cluster: one for each of its processors.

    Args:
        ray: the module, connected.
        scores: of corpora whose files are on storage that all nodes see.
        memory: bytes for each worker.

    Others: see `search`.

    Raises:
        EngineError: the workers cannot do it.
    """
    plan = SearchPlan(requests, scores, memory, 1)
    n_workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
    files = {name: corpus for name, corpus in scores.corpora.items() if isinstance(corpus, VectorFiles)}
    spans = _spans(files, n_workers)
    known = ray.put(Search(requests, scores, plan))
    for batch in plan.batches:
        judged = {number: judged_scores(requests[number], scores) for number in batch}
        counters = {number: RankCounter(requests[number], *judged[number]) for number in batch}
        inside = [span for span in spans if span.name in plan.searched(batch)]
        for span, parts in run_tasks(ray, count, (known, ray.put(judged)), inside, "piece of work"):
            for number, part in parts.items():
                counters[number].merge(*part)
            if progress:
                progress(span.end - span.begin)
        for number, counter in counters.items():
            yield number, counter.answer()


def _spans(corpora: Mapping[str, VectorFiles], n_workers: int) -> list[Span]:
    """Whole files, in pieces small enough that all workers are busy to the end."""
    spans = []
    files = sum(-(-len(corpus) // corpus.rows) for corpus in corpora.values())
    for name, corpus in corpora.items():
        step = corpus.rows * max(1, min(_MOST_FILES, files // (4 * n_workers)))
        spans += [Span(name, begin, min(begin + step, len(corpus))) for begin in range(0, len(corpus), step)]
    return spans
