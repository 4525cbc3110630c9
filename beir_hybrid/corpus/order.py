"""The ascending order of all ids of a corpus, on disk, and finding an id in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.shards import Shards
from beir_hybrid.files import written_whole

IDS_FILE, ROWS_FILE = "ids.npy", "rows.npy"


class RepeatedIdError(Exception):
    """Two rows with one id."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)
        self.first, self.second = first, second


def write_order(folder: Path, shards: Shards, id_width: int) -> None:
    """Write ``ids.npy`` (bytes of fixed width, ascending) and ``rows.npy`` (the row each id stands in).

    Bytes of UTF-8 order as code points do. While sorting, about 4 times the bytes of the ids are held in memory.

    Args:
        id_width: ids shorter than that are filled with zeros on the left.

    Raises:
        RepeatedIdError: an id stands in two rows.
    """
    ids = _read_ids(shards, id_width)
    words = ids.view(">u8").reshape(len(ids), ids.dtype.itemsize // 8)
    order = np.lexsort(tuple(words.T[::-1].astype(np.uint64)))  # stable: equal ids stay in row order
    sorted_ids = ids[order]
    repeated = np.flatnonzero(sorted_ids[1:] == sorted_ids[:-1])
    if len(repeated):
        raise RepeatedIdError(int(order[repeated[0]]), int(order[repeated[0] + 1]))
    rows = order.astype(np.int32 if len(order) < 2**31 else np.int64)
    for name, values in ((ROWS_FILE, rows), (IDS_FILE, sorted_ids)):
        with written_whole(folder / name) as part, part.open("wb") as out:
            np.save(out, values)


def _read_ids(shards: Shards, id_width: int) -> npt.NDArray[np.bytes_]:
    import pyarrow.compute as pc

    def padded(batch: Any) -> Any:
        column = batch.column(0)
        return pc.utf8_lpad(column, id_width, "0") if id_width else column

    longest = max((pc.max(pc.binary_length(padded(batch))).as_py() for batch in shards.batches()), default=1)
    width = -(-max(longest, 1) // 8) * 8  # whole words, which sort faster than bytes
    ids = np.zeros(len(shards), dtype=f"S{width}")
    begin = 0
    for batch in shards.batches():
        ids[begin : begin + len(batch)] = padded(batch).cast("binary").to_numpy(zero_copy_only=False)
        begin += len(batch)
    return ids


class Order:
    """The two files of `write_order`, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self._ids: npt.NDArray[np.bytes_] = _mapped(folder / IDS_FILE)
        self.rows: npt.NDArray[np.integer[Any]] = _mapped(folder / ROWS_FILE)

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, position: int) -> str:
        return str(self._ids[position], "utf-8")

    def position(self, key: str) -> int | None:
        """Where an id stands in ascending order; None if it does not."""
        wanted = key.encode("utf-8", "surrogatepass")
        if len(wanted) > self._ids.dtype.itemsize or not len(self._ids) or wanted.endswith(b"\0"):
            return None
        # as an array of the very type: another width would copy all the ids
        place = int(np.searchsorted(self._ids, np.array(wanted, dtype=self._ids.dtype)))
        return place if place < len(self._ids) and self._ids[place] == wanted else None


def _mapped(path: Path) -> npt.NDArray[Any]:
    """A ``.npy`` file as a plain array over a memory map (numpy's own class for that is slow with single items)."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, _ = read(file)
    return np.load(path) if not shape[0] else np.asarray(np.load(path, mmap_mode="r"))
