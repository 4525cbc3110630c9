"""Encoding on a Ray cluster: a Ray Data job over blocks of texts, with an actor for each processor or GPU."""

from __future__ import annotations

import contextlib
import inspect
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beir_hybrid.engines.ray_cluster import reason_of
from beir_hybrid.errors import BeirHybridError, EngineError, RetrieverError
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.embeddings import check_vectors
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_files import VectorFiles

_PATIENCE = 300
"""Seconds that a first worker has to start."""
_DEATHS = 4
"""Workers that one block may cost."""
_ERRORS: dict[str, type[BeirHybridError]] = {"RetrieverError": RetrieverError, "EngineError": EngineError}


@dataclass(frozen=True, eq=False)
class Block:
    """A file of vectors to write.

    Args:
        blocks: the files of its corpus.
        number: which of them.
        texts: of the whole corpus, in its order.
        on_disk: texts are read from the corpus's files by whoever encodes them, and do not travel.
    """

    blocks: VectorFiles
    number: int
    texts: Sequence[str]
    on_disk: bool

    def packed(self) -> bytes:
        """Its texts, or where to read them."""
        begin, end = self.blocks.span(self.number)
        texts = self.texts[begin:end]
        return pickle.dumps(texts if self.on_disk else list(texts))


def write_blocks_on_ray(ray: Any, encoder: Encoder, blocks: Sequence[Block], progress: Callable[[int], object]) -> None:
    """Have files written by workers. A file counts once it is there: what was written is never written again.

    Args:
        ray: the module, connected.
        encoder: in its portable form.
        progress: called with the number of texts done.

    Raises:
        RetrieverError: the encoder failed on a worker.
        EngineError: the cluster cannot do it.
    """
    corpora = list({id(block.blocks): block.blocks for block in blocks}.values())
    place = {id(corpus): at for at, corpus in enumerate(corpora)}
    rows = [{"at": place[id(block.blocks)], "number": block.number, "texts": block.packed()} for block in blocks]
    for answer in _job(ray, rows, _Write, encoder, corpora):
        progress(answer["done"])


def encode_lists_on_ray(ray: Any, encoder: Encoder, lists: Sequence[Sequence[str]]) -> Iterator[tuple[int, FloatArray]]:
    """The vectors [n, d] of each list of texts with its number, in the order they are ready.

    Raises:
        RetrieverError, EngineError: see `write_blocks_on_ray`.
    """
    rows = [{"at": at, "texts": pickle.dumps(list(texts))} for at, texts in enumerate(lists)]
    for answer in _job(ray, rows, _Return, encoder):
        yield answer["at"], np.frombuffer(answer["vectors"], dtype=np.float32).reshape(-1, answer["dimension"])


class Attempts:
    """An actor that counts how often each row was begun: Ray Data itself tries again without end."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, row: int) -> int:
        """How often it was begun before."""
        self._begun[row] += 1
        return self._begun[row] - 1


class _Worker:
    """An actor of the job; the encoder is loaded with the first block, so that its errors are answers as well."""

    def __init__(self, encoder: Any, attempts: Any, corpora: Sequence[VectorFiles] = ()) -> None:
        self._reference = encoder
        self._attempts = attempts
        self._encoder: Encoder | None = None
        self._corpora = corpora

    def _encode(self, texts: Sequence[str]) -> Any:
        if self._encoder is None:
            import ray

            self._encoder = ray.get(self._reference).loaded()
        return self._encoder.encode_mixed("passage", texts)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            self._check_attempts(row["row"])
            return {**self.answer(row), "error": "", "kind": ""}
        except BeirHybridError as error:
            return {**self.nothing, "error": str(error), "kind": type(error).__name__}

    def _check_attempts(self, row: int) -> None:
        import ray

        try:
            before = ray.get(self._attempts.begin.remote(row))
        except ray.exceptions.RayError:  # the counter's node is gone
            return
        if before >= _DEATHS:
            raise EngineError(
                f"{before} Ray workers died of the same block of texts; is there enough memory for the model and "
                f"--batch-size on the nodes?"
            )

    nothing: dict[str, Any]

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class _Write(_Worker):
    """Writes the file of a row's block."""

    nothing = {"done": 0}  # noqa: RUF012  # never changed

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        texts = pickle.loads(row["texts"])
        self._corpora[row["at"]].write(row["number"], texts, self._encode)
        return {"done": len(texts)}


class _Return(_Worker):
    """Sends a row's vectors back."""

    nothing = {"at": 0, "vectors": b"", "dimension": 0}  # noqa: RUF012

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        texts = pickle.loads(row["texts"])
        vectors = check_vectors(self._encode(texts), texts, "passage")
        return {"at": row["at"], "vectors": vectors.tobytes(), "dimension": vectors.shape[1]}


def _job(
    ray: Any, rows: Sequence[dict[str, Any]], worker: type[_Worker], encoder: Encoder, *arguments: Any
) -> Iterator[dict[str, Any]]:
    """Every row's answer, in the order they are ready."""
    if not rows:
        return
    from ray.data import ActorPoolStrategy, from_items

    resource = resource_of(ray, encoder)
    n_workers = min(len(rows), max(1, int(ray.cluster_resources().get(resource, 1))))
    reference = ray.put(encoder)
    attempts = ray.remote(Attempts).options(num_cpus=0).remote()
    pool = {"min_size": 1, "max_size": n_workers}
    if "initial_size" in inspect.signature(ActorPoolStrategy.__init__).parameters:
        pool["initial_size"] = n_workers  # earlier versions add the others once the first is busy
    with _settings():
        data = from_items([{**row, "row": at} for at, row in enumerate(rows)], override_num_blocks=len(rows)).map(
            worker,
            fn_constructor_args=(reference, attempts, *arguments),
            compute=ActorPoolStrategy(**pool),
            **({"num_gpus": 1} if resource == "GPU" else {"num_cpus": 1}),
        )
        try:
            for answer in data.iter_rows():
                if answer["error"]:
                    raise _ERRORS.get(answer["kind"], BeirHybridError)(answer["error"])
                yield answer
        except ray.exceptions.RayError as error:
            raise EngineError(f"encoding on Ray failed: {reason_of(error)}") from error
        finally:
            ray.kill(attempts)


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """How Ray Data works on a job: quietly, and not waiting for ever."""
    from ray.data import DataContext

    context = DataContext.get_current()
    values = {"enable_progress_bars": False, "print_on_execution_start": False, "wait_for_min_actors_s": _PATIENCE}
    before = {name: getattr(context, name) for name in values if hasattr(context, name)}
    for name in before:
        setattr(context, name, values[name])
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def resource_of(ray: Any, encoder: Encoder) -> str:
    """What a worker takes: a GPU where the cluster has some, unless the encoder is to run on a CPU."""
    return "GPU" if ray.cluster_resources().get("GPU", 0) >= 1 and not encoder.on_cpu else "CPU"
