"""The ascending order of all ids of a corpus, on disk, and finding an id in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.mapped import MappedFiles
from beir_hybrid.corpus.shards import Shards
from beir_hybrid.errors import DatasetError
from beir_hybrid.files import written_whole
from beir_hybrid.types import IntArray

IDS_FILE, ROWS_FILE, SAMPLE_FILE = "ids.npy", "rows.npy", "sample.npy"
STRETCH = 1 << 22
"""Ids sorted at a time, more or less."""
STRIDE = 4096
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
    """The two files of `write_order`, memory-mapped.

    The sample is held in memory (4 bytes a thousand passages), so that finding an id reads one place of the file and
    not as many as a search of the whole would.
    """

    def __init__(self, folder: Path, files: MappedFiles) -> None:
        self._files = files
        try:
            self._ids: npt.NDArray[np.bytes_] = _mapped(folder / IDS_FILE, files)
            self.rows: npt.NDArray[np.integer[Any]] = _mapped(folder / ROWS_FILE, files)
            self._sample: npt.NDArray[np.bytes_] = np.load(folder / SAMPLE_FILE)
            if not len(self._ids) == len(self.rows) or len(self._sample) != -(-len(self._ids) // STRIDE):
                raise ValueError(f"they are of {len(self._ids)}, {len(self.rows)} and {len(self._sample)} items")
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(
                f"{IDS_FILE}, {ROWS_FILE} or {SAMPLE_FILE} of {folder} is damaged or missing ({error}); "
                f"delete {folder}, it is then made again"
            ) from error

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, position: int) -> str:
        self._files.read()
        return str(self._ids[position], "utf-8")

    def position(self, key: str) -> int | None:
        """Where an id stands in ascending order; None if it does not."""
        wanted = key.encode("utf-8", "surrogatepass")
        if len(wanted) > self._ids.dtype.itemsize or not len(self._ids) or wanted.endswith(b"\0"):
            return None
        self._files.read()
        # as an array of the very type: another width would copy all the ids
        exact = np.array(wanted, dtype=self._ids.dtype)
        begin = max(0, int(np.searchsorted(self._sample, exact, side="right")) - 1) * STRIDE
        place = begin + int(np.searchsorted(self._ids[begin : begin + STRIDE], exact))
        return place if place < len(self._ids) and self._ids[place] == wanted else None


def _mapped(path: Path, files: MappedFiles) -> npt.NDArray[Any]:
    """A ``.npy`` file as a plain array over a memory map (numpy's own class for that is slow with single items)."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        (length,), _, dtype = read(file)
        begin = file.tell()
    return np.frombuffer(files.map(path), dtype=dtype, count=length, offset=begin)
