"""Embeddings kept on disk by content: a text is encoded once for a model and prompt, whatever asks for it.

A store is a folder of segments ``<name>.npy`` (float32 [n, d], memory-mapped while read: a mapping keeps a file
descriptor, and there may be more segments than those) with ``<name>.keys`` (a 16-byte digest of each text). A segment
is written whole or not at all and never changes, so an interrupt loses at most the block under way, and two processes
can fill one store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray

Encode = Callable[[Sequence[str]], npt.ArrayLike]
InOrder = Callable[[list[str]], list[str]]

_KEY_BYTES = 16
BLOCK = 2048
"""Texts encoded between two writes: what an interrupt can lose."""


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


class EmbeddingStore:
    """The embeddings of one model under one prompt.

    Args:
        folder: where the segments are; None: in memory only, for encoders that cannot be identified.
        in_order: the texts as they are best encoded; by default as they come.
    """

    def __init__(self, folder: Path | None, in_order: InOrder = list) -> None:
        self.folder = folder
        self._in_order = in_order
        self._segments: list[FloatArray | Path] = []
        self._dimensions: set[int] = set()
        self._where: dict[bytes, tuple[int, int]] = {}
        self._read: set[str] = set()

    def embed(
        self,
        texts: Sequence[str],
        encode: Encode,
        *,
        progress: Callable[[int], object] | None = None,
        what: str = "text",
    ) -> FloatArray:
        """The embeddings of ``texts``, float32 [len(texts), d]; only those not in the store are encoded.

        Args:
            encode: texts to vectors [n, d]; called with at most `BLOCK` different texts.
            progress: called with the number of texts that were in the store; ``encode`` says itself what it does.

        Raises:
            RetrieverError: ``encode`` returned another shape, NaN or infinity (naming the text), or vectors of
                another dimension than before.
        """
        self.fill([texts], encode, progress=progress, what=what)
        return self._gather([_key(text) for text in texts])

    def fill(
        self,
        lists: Sequence[Sequence[str]],
        encode: Encode,
        *,
        progress: Callable[[int], object] | None = None,
        what: str = "text",
    ) -> None:
        """Encode what is not in the store of all lists together, so that texts of one length meet; see `embed`."""
        todo = self.missing(lists)
        if progress:
            progress(sum(map(len, lists)) - sum(map(len, todo)))
        for block in todo:
            self.keep(block, check_vectors(encode(block), block, what))

    def missing(self, lists: Iterable[Sequence[str]]) -> list[list[str]]:
        """The blocks of texts that `fill` would encode, in its order."""
        self._refresh()
        found: dict[bytes, str] = {}
        for texts in lists:
            found.update({key: text for text in texts if (key := _key(text)) not in self._where and key not in found})
        todo = self._in_order(list(found.values()))
        return [todo[begin : begin + BLOCK] for begin in range(0, len(todo), BLOCK)]

    def keep(self, texts: Sequence[str], vectors: FloatArray) -> None:
        """Keep the embeddings of a block of `missing`, written whole or not at all."""
        self._append([_key(text) for text in texts], vectors)

    def _gather(self, keys: Sequence[bytes]) -> FloatArray:
        places = np.array([self._where[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        dimensions = self._dimensions
        if len(dimensions) > 1:
            raise RetrieverError(
                f"the embeddings in {self.folder or 'memory'} have dimensions {sorted(dimensions)}; "
                f"the encoder must give vectors of one length"
            )
        out = np.empty((len(keys), *(dimensions or {0})), dtype=np.float32)  # no text at all: (0, 0)
        for number in np.unique(places[:, 0]):
            rows = np.flatnonzero(places[:, 0] == number)
            segment = self._segments[number]
            vectors = _mapped(segment) if isinstance(segment, Path) else segment
            out[rows] = vectors[places[rows, 1]]
        return out

    def _append(self, keys: Sequence[bytes], vectors: FloatArray) -> None:
        if self.folder is None:
            self._add(keys, vectors, vectors.shape[1])
            return
        name = hashlib.blake2b(b"".join(keys), digest_size=12).hexdigest()
        # the keys come last: a segment counts from the moment they are there
        with written_whole(self.folder / f"{name}.npy") as part, part.open("wb") as out:
            np.save(out, vectors)
        with written_whole(self.folder / f"{name}.keys") as part:
            part.write_bytes(b"".join(keys))
        self._open(name)

    def _refresh(self) -> None:
        """See the segments that this and other processes have written since the last look."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.keys")):
            if path.stem not in self._read and not path.name.startswith("."):
                self._open(path.stem)

    def _open(self, name: str) -> None:
        folder = self.folder
        if folder is None:
            return
        packed = (folder / f"{name}.keys").read_bytes()
        keys = [packed[at : at + _KEY_BYTES] for at in range(0, len(packed), _KEY_BYTES)]
        path = folder / f"{name}.npy"
        shape = _mapped(path).shape
        if len(shape) != 2 or shape[0] * _KEY_BYTES != len(packed):
            raise _damaged(path, f"shape {shape} for {len(packed)} bytes of keys")
        self._read.add(name)
        self._add(keys, path, shape[1])

    def _add(self, keys: Sequence[bytes], segment: FloatArray | Path, dimension: int) -> None:
        number = len(self._segments)
        self._segments.append(segment)
        self._dimensions.add(dimension)
        for row, key in enumerate(keys):
            self._where.setdefault(key, (number, row))


def _mapped(path: Path) -> FloatArray:
    try:
        found: FloatArray = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, FileNotFoundError) as error:
        raise _damaged(path, error) from error
    except OSError as error:  # the file may be whole: too many open files, no permission
        raise RetrieverError(f"could not read {path}: {error.strerror or error}; mend that and try again") from error
    return found


def _damaged(path: Path, why: object) -> RetrieverError:
    return RetrieverError(
        f"{path} is damaged ({why}); delete it and {path.stem}.keys, its texts are then encoded again"
    )


def check_vectors(vectors: npt.ArrayLike, texts: Sequence[str], what: str) -> FloatArray:
    """An encoder's answer as float32 [len(texts), d].

    Raises:
        RetrieverError: another shape, or a value that is not finite, naming the text it belongs to.
    """
    try:
        given = np.asarray(vectors)
        if np.iscomplexobj(given):
            raise TypeError("complex numbers")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
            found = given.astype(np.float32, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of different lengths, or no numbers
        raise RetrieverError(
            f"the encoder returned a {type(vectors).__name__} for {len(texts)} {what} texts that is no matrix "
            f"of numbers ({error}); expected float32 ({len(texts)}, dimension)"
        ) from error
    if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
        raise RetrieverError(
            f"the encoder returned shape {found.shape} for {len(texts)} {what} texts; "
            f"expected ({len(texts)}, dimension)"
        )
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise RetrieverError(
            f"the encoder returned NaN or infinity for {int(bad.sum())} of {len(texts)} {what} texts, "
            f"the first is {texts[first][:80]!r}; check its weights and precision"
        )
    return np.ascontiguousarray(found)
