"""The vectors of a corpus on disk, in its order: encoded block by block, read through memory maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import RetrieverError
from beir_hybrid.files import written_whole
from beir_hybrid.retrieval import embeddings
from beir_hybrid.types import FloatArray, IntArray

Precision = Literal["float32", "float16"]
ROWS = 16_384
"""Vectors in a file: what an interrupt can lose."""


class VectorBlocks:
    """Files ``000000.npy``, ``000001.npy``, ... of `ROWS` vectors each (the last may have fewer), in corpus order.

    A file is written whole or not at all, so an interrupt loses at most the block under way, and processes that fill
    one folder do no harm. The folder's name must say whose vectors of which texts they are.

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
        self._rows = ROWS
        self._mapped: dict[int, npt.NDArray[Any]] = {}

    def __len__(self) -> int:
        return self.size

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def encode(
        self,
        texts: Sequence[str],
        encode: embeddings.Encode,
        progress: Callable[[int], object] | None = None,
        what: str = "passage",
    ) -> None:
        """Encode the blocks that are not there yet.

        Args:
            texts: all of them, in order; only slices are read, so they may live on disk.
            encode: texts to vectors [n, d]; called with at most `embeddings.BLOCK` different texts.
            progress: called with the number of texts done.

        Raises:
            RetrieverError: ``encode`` returned another shape than before, NaN, infinity or what ``precision`` cannot
                hold.
            BeirHybridError: the disk fails.
        """
        for number, begin in enumerate(range(0, self.size, self._rows)):
            end = min(begin + self._rows, self.size)
            if not self._path(number).exists():
                vectors = self._encode_block(texts[begin:end], encode, progress, what)
                with written_whole(self._path(number)) as part, part.open("wb") as out:
                    np.save(out, vectors)
            elif progress:
                progress(end - begin)
            if self._block(number).shape[1] != self._block(0).shape[1]:
                raise RetrieverError(
                    f"{self._path(number)} has vectors of {self._block(number).shape[1]} dimensions and "
                    f"{self._path(0).name} of {self._block(0).shape[1]}; the encoder must give vectors of one length"
                )

    def _encode_block(
        self, texts: Sequence[str], encode: embeddings.Encode, progress: Callable[[int], object] | None, what: str
    ) -> npt.NDArray[Any]:
        parts: list[npt.NDArray[Any]] = []
        for begin in range(0, len(texts), embeddings.BLOCK):
            some = list(texts[begin : begin + embeddings.BLOCK])
            # a text that repeats is encoded once, so that its vectors are equal
            place = {text: at for at, text in enumerate(dict.fromkeys(some))}
            different = list(place)
            vectors = embeddings.check_vectors(encode(different), different, what)
            if parts and parts[0].shape[1] != vectors.shape[1]:
                raise RetrieverError(
                    f"the encoder returned vectors of {vectors.shape[1]} dimensions after ones of {parts[0].shape[1]}"
                )
            with np.errstate(over="ignore"):
                kept = vectors.astype(self.precision)
            if not np.isfinite(kept).all():
                raise RetrieverError(f"a vector has a value that {self.precision} cannot hold; keep them as float32")
            parts.append(kept[[place[text] for text in some]])
            if progress:
                progress(len(some))
        return np.concatenate(parts)

    @property
    def dimension(self) -> int:
        """Values in a vector as it is read; 0 without vectors."""
        return int(self.read(0, 1).shape[1]) if self.size else 0

    def read(self, begin: int, end: int) -> FloatArray:
        """Vectors [end - begin, d] in their order, float32, C-contiguous."""
        parts = []
        for number in range(begin // self._rows, -(-end // self._rows)):
            first = number * self._rows
            parts.append(self._block(number)[max(begin - first, 0) : end - first])
        return self._finished(np.concatenate(parts, dtype=np.float32))

    def take(self, positions: IntArray) -> FloatArray:
        """The vectors at positions (ascending), the same as `read` gives."""
        out = np.empty((len(positions), self._block(0).shape[1]), dtype=np.float32)
        number = positions // self._rows
        for each in np.unique(number).tolist():
            rows = np.flatnonzero(number == each)
            out[rows] = self._block(each)[positions[rows] - each * self._rows]
        return self._finished(out)

    def _finished(self, vectors: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self._transform(vectors)) if self._transform else vectors

    def _block(self, number: int) -> npt.NDArray[Any]:
        if number not in self._mapped:
            path = self._path(number)
            try:
                found = np.asarray(np.load(path, mmap_mode="r"))
                expected = min(self._rows, self.size - number * self._rows)
                if found.ndim != 2 or len(found) != expected or found.dtype != self.precision:
                    raise ValueError(f"{found.dtype} {found.shape}, expected {expected} vectors of {self.precision}")
            except (ValueError, OSError, EOFError) as error:
                raise RetrieverError(f"{path} is damaged ({error}); delete it, it is then encoded again") from error
            self._mapped[number] = found
        return self._mapped[number]
