"""One source file of passages as one Arrow file, and reading its cells through a memory map."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.mapped import MappedFiles
from beir_hybrid.corpus.records import Record, read_records
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.files import written_whole

FORMAT = 2
"""Raise it when what is on disk changes."""
BATCH = 4096
"""Rows of a record batch, all but the last of a shard: a row's batch is found by division."""
COLUMNS = ("docid", "title", "text")
_RELEASED = 16
"""Batches read one after the other before their pages are given back."""


@dataclass(frozen=True)
class Written:
    """What was written of a source: its passages, and a digest of all their ids, titles and texts in order."""

    passages: int
    content: str


def write_shard(
    source: Path, target: Path, id_field: str | None = None, progress: Callable[[int], object] | None = None
) -> Written:
    """Convert a source file, in the memory of one batch; ``target`` appears when it is whole.

    Raises:
        DatasetError: the source is damaged or malformed (``path:line``).
        BeirHybridError: the disk fails.
    """
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    digest = hashlib.blake2b(digest_size=16)
    rows = 0
    with (
        written_whole(target) as part,
        pa.OSFile(str(part), "wb") as out,
        pa.ipc.new_file(out, schema) as writer,
    ):
        for records in _batches(read_records(source, id_field)):
            try:
                columns = [pa.array([record[at] for record in records], pa.string()) for at in (1, 2, 3)]
            except UnicodeEncodeError as error:
                raise _not_text(source, records) from error
            for column in columns:
                # lengths (offsets start at zero in a fresh array) and bytes, so that no two contents run together
                _, offsets, data = column.buffers()
                digest.update(offsets)
                digest.update(data or b"")
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows += len(records)
            if progress:
                progress(len(records))
    return Written(rows, digest.hexdigest())


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _not_text(source: Path, records: Sequence[Record]) -> DatasetError:
    for record in records:
        try:
            "".join(record[1:]).encode()
        except UnicodeEncodeError:
            return DatasetError(f"{at(source, record.line)}: holds half of a surrogate pair, which is no text")
    return DatasetError(f"{source}: holds half of a surrogate pair, which is no text")


class Shards:
    """The rows of several Arrow files, one after the other; files are mapped when a row of theirs is first read.

    Args:
        paths: files of `write_shard`.
        sizes: rows of each.
        files: what maps them.
    """

    def __init__(self, paths: Sequence[Path], sizes: Sequence[int], files: MappedFiles | None = None) -> None:
        self._paths = paths
        self._files = files or MappedFiles()
        self._starts = [0, *accumulate(sizes)]
        self._readers: dict[int, Any] = {}
        self._cells: dict[tuple[int, int], list[tuple[npt.NDArray[np.int32], memoryview]]] = {}

    def __len__(self) -> int:
        return self._starts[-1]

    def place(self, row: int) -> tuple[int, int]:
        """Shard, and row within it."""
        shard = bisect_right(self._starts, row) - 1
        return shard, row - self._starts[shard]

    def cell(self, column: int, row: int) -> str:
        """The string of a column (of `COLUMNS`) in a row."""
        self._files.read()
        shard, inside = self.place(row)
        number, inside = divmod(inside, BATCH)
        offsets, data = (self._cells.get((shard, number)) or self._map(shard, number))[column]
        return str(data[offsets[inside] : offsets[inside + 1]], "utf-8")

    def batches(self) -> Iterator[Any]:
        """The record batches of all shards, in order."""
        for shard in range(len(self._paths)):
            reader = self._reader(shard)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
                if number % _RELEASED == 0:
                    self._files.release()

    def _reader(self, shard: int) -> Any:
        import pyarrow as pa

        if shard not in self._readers:
            path = self._paths[shard]
            try:
                self._readers[shard] = pa.ipc.open_file(pa.py_buffer(self._files.map(path)))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise DatasetError(
                    f"{path}: damaged or missing ({error}); delete {path.parent}, it is then made again"
                ) from error
        return self._readers[shard]

    def _map(self, shard: int, number: int) -> list[tuple[npt.NDArray[np.int32], memoryview]]:
        batch = self._reader(shard).get_batch(number)
        cells = []
        for column in range(len(COLUMNS)):
            _, offsets, data = batch.column(column).buffers()
            cells.append((np.frombuffer(offsets, dtype=np.int32), memoryview(data or b"")))
        # threads may map the same batch twice; either view is right
        self._cells[shard, number] = cells
        return cells
