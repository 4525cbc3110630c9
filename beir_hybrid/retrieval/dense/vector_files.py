"""The vectors of a corpus on disk, in its order: encoded segment by segment, read through memory maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import alone
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense.embeddings import EncodeBlocks, Told
from beir_hybrid.retrieval.dense.int8 import Scale, sampled
from beir_hybrid.retrieval.dense.segments import Segments

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
ROWS = 16_384
"""Vectors in a segment: what an interrupt can lose."""


class VectorFiles:
    """`Segments` ``000000``, ``000001``, ... of `ROWS` vectors each (the last may have fewer), in corpus order.

    The folder's name must say whose vectors of which texts they are. An int8 folder also has ``scale.npy``, which is
    made first. A pickle is the folder's path: processes read the same files.

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
        self._segments = Segments(folder, ", it is then encoded again")
        self._scale: Scale | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_scale": None}

    def __len__(self) -> int:
        return self.size

    def _span(self, number: int) -> tuple[int, int]:
        """The positions [begin, end) whose vectors are in a segment."""
        return number * self.rows, min((number + 1) * self.rows, self.size)

    def _missing(self) -> list[int]:
        return [number for number in range(-(-self.size // self.rows)) if _name(number) not in self._segments]

    def fill(self, texts: Sequence[str], encode: EncodeBlocks, told: Told | None = None) -> None:
        """Encode the segments that are not there yet. Processes that fill one folder wait for the first one.

        Args:
            texts: all of them, in order; only slices are read, so they may live on disk.
            encode: called with the texts of whole segments.
            told: how many texts need not be encoded; ``encode`` says itself what it does.

        Raises:
            RetrieverError: ``encode`` returned another length than before, or what ``precision`` cannot hold.
            BeirHybridError: the disk fails.
        """
        if self._missing():
            with alone(self.folder, RetrieverError):
                self._prepare(texts, encode, told)
                missing = self._missing()
                spans = {number: self._span(number) for number in missing}
                if told and len(missing) * self.rows < self.size:
                    told(self.size - sum(end - begin for begin, end in spans.values()))
                for number, made in encode((n, list(texts[begin:end])) for n, (begin, end) in spans.items()):
                    self._write(number, np.asarray(made))
        for number in range(-(-self.size // self.rows)):
            self._check_dimension(number, self._block(number).shape[1])

    def _check_dimension(self, number: int, dimension: int) -> None:
        first = self._block(0).shape[1]
        if dimension != first:
            raise RetrieverError(
                f"{self._segments.path(_name(number))} has vectors of {dimension} dimensions and {_name(0)}.npy of "
                f"{first}; the encoder must give vectors of one length"
            )

    def _prepare(self, texts: Sequence[str], encode: EncodeBlocks, told: Told | None) -> None:
        path = self.folder / "scale.npy"
        if self.precision != "int8" or path.exists():
            return
        if next(self.folder.glob("??????.npy"), None):
            raise RetrieverError(f"{path} is missing, without it the other files mean nothing; delete {self.folder}")
        sample = [texts[at] for at in sampled(self.size).tolist()]
        ((_, vectors),) = encode([(0, sample)])
        Scale.of_sample(np.asarray(vectors)).write(path)
        if told:
            told(-len(sample))  # they are counted with their segments

    def _write(self, number: int, vectors: FloatArray) -> None:
        if number and _name(0) in self._segments:
            self._check_dimension(number, vectors.shape[1])
        if self.precision == "int8":
            if vectors.shape[1] != len(self._int8.step):
                raise RetrieverError(
                    f"the encoder returned vectors of {vectors.shape[1]} dimensions after ones of "
                    f"{len(self._int8.step)}"
                )
            self._segments.write(_name(number), self._int8.packed(vectors))
            return
        with np.errstate(over="ignore"):
            kept = vectors.astype(self.precision)
        if not np.isfinite(kept).all():
            raise RetrieverError(f"a vector has a value that {self.precision} cannot hold; keep them as float32")
        self._segments.write(_name(number), kept)

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
        begin, end = self._span(number)
        return self._segments.read(_name(number), end - begin, self.precision)


def _name(number: int) -> str:
    return f"{number:06d}"
