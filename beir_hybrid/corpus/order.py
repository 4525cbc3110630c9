"""The ascending order of all ids of a corpus, on disk, and finding an id in it."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.mapped import MappedFiles
from beir_hybrid.corpus.shards import Shards
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import IntArray

IDS_FILE, ROWS_FILE, SAMPLE_FILE = "ids.npy", "rows.npy", "sample.npy"
STRETCH = 1 << 21
"""Ids sorted at a time, more or less."""
STRIDE = 256
"""Ids for one of the sample."""
_SAMPLES = 1000
"""Ids looked at for each bound between two stretches."""


class RepeatedIdError(Exception):
    """Two rows with one id."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)
        self.first, self.second = first, second


def write_order(folder: Path, shards: Shards, id_width: int) -> None:
    """Write ``ids.npy`` (bytes of fixed width, ascending), ``rows.npy`` (the row each id stands in) and ``sample.npy``.

    The sample is every `STRIDE`-th id: a search in it says where in the others to look.

    Bytes of UTF-8 order as code points do. The ids are put into a file first and then sorted a stretch of the
    alphabet at a time, so that those of `STRETCH` passages or so are in memory, however many there are.

    Args:
        id_width: ids shorter than that are filled with zeros on the left.

    Raises:
        RepeatedIdError: an id stands in two rows.
    """
    unsorted = folder / f".{IDS_FILE}.unsorted.part"
    try:
        with (
            written_whole(folder / ROWS_FILE) as rows_part,
            written_whole(folder / IDS_FILE) as ids_part,
        ):
            ids = _gathered(shards, id_width, unsorted)
            with rows_part.open("wb") as rows_out, ids_part.open("wb") as ids_out:
                row_type = np.dtype(np.int32 if len(ids) < 2**31 else np.int64)
                _write_header(ids_out, ids.dtype, len(ids))
                _write_header(rows_out, row_type, len(ids))
                sampled, done = [], 0
                for rows, sorted_ids in _sorted_stretches(ids):
                    ids_out.write(sorted_ids.data)
                    rows_out.write(rows.astype(row_type).data)
                    sampled.append(sorted_ids[-done % STRIDE :: STRIDE])
                    done += len(rows)
            with written_whole(folder / SAMPLE_FILE) as sample_part, sample_part.open("wb") as sample_out:
                np.save(sample_out, np.concatenate(sampled))
    finally:
        unsorted.unlink(missing_ok=True)


