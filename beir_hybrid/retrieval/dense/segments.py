"""Vectors in a folder of files: the one way in which vectors are kept on disk. For `EmbeddingStore` and `VectorFiles`.

A segment is a file ``NAME.npy`` of vectors [rows, d]. It is written whole or not at all and never changes, so that an
interrupt loses what is under way and several processes can fill one folder. What can change a value, the model and how
it is asked, stands in the folder's own path (`folder_of`): of what else a cache holds nothing is ever taken.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy.typing as npt

from beir_hybrid.disk.arrays import mapped_array, write_array
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import RetrieverError

_MAPPED = 2
"""Files mapped at a time: a mapping keeps a file descriptor, and its pages count as this process's memory."""

Cache = Path | str | bool | None
"""A folder; None or True: that of this package. False: nothing is kept."""


def folder_of(cache: Cache, identity: str | None, *parts: str) -> Path | None:
    """Where the vectors of a model are, asked in a way that ``parts`` tell (role, prompt, ...); None: nowhere."""
    if cache is False or identity is None:
        return None
    base = cache_dir() / "embeddings" if cache is None or cache is True else Path(cache)
    return base / identity / fingerprint(*parts)


class Segments:
    """The segments of a folder, or of no folder: then they are in memory. A pickle is the folder's path.

    Args:
        folder: where they are.
        advice: what is to be done about a damaged one, after "delete it".
    """

    def __init__(self, folder: Path | None, advice: str) -> None:
        self.folder = folder
        self._advice = advice
        self._held: dict[str, npt.NDArray[Any]] = {}
        self._mapped: OrderedDict[str, npt.NDArray[Any]] = OrderedDict()
        self._checked: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_mapped": OrderedDict()}

    def path(self, name: str) -> Path:
        """The file of a segment; of one in memory a name for messages."""
        return (self.folder or Path("memory")) / f"{name}.npy"

    def __contains__(self, name: str) -> bool:
        return name in self._held if self.folder is None else self.path(name).exists()

    def write(self, name: str, vectors: npt.NDArray[Any]) -> None:
        """Keep a segment [rows, d].

        Raises:
            BeirHybridError: the disk fails.
        """
        if self.folder is None:
            self._held[name] = vectors
            return
        write_array(self.path(name), vectors)

    def read(self, name: str, rows: int, dtype: str = "float32") -> npt.NDArray[Any]:
        """A segment [rows, d], mapped.

        Raises:
            RetrieverError: it is not as it was written, or cannot be read now.
        """
        if self.folder is None:
            return self._held[name]
        if name not in self._mapped:
            path = self.path(name)
            try:
                found = mapped_array(path, check=name not in self._checked)
                if found.ndim != 2 or len(found) != rows or found.dtype != dtype:
                    raise ValueError(f"{found.dtype} {found.shape}, expected {rows} vectors of {dtype}")
            except (ValueError, FileNotFoundError, IsADirectoryError) as error:
                raise RetrieverError(f"{path} is damaged ({error}); delete it{self._advice.format(name)}") from error
            except OSError as error:  # the file may be whole: too many open files, no permission
                raise RetrieverError(
                    f"could not read {path}: {error.strerror or error}; mend that and try again"
                ) from error
            self._checked.add(name)
            while len(self._mapped) >= _MAPPED:
                self._mapped.popitem(last=False)
            self._mapped[name] = found
        return self._mapped[name]
