"""Dense retrieval with the workers of a Ray cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beir_hybrid.engines.ray_cluster import STORE, ray_cluster
from beir_hybrid.engines.ray_encode import FileToWrite, encode_lists_on_ray, resource_of, write_files_on_ray
from beir_hybrid.engines.ray_search import search_on_ray
from beir_hybrid.engines.ray_storage import check_storage
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Encode
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_files import VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.engine import FilesToFill, Progress
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import search


@dataclass(frozen=True)
class RayEngine:
    """A Ray cluster.

    Args:
        address: see `ray_cluster`.
    """

    address: str | None = None

    @contextlib.contextmanager
    def running(self, encoder: Encoder) -> Iterator[RunningOnRay]:
        """Connected for as long as the context lasts.

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
        with ray_cluster(self.address, STORE + 4 * size) as ray:
            yield RunningOnRay(ray, portable)


@dataclass(frozen=True, eq=False)
class RunningOnRay:
    """See `RunningEngine`.

    Args:
        ray: the module, connected.
        encoder: in its portable form.
        seen: storage that was found to be shared, with the kind of nodes.
    """

    ray: Any
    encoder: Encoder
    threads: int = 1
    seen: set[tuple[Path, str]] = field(default_factory=set)

    def fill(self, corpora: Sequence[FilesToFill], encode: Encode, progress: Progress) -> None:
        todo: list[FileToWrite] = []
        with contextlib.ExitStack() as stack:
            # in one order, whatever the order they are asked for: processes that wait for each other's files would hang
            for corpus in sorted(corpora, key=lambda each: each.files.folder):
                numbers = stack.enter_context(corpus.files.filling(corpus.texts, encode, progress, "passage"))
                todo += [FileToWrite.of(corpus.files, number, corpus.texts, corpus.on_disk) for number in numbers]
            if todo:
                self._check_storage(todo[0].files.folder, resource_of(self.ray, self.encoder))
            write_files_on_ray(self.ray, self.encoder, todo, progress)

    def embed(self, store: EmbeddingStore, lists: Sequence[Sequence[str]], encode: Encode, progress: Progress) -> None:
        blocks = store.missing(lists)
        if len(blocks) < 2:  # done here before a worker has loaded the model
            store.fill(lists, encode, progress=progress, what="passage")
            return
        progress(sum(map(len, lists)) - sum(map(len, blocks)))
        for number, vectors in encode_lists_on_ray(self.ray, self.encoder, blocks):
            store.keep(blocks[number], vectors)
            progress(len(blocks[number]))

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, progress: Progress
    ) -> Iterator[tuple[int, SearchAnswer]]:
        files = [corpus for corpus in scores.corpora.values() if isinstance(corpus, VectorFiles)]
        if len(files) < len(scores.corpora):  # they are in the memory of this process
            return search(requests, scores, memory, progress=progress)
        for corpus in files:
            if len(corpus):
                self._check_storage(corpus.folder, "CPU")
        return search_on_ray(self.ray, requests, scores, memory, progress)

    def _check_storage(self, folder: Path, resource: str) -> None:
        if (folder.parent, resource) not in self.seen:
            check_storage(self.ray, folder.parent, resource)
            self.seen.add((folder.parent, resource))