def _sorted_stretches(ids: npt.NDArray[np.bytes_]) -> Iterator[tuple[IntArray, npt.NDArray[np.bytes_]]]:
    """Rows and ids in ascending order, a stretch after the other; equal ids cannot be in two."""
    pieces = -(-len(ids) // STRETCH)
    step = max(1, len(ids) // max(1, pieces * _SAMPLES))
    sample = np.sort(ids[::step])
    bounds = [sample[len(sample) * piece // pieces] for piece in range(1, pieces)]
    for low, high in itertools.pairwise([None, *bounds, None]):
        rows = _rows_between(ids, low, high)
        found = np.asarray(ids[rows]) if pieces > 1 else np.asarray(ids)
        words = found.view(">u8").reshape(len(found), ids.dtype.itemsize // 8)
        order = np.lexsort(tuple(words.T[::-1].astype(np.uint64)))  # stable: equal ids stay in row order
        found, rows = found[order], rows[order]
        repeated = np.flatnonzero(found[1:] == found[:-1])
        if len(repeated):
            raise RepeatedIdError(int(rows[repeated[0]]), int(rows[repeated[0] + 1]))
        yield rows, found


def _rows_between(ids: npt.NDArray[np.bytes_], low: Any, high: Any) -> IntArray:
    """Where the ids from ``low`` (included) to ``high`` stand; None is no bound."""
    if low is None and high is None:
        return np.arange(len(ids))
    rows = []
    for begin in range(0, len(ids), STRETCH):
        block = ids[begin : begin + STRETCH]
        inside = np.ones(len(block), dtype=bool)
        if low is not None:
            inside &= block >= low
        if high is not None:
            inside &= block < high
        rows.append(np.flatnonzero(inside) + begin)
    return np.concatenate(rows)


def _write_header(out: BinaryIO, dtype: np.dtype[Any], length: int) -> None:
    """What `numpy.save` writes before the items of a column."""
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(out, description)


def _gathered(shards: Shards, id_width: int, path: Path) -> npt.NDArray[np.bytes_]:
    """The ids of all rows as one column of bytes in a file, mapped."""
    import pyarrow.compute as pc

    def padded(batch: Any) -> Any:
        column = batch.column(0)
        return pc.utf8_lpad(column, id_width, "0") if id_width else column

    longest = max((pc.max(pc.binary_length(padded(batch))).as_py() for batch in shards.batches()), default=1)
    width = -(-max(longest, 1) // 8) * 8  # whole words, which sort faster than bytes
    dtype = np.dtype(f"S{width}")
    with path.open("wb") as out:
        for batch in shards.batches():
            ids = np.zeros(len(batch), dtype=dtype)
            ids[:] = padded(batch).cast("binary").to_numpy(zero_copy_only=False)
            out.write(ids.data)
    if not len(shards):
        return np.empty(0, dtype=dtype)
    # a plain array: slices of numpy's own class for maps are slow to make
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))


class Order:
    """The files of `write_order`.

    The sample is held in memory (some 300 bytes a thousand passages): finding an id reads one place of the file, and
    not as many as a search of the whole would.
    """

    def __init__(self, folder: Path, files: MappedFiles) -> None:
        self._files = files
        try:
            self._ids = _Column(folder / IDS_FILE, files)
            self._rows = _Column(folder / ROWS_FILE, files)
            self._sample: list[bytes] = np.load(folder / SAMPLE_FILE).tolist()
            sizes = len(self._ids.values), len(self._rows.values), len(self._sample)
            if sizes[0] != sizes[1] or sizes[2] != -(-sizes[0] // STRIDE):
                raise ValueError(f"they are of {', '.join(map(str, sizes))} items")
            self._width = self._ids.values.dtype.itemsize
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(
                f"{IDS_FILE}, {ROWS_FILE} or {SAMPLE_FILE} of {folder} is damaged or missing ({error}); "
                f"delete {folder}, it is then made again"
            ) from error

    def __len__(self) -> int:
        return len(self._rows.values)

    def id(self, position: int) -> str:
        """The id at a position; for positions that are near each other."""
        self._files.count()
        return str(self._ids.values[position], "utf-8")

    def row(self, position: int) -> int:
        """The row of the id at a position; for positions that are near each other."""
        self._files.count()
        return int(self._rows.values[position])

    def find(self, key: str) -> tuple[int, int] | None:
        """Position and row of an id; None if it does not stand here."""
        wanted = key.encode("utf-8", "surrogatepass")
        width = self._width
        if len(wanted) > width or wanted.endswith(b"\0"):
            return None
        begin = max(0, bisect_right(self._sample, wanted) - 1) * STRIDE
        block = self._ids.read(begin, STRIDE)
        whole = wanted.ljust(width, b"\0")
        at = block.find(whole)
        while at > 0 and at % width:  # found across two ids
            at = block.find(whole, at + 1)
        if at < 0:
            return None
        position = begin + at // width
        return position, self.row(position)


class _Column:
    """A ``.npy`` file of one dimension: its items as they are mapped, or copies of some.

    Raises:
        OSError, ValueError: it is damaged or missing.
    """

    def __init__(self, path: Path, files: MappedFiles) -> None:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            (length,), _, dtype = read(file)
            self._begin = file.tell()
        self._file = files.open(path)
        # a plain array: numpy's own class for maps is slow with single items
        self.values: npt.NDArray[Any] = np.frombuffer(self._file.map, dtype=dtype, count=length, offset=self._begin)

        self._width: int = dtype.itemsize

    def read(self, begin: int, count: int) -> bytes:
        """A copy of some items, or of as many as there are."""
        return self._file.read(self._begin + begin * self._width, count * self._width)
