"""The vectors of a corpus on disk, in its order: encoded block by block, read through memory maps."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense import embeddings
from beir_hybrid.retrieval.dense.int8 import Scale, sampled

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
ROWS = 16_384
"""Vectors in a file: what an interrupt can lose."""
_MAPPED = 2
"""Files mapped at a time: pages of mapped files count as this process's memory."""


class VectorFiles:
    """Files ``000000.npy``, ``000001.npy``, ... of `ROWS` vectors each (the last may have fewer), in corpus order.

    A file is written whole or not at all, so an interrupt loses at most the block under way. The folder's name must say
    whose vectors of which texts they are. An int8 folder also has ``scale.npy``, which is made first. A pickle is the
    folder's path: processes read, and may write, the same files.

    Args:
        folder: where the files are.
        size: how many vectors there are.
        precision: of the files; what is read is always float32.
        transform: applied to the rows that are read, each by itself (a cut to fewer dimensions, a unit length).
    """

    def __init__(
        self,
        folder: Path,
        size: int,
        precision: Precision = "float32",
        transform: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        self.folder = folder
        self.size = size
        self.precision = precision
        self._transform = transform
        self.rows = ROWS
        self._mapped: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()
        self._scale: Scale | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_mapped": OrderedDict(), "_scale": None}

    def __len__(self) -> int:
        return self.size

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def span(self, number: int) -> tuple[int, int]:
        """The positions [begin, end) whose vectors are in a file."""
        return number * self.rows, min((number + 1) * self.rows, self.size)

    def missing(self) -> list[int]:
        """Numbers of the files that are not there yet."""
        count = -(-self.size // self.rows)
        there = {path.name for path in self.folder.glob("*.npy")}
        return [number for number in range(count) if self._path(number).name not in there]

    def encode(
        self,
        texts: Sequence[str],
        encode: embeddings.Encode,
        progress: Callable[[int], object] | None = None,
        what: str = "passage",
    ) -> None:
        """Encode the blocks that are not there yet. Processes that fill one folder wait for the first one.

        Args:
            texts: all of them, in order; only slices are read, so they may live on disk.
            encode: texts to vectors [n, d]; called with at most `embeddings.BLOCK` different texts.
            progress: called with the number of texts done.

        Raises:
            RetrieverError: ``encode`` returned another shape than before, NaN, infinity or what ``precision`` cannot
                hold.
            BeirHybridError: the disk fails.
        """
        with self.filling(texts, encode, progress, what) as missing:
            for number in missing:
                begin, end = self.span(number)
                self.write(number, texts[begin:end], encode, progress, what)

    @contextlib.contextmanager
    def filling(
        self, texts: Sequence[str], encode: embeddings.Encode, progress: Callable[[int], object] | None, what: str
    ) -> Iterator[list[int]]:
        """The files to write, with the folder prepared for them and checked at the end; see `encode`."""
        with contextlib.ExitStack() as stack:
            if self.missing():
                stack.enter_context(_alone(self.folder))
                for left in self.folder.glob(".*.part"):  # of a process that was killed: none is at work now
                    left.unlink(missing_ok=True)
                self._prepare(texts, encode, what)
            missing = self.missing()
            if progress and len(missing) * self.rows < self.size:
                progress(self.size - sum(end - begin for begin, end in map(self.span, missing)))
            yield missing
        for number in range(-(-self.size // self.rows)):
            self._check_dimension(self._path(number), self._block(number).shape[1])

    def _check_dimension(self, path: Path, dimension: int) -> None:
        first = self._block(0).shape[1]
        if dimension != first:
            raise RetrieverError(
                f"{path} has vectors of {dimension} dimensions and {self._path(0).name} of {first}; "
                f"the encoder must give vectors of one length"
            )

    def _prepare(self, texts: Sequence[str], encode: embeddings.Encode, what: str) -> None:
        path = self.folder / "scale.npy"
        if self.precision != "int8" or path.exists():
            return
        if next(self.folder.glob("??????.npy"), None):
            raise RetrieverError(f"{path} is missing, without it the other files mean nothing; delete {self.folder}")
        some = [texts[at] for at in sampled(self.size).tolist()]
        Scale.of_sample(np.concatenate(list(_encoded(some, encode, None, what)))).write(path)

    def write(
        self, number: int, texts: Sequence[str], encode: embeddings.Encode,
        progress: Callable[[int], object] | None = None, what: str = "passage",
    ) -> None:  # fmt: skip
        """Encode the texts of one file and write it, unless it is there."""
        if self._path(number).exists():
            return
        parts = [self._stored(vectors) for vectors in _encoded(texts, encode, progress, what)]
        if number and self._path(0).exists():
            self._check_dimension(self._path(number), parts[0].shape[1])
        with written_whole(self._path(number)) as part, part.open("wb") as out:
            np.save(out, np.concatenate(parts))

    def _stored(self, vectors: FloatArray) -> npt.NDArray[Any]:
        if self.precision == "int8":
            if vectors.shape[1] != len(self._int8.step):
                raise RetrieverError(
                    f"the encoder returned vectors of {vectors.shape[1]} dimensions after ones of "
                    f"{len(self._int8.step)}"
                )
            return self._int8.packed(vectors)
        with np.errstate(over="ignore"):
            kept = vectors.astype(self.precision)
        if not np.isfinite(kept).all():
            raise RetrieverError(f"a vector has a value that {self.precision} cannot hold; keep them as float32")
        return kept

    @property
    def _int8(self) -> Scale:
        if self._scale is None:
            self._scale = Scale.read(self.folder / "scale.npy")
        return self._scale

    @property
    def shape(self) -> tuple[int, int]:
        """Vectors, and values in one as it is read (0 without vectors)."""
        return self.size, int(self.read(0, 1).shape[1]) if self.size else 0

    def read(self, begin: int, end: int) -> FloatArray:
        """Vectors [end - begin, d] in their order, float32, C-contiguous; where they are stored so, read-only views."""
        parts = []
        for number in range(begin // self.rows, -(-end // self.rows)):
            first = number * self.rows
            parts.append(self._block(number)[max(begin - first, 0) : end - first])
        return self._finished(np.concatenate(parts) if len(parts) > 1 else parts[0])

    def take(self, positions: IntArray) -> FloatArray:
        """The vectors at positions (ascending), the same as `read` gives."""
        first = self._block(0)
        out = np.empty((len(positions), first.shape[1]), dtype=first.dtype)
        number = positions // self.rows
        for each in np.unique(number).tolist():
            rows = np.flatnonzero(number == each)
            out[rows] = self._block(each)[positions[rows] - each * self.rows]
        return self._finished(out)

    def _finished(self, stored: npt.NDArray[Any]) -> FloatArray:
        vectors = self._int8.unpacked(stored) if self.precision == "int8" else stored.astype(np.float32, copy=False)
        return np.ascontiguousarray(self._transform(vectors)) if self._transform else vectors

    def _block(self, number: int) -> npt.NDArray[Any]:
        if number not in self._mapped:
            path = self._path(number)
            try:
                found = np.asarray(np.load(path, mmap_mode="r"))
                begin, end = self.span(number)
                if found.ndim != 2 or len(found) != end - begin or found.dtype != self.precision:
                    raise ValueError(f"{found.dtype} {found.shape}, expected {end - begin} vectors of {self.precision}")
            except (ValueError, OSError, EOFError) as error:
                raise RetrieverError(f"{path} is damaged ({error}); delete it, it is then encoded again") from error
            while len(self._mapped) >= _MAPPED:
                self._mapped.popitem(last=False)
            self._mapped[number] = found
        return self._mapped[number]


def _encoded(
    texts: Sequence[str], encode: embeddings.Encode, progress: Callable[[int], object] | None, what: str
) -> Iterator[FloatArray]:
    """The vectors of texts, up to `embeddings.BLOCK` at a time."""
    dimension = None
    for begin in range(0, len(texts), embeddings.BLOCK):
        some = list(texts[begin : begin + embeddings.BLOCK])
        # a text that repeats is encoded once, so that its vectors are equal
        place = {text: at for at, text in enumerate(dict.fromkeys(some))}
        different = list(place)
        vectors = embeddings.check_vectors(encode(different), different, what)
        dimension = dimension or vectors.shape[1]
        if dimension != vectors.shape[1]:
            raise RetrieverError(
                f"the encoder returned vectors of {vectors.shape[1]} dimensions after ones of {dimension}"
            )
        yield vectors[[place[text] for text in some]]
        if progress:
            progress(len(some))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, beside a folder so that it holds nothing but vectors."""
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise RetrieverError(
            f"could not write {folder}: {error.strerror or error}; free space or choose another folder, then run again"
        ) from error
    try:
        yield
    finally:
        lock.release()
