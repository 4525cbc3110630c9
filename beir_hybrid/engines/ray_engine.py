"""Dense retrieval with the workers of a Ray cluster: blocks of texts are encoded and spans of corpora counted by tasks.

Vectors come back to this process, which writes the files; the workers of a search read them. Scores are exact wherever
they are computed, so the answer is that of one process, bit for bit.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.engines.ray_cluster import STORE, ray_cluster
from beir_hybrid.engines.ray_tasks import run_tasks
from beir_hybrid.errors import EngineError, MissingExtraError
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense.embeddings import Told, encoded
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_files import VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.counter import RankCounter
from beir_hybrid.retrieval.search.plan import SearchPlan
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import answers, count_span, search

_MOST_FILES = 32
"""In a span: what a killed worker loses is a minute's work at most."""

Part = tuple[IntArray, FloatArray, npt.NDArray[np.int32]]
"""What one worker found for one ranking, see `RankCounter.merge`."""
Span = tuple[str, int, int]
"""The passages [begin, end) of a corpus."""

_loaded: dict[str, Encoder] = {}
"""The encoder of a worker, which its tasks share."""


@contextlib.contextmanager
def on_ray(address: str | None, encoder: Encoder) -> Iterator[RunningOnRay]:
    """Connected to a cluster for as long as the context lasts; ``address``: see `ray_cluster`.

    Raises:
        RetrieverError: the encoder cannot be sent to workers.
        EngineError: there is no cluster.
    """
    try:
        from ray import cloudpickle
    except ImportError as error:
        raise MissingExtraError("the engine 'ray'", "ray", "ray") from error
    portable = encoder.portable(cloudpickle.dumps)  # refused before anything is started
    size = len(portable.model) if isinstance(portable.model, bytes) else 0
    with ray_cluster(address, STORE + 4 * size) as ray:
        yield RunningOnRay(ray, portable)


@dataclass(frozen=True, eq=False)
class RunningOnRay:
    """See `RunningEngine`.

    Args:
        ray: the module, connected.
        encoder: in its portable form.
    """

    ray: Any
    encoder: Encoder
    threads: int = 1

    @cached_property
    def _sent(self) -> list[Any]:
        """The encoder's reference, one for all calls, so that a worker loads it once; in a list, so that Ray does not
        fetch it for each task."""
        return [self.ray.put(self.encoder)]

    @property
    def _resource(self) -> str:
        """What encoding takes: a GPU where the cluster has some, unless the encoder is to run on a CPU."""
        there = self.ray.cluster_resources().get("GPU", 0) >= 1
        return "GPU" if there and not self.encoder.on_cpu else "CPU"

    def encode(
        self, blocks: Iterable[tuple[int, Sequence[str]]], told: Told, *, ordered: bool = False
    ) -> Iterator[tuple[int, FloatArray]]:
        for (number, texts), vectors in run_tasks(
            self.ray, _encode, [self._sent, ordered], blocks, "block of texts", self._resource
        ):
            told(len(texts))
            yield number, vectors

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, told: Told
    ) -> Iterator[tuple[int, SearchAnswer]]:
        """``memory`` is that of each worker. Corpora in the memory of this process are searched here."""
        files = {name: corpus for name, corpus in scores.corpora.items() if isinstance(corpus, VectorFiles)}
        if len(files) < len(scores.corpora):
            return search(requests, scores, memory, progress=told)
        plan = SearchPlan(requests, scores, memory, 1)
        spans = _spans(files, max(1, int(self.ray.cluster_resources().get("CPU", 1))))
        known = self.ray.put((requests, scores, plan))

        def count(names: Sequence[str], counters: Mapping[int, RankCounter]) -> None:
            judged = self.ray.put({number: counter.judged_scores for number, counter in counters.items()})
            inside = [span for span in spans if span[0] in names]
            for (_, begin, end), parts in run_tasks(self.ray, _count, (known, judged), inside, "piece of work"):
                for number, part in parts.items():
                    counters[number].merge(*part)
                told(end - begin)

        return answers(requests, scores, plan, count)


def _encode(encoder: Sequence[Any], ordered: bool, block: tuple[int, Sequence[str]]) -> FloatArray:
    """Run by a worker, which loads the encoder once."""
    import ray

    key = encoder[0].hex()
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = ray.get(encoder[0]).loaded()
    here = _loaded[key]
    return encoded(block[1], lambda texts: here.encode("passage", texts, ordered=ordered), "passage")


def _count(
    known: tuple[Sequence[SearchRequest], VectorScores, SearchPlan], judged: Mapping[int, FloatArray], span: Span
) -> dict[int, Part]:
    """Run by a worker: by number of the ranking, passages of the span above each judged one, and the best of them."""
    requests, scores, plan = known
    name, begin, end = span
    corpus = scores.corpora[name]
    if isinstance(corpus, VectorFiles) and not corpus.folder.is_dir():
        raise EngineError(
            f"node {platform.node()} of the Ray cluster does not see {corpus.folder}, where vectors are kept; "
            f"set BEIR_HYBRID_CACHE to a folder on storage that all nodes share"
        )
    counters = {
        number: RankCounter(requests[number], scores, exact)
        for number, exact in judged.items()
        if name in requests[number].starts
    }
    count_span(name, begin, end, list(counters.values()), scores, plan, 1)
    return {number: (counter.counts, counter.best, counter.places) for number, counter in counters.items()}


def _spans(corpora: Mapping[str, VectorFiles], n_workers: int) -> list[Span]:
    """Whole files, in pieces small enough that all workers are busy to the end."""
    spans = []
    files = sum(-(-len(corpus) // corpus.rows) for corpus in corpora.values())
    for name, corpus in corpora.items():
        step = corpus.rows * max(1, min(_MOST_FILES, files // (4 * n_workers)))
        spans += [(name, begin, min(begin + step, len(corpus))) for begin in range(0, len(corpus), step)]
    return spans
