"""Encoding on a Ray cluster: a task for each block of texts, which writes its file of vectors or sends them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from beir_hybrid.engines.ray_tasks import run_tasks
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.embeddings import check_vectors
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_files import VectorFiles

_BLOCK = "block of texts"
_loaded: dict[str, Encoder] = {}
"""The encoder of a worker, which its tasks share."""


@dataclass(frozen=True, eq=False)
class FileToWrite:
    """A file of vectors.

    Args:
        files: those of its corpus.
        number: which of them.
        texts: its texts; of a corpus on disk a view of its files.
    """

    files: VectorFiles
    number: int
    texts: Sequence[str]

    @classmethod
    def of(cls, files: VectorFiles, number: int, texts: Sequence[str], on_disk: bool) -> FileToWrite:
        """One file of a whole corpus's; texts on disk are read by whoever encodes them, and do not travel."""
        begin, end = files.span(number)
        return cls(files, number, texts[begin:end] if on_disk else list(texts[begin:end]))


def write_files_on_ray(
    ray: Any, encoder: Encoder, files: Sequence[FileToWrite], progress: Callable[[int], object]
) -> None:
    """Have files written by workers. A file counts once it is there: what was written is never written again.

    Args:
        ray: the module, connected.
        encoder: in its portable form.
        progress: called with the number of texts done.

    Raises:
        RetrieverError: the encoder failed on a worker.
        EngineError: the cluster cannot do it.
    """
    for file, _ in run_tasks(ray, _write, [[ray.put(encoder)]], files, _BLOCK, resource_of(ray, encoder)):
        progress(len(file.texts))


def encode_lists_on_ray(ray: Any, encoder: Encoder, lists: Sequence[Sequence[str]]) -> Iterator[tuple[int, FloatArray]]:
    """The vectors [n, d] of each list of texts with its number, in the order they are ready.

    Raises:
        RetrieverError, EngineError: see `write_files_on_ray`.
    """
    pieces = [(number, list(texts)) for number, texts in enumerate(lists)]
    for (number, _), vectors in run_tasks(
        ray, _encode, [[ray.put(encoder)]], pieces, _BLOCK, resource_of(ray, encoder)
    ):
        yield number, vectors


def _write(encoder: Sequence[Any], file: FileToWrite) -> None:
    file.files.write(file.number, file.texts, lambda texts: _here(encoder).encode_mixed("passage", texts))


def _encode(encoder: Sequence[Any], piece: tuple[int, list[str]]) -> FloatArray:
    return check_vectors(_here(encoder).encode_mixed("passage", piece[1]), piece[1], "passage")


def _here(encoder: Sequence[Any]) -> Encoder:
    """The encoder, loaded once in each worker; its reference stands in a list so that Ray does not fetch it."""
    import ray

    key = encoder[0].hex()
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = ray.get(encoder[0]).loaded()
    return _loaded[key]


def resource_of(ray: Any, encoder: Encoder) -> str:
    """What a task takes: a GPU where the cluster has some, unless the encoder is to run on a CPU."""
    return "GPU" if ray.cluster_resources().get("GPU", 0) >= 1 and not encoder.on_cpu else "CPU"
