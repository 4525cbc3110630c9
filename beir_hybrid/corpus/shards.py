"""One source file of passages as one Arrow file, and reading its cells through a memory map."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.mapped import MappedFile, MappedFiles
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import DatasetError, SettingError, at
from beir_hybrid.languages import language_code
from beir_hybrid.readers.passages import Record, read_records

FORMAT = 3
"""Raise it when what is on disk changes."""
BATCH = 4096
"""Rows of a record batch, all but the last of a shard: a row's batch is found by division."""
COLUMNS = ("docid", "title", "text")
_RELEASED = 16
"""Batches read one after the other before their pages are given back."""
_SPAN = struct.Struct("<ii")


@dataclass(frozen=True)
class Written:
    """What was written of a source: its passages, and a digest of all their ids, titles and texts in order."""

    passages: int
    content: str


def write_shard(
    source: Path,
    target: Path,
    id_field: str | None = None,
    by_language: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Written:
    """Convert a source file, in the memory of one batch; ``target`` appears when it is whole.

    Args:
        by_language: every record says its language, which is put before its id.

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
            keys = [_with_language(source, record) for record in records] if by_language else [r.key for r in records]
            texts = [record.title for record in records], [record.text for record in records]
            try:
                columns = [pa.array(column, pa.string()) for column in (keys, *texts)]
            except UnicodeEncodeError as error:  # of a parquet file; JSON's are found where they are read
                raise DatasetError(f"{source}: holds half of a surrogate pair, which is no text") from error
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


def _with_language(source: Path, record: Record) -> str:
    if not record.language:
        raise DatasetError(f"{at(source, record.line)}: the record has no 'language'; expected a code, such as de")
    try:
        return f"{language_code(record.language)}-p-{record.key}"
    except SettingError as error:
        raise DatasetError(f"{at(source, record.line)}: {error}") from error


class _Cells(NamedTuple):
    """A column of a batch: its offsets and bytes as they are mapped, and where both begin in the file."""

    offsets: npt.NDArray[np.int32]
    data: memoryview
    offsets_begin: int
    data_begin: int


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
        self._opened: dict[int, tuple[MappedFile, Any]] = {}
        self._cells: dict[tuple[int, int], list[_Cells]] = {}

    def __len__(self) -> int:
        return self._starts[-1]

    def place(self, row: int) -> tuple[int, int]:
        """Shard, and row within it."""
        shard = bisect_right(self._starts, row) - 1
        return shard, row - self._starts[shard]

    def cell(self, column: int, row: int) -> str:
        """The string of a column (of `COLUMNS`) in a row, read through the map: for rows that are near each other."""
        self._files.count()
        shard, inside = self.place(row)
        number, inside = divmod(inside, BATCH)
        cells = (self._cells.get((shard, number)) or self._find(shard, number))[column]
        return str(cells.data[cells.offsets[inside] : cells.offsets[inside + 1]], "utf-8")

    def cells(self, row: int, *columns: int) -> list[str]:
        """The strings of some columns in a row anywhere; no page is mapped for them."""
        shard, inside = self.place(row)
        number, inside = divmod(inside, BATCH)
        places = self._cells.get((shard, number)) or self._find(shard, number)
        read = self._opened[shard][0].read
        found = []
        for column in columns:
            cells = places[column]
            begin, end = _SPAN.unpack(read(cells.offsets_begin + 4 * inside, 8))
            found.append(str(read(cells.data_begin + begin, end - begin), "utf-8") if end > begin else "")
        return found

    def batches(self) -> Iterator[Any]:
        """The record batches of all shards, in order."""
        for shard in range(len(self._paths)):
            _, reader = self._open(shard)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
                if number % _RELEASED == 0:
                    self._files.release()

    def _open(self, shard: int) -> tuple[MappedFile, Any]:
        import pyarrow as pa

        if shard not in self._opened:
            path = self._paths[shard]
            try:
                file = self._files.open(path)
                self._opened[shard] = file, pa.ipc.open_file(pa.py_buffer(file.map))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise DatasetError(
                    f"{path}: damaged or missing ({error}); delete {path.parent}, it is then made again"
                ) from error
        return self._opened[shard]

    def _find(self, shard: int, number: int) -> list[_Cells]:
        import pyarrow as pa

        file, reader = self._open(shard)
        start = pa.py_buffer(file.map).address
        batch = reader.get_batch(number)
        cells = []
        for column in range(len(COLUMNS)):
            _, offsets, data = batch.column(column).buffers()
            cells.append(
                _Cells(
                    np.frombuffer(offsets, dtype=np.int32),
                    memoryview(data or b""),
                    offsets.address - start,
                    data.address - start if data else 0,
                )
            )
        # threads may find the same batch twice; either view is right
        self._cells[shard, number] = cells
        return cells
