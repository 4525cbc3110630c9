"""Vectors by the text they are of: a text is encoded once for a model and prompt, whatever asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense.segments import Segments

BLOCK = 2048
"""Texts encoded between two writes, what an interrupt can lose; and texts that an encoder gets at most."""
_KEY = np.dtype([("text", "V16")])
_KEY_AND_ROWS = np.dtype([("text", "V16"), ("rows", "<i8")])


class Rows(NamedTuple):
    """What a model made of texts: text i has the next ``counts[i]`` rows of ``vectors`` [rows, d]."""

    vectors: FloatArray
    counts: IntArray


Told = Callable[[int], object]
Encode = Callable[[Sequence[str]], npt.ArrayLike]
EncodeBlocks = Callable[[Iterable[tuple[int, Sequence[str]]]], Iterator[tuple[int, FloatArray | Rows]]]
"""Numbered blocks of texts to what was made of each, in the order they are ready."""


def in_turn(encode: Encode, what: str = "text", told: Told | None = None) -> EncodeBlocks:
    """One block after the other, in this process; see `encoded`."""
    return lambda blocks: ((number, encoded(texts, encode, what, told)) for number, texts in blocks)


def encoded(texts: Sequence[str], encode: Encode, what: str, told: Told | None = None) -> FloatArray:
    """The vectors of texts, float32 [n, d], each different text once and at most `BLOCK` at a time.

    Args:
        what: the texts are called, in messages.
        told: how many texts repeated others.

    Raises:
        RetrieverError: see `check_vectors`; or vectors of several lengths.
    """
    parts: list[FloatArray] = []
    for begin in range(0, len(texts), BLOCK):
        some = texts[begin : begin + BLOCK]
        place = {text: at for at, text in enumerate(dict.fromkeys(some))}
        vectors = check_vectors(encode(list(place)), list(place), what)
        if parts and parts[0].shape[1] != vectors.shape[1]:
            raise RetrieverError(
                f"the encoder returned vectors of {vectors.shape[1]} dimensions after ones of {parts[0].shape[1]}"
            )
        parts.append(vectors if len(place) == len(some) else vectors[[place[text] for text in some]])
        if told and len(place) < len(some):
            told(len(some) - len(place))
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


class EmbeddingStore:
    """The vectors of one model under one prompt: `Segments` with ``NAME.keys`` beside them, a digest of each text.

    The keys come last: a segment counts from the moment they are there.

    Args:
        folder: where they are kept; None: in memory only, for encoders that cannot be identified.
        in_order: the texts as they are best encoded; by default as they come.
        several: a text may have several rows.
    """

    def __init__(
        self, folder: Path | None, in_order: Callable[[list[str]], list[str]] = list, *, several: bool = False
    ) -> None:
        self.folder = folder
        self._in_order = in_order
        self._form = _KEY_AND_ROWS if several else _KEY
        self._segments = Segments(folder, " and {}.keys, its texts are then encoded again")
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._dimensions: set[int] = set()
        self._where: dict[bytes, tuple[int, int, int]] = {}
        """By key: the number of the segment, the first row, and how many there are."""

    def embed(self, texts: Sequence[str], encode: EncodeBlocks, told: Told | None = None) -> FloatArray:
        """The vectors of ``texts``, float32 [len(texts), d]; see `rows`."""
        return self.rows(texts, encode, told).vectors

    def rows(self, texts: Sequence[str], encode: EncodeBlocks, told: Told | None = None) -> Rows:
        """What the model makes of ``texts``, in their order; only those not in the store are encoded.

        Args:
            encode: called with blocks of at most `BLOCK` different texts.
            told: how many texts were in the store; ``encode`` says itself what it does.

        Raises:
            RetrieverError: a segment is damaged, or vectors have another dimension than those before.
        """
        self.fill([texts], encode, told)
        if len(self._dimensions) > 1:
            raise RetrieverError(
                f"the embeddings in {self.folder or 'memory'} have dimensions {sorted(self._dimensions)}; "
                f"the encoder must give vectors of one length"
            )
        places = np.array([self._where[_key(text)] for text in texts], dtype=np.int64).reshape(-1, 3)
        segments, first, counts = places.T
        begin = np.cumsum(counts) - counts
        out = np.empty((counts.sum(), *(self._dimensions or {0})), dtype=np.float32)  # no text at all: (0, 0)
        for number in np.unique(segments).tolist():
            own = segments == number
            vectors = self._segments.read(self._names[number], self._sizes[number])
            out[_spans(begin[own], counts[own])] = vectors[_spans(first[own], counts[own])]
        return Rows(out, counts)

    def fill(self, lists: Sequence[Sequence[str]], encode: EncodeBlocks, told: Told | None = None) -> None:
        """Encode what is not in the store of all lists together, so that texts of one length meet; see `rows`."""
        self._refresh()
        lacking: dict[bytes, str] = {}
        for texts in lists:
            lacking.update({key: text for text in texts if (key := _key(text)) not in self._where})
        todo = self._in_order(list(lacking.values()))
        if told:
            told(sum(map(len, lists)) - len(todo))
        blocks = [todo[begin : begin + BLOCK] for begin in range(0, len(todo), BLOCK)]
        for number, made in encode(enumerate(blocks)):
            self._keep(blocks[number], made)

    def _keep(self, texts: Sequence[str], made: FloatArray | Rows) -> None:
        vectors, counts = made if isinstance(made, Rows) else (made, 1)
        keys = np.empty(len(texts), self._form)
        keys["text"] = np.frombuffer(b"".join(map(_key, texts)), "V16")
        if "rows" in (self._form.names or ()):
            keys["rows"] = counts
        name = _name(keys)
        self._segments.write(name, vectors)
        if self.folder is not None:
            with written_whole(self.folder / f"{name}.keys") as part:
                part.write_bytes(keys.tobytes())
        self._add(name, keys)

    def _refresh(self) -> None:
        """See the segments that this and other processes have written since the last look."""
        known = set(self._names)
        for path in sorted(self.folder.glob("[!.]*.keys")) if self.folder else ():
            if path.stem not in known:
                self._add(path.stem, self._read_keys(path))

    def _read_keys(self, path: Path) -> npt.NDArray[np.void]:
        try:
            found = np.frombuffer(path.read_bytes(), self._form)
            if path.stem != _name(found):
                raise ValueError("they are not those that name it")
        except (OSError, ValueError) as error:
            raise RetrieverError(
                f"{path} is damaged ({error}); delete it and {path.stem}.npy, its texts are then encoded again"
            ) from error
        return found

    def _add(self, name: str, keys: npt.NDArray[np.void]) -> None:
        counts = keys["rows"] if "rows" in (self._form.names or ()) else np.ones(len(keys), dtype=np.int64)
        ends = np.cumsum(counts)
        size = int(ends[-1]) if len(ends) else 0
        self._dimensions.add(self._segments.read(name, size).shape[1])
        number = len(self._names)
        self._names.append(name)
        self._sizes.append(size)
        rows = zip((key.tobytes() for key in keys["text"]), (ends - counts).tolist(), counts.tolist(), strict=True)
        for key, first, n in rows:
            self._where.setdefault(key, (number, first, n))


def _name(keys: npt.NDArray[np.void]) -> str:
    """What the segment of these texts is called."""
    return hashlib.blake2b(keys["text"].tobytes(), digest_size=12).hexdigest()


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _spans(first: IntArray, counts: IntArray) -> IntArray:
    """The numbers [first, first + count) of each, one after the other."""
    ends = np.cumsum(counts)
    found: IntArray = np.repeat(first - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)
    return found


def check_vectors(vectors: npt.ArrayLike, texts: Sequence[str], what: str) -> FloatArray:
    """An encoder's answer as float32 [len(texts), d].

    Raises:
        RetrieverError: another shape, or a value that is not finite, naming the text it belongs to.
    """
    asked = counted(len(texts), f"{what} text", f"{what} texts")
    try:
        given = np.asarray(vectors)
        if np.iscomplexobj(given):
            raise TypeError("complex numbers")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
            found = given.astype(np.float32, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of different lengths, or no numbers
        raise RetrieverError(
            f"the encoder returned a {type(vectors).__name__} for {asked} that is no matrix "
            f"of numbers ({error}); expected float32 ({len(texts)}, dimension)"
        ) from error
    if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
        raise RetrieverError(
            f"the encoder returned shape {found.shape} for {asked}; expected ({len(texts)}, dimension)"
        )
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise RetrieverError(
            f"the encoder returned NaN or infinity for {int(bad.sum())} of {asked}, "
            f"the first is {texts[first][:80]!r}; check its weights and precision"
        )
    return np.ascontiguousarray(found)
