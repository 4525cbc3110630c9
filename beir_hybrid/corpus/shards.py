"""One source file of passages as one Arrow file, and several of them as one in the order of their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.disk.checksums import checksum
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import DatasetError, SettingError, at
from beir_hybrid.languages import language_code
from beir_hybrid.readers.passages import Record, read_records
from beir_hybrid.records import IntArray

FORMAT = 5
"""Raise it when what is on disk changes."""
COLUMNS = ("id", "docid", "title", "text")
BATCH = 32
"""Rows of a record batch of a corpus, all but the last: what is read to look up one of them."""
CONVERTED = 4096
"""Rows of a record batch of a converted source."""
SUM = 8
"""Bytes of the checksum of a batch."""
STRETCH = 1 << 16
"""Rows that are put in order at a time; a multiple of `BATCH`."""


class RepeatedIdError(Exception):
    """Two rows with one id."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)
        self.first, self.second = first, second


@dataclass(frozen=True)
class Naming:
    """How ids are made of those of the source, which stand in ``id_field``; see `ArrowCorpus.build`."""

    id_prefix: str = ""
    id_width: int = 0
    id_field: str | None = None
    by_language: bool = False

    def ids_of(self, source: Path, records: Sequence[Record]) -> list[str]:
        """The ids of records.

        Raises:
            DatasetError: one does not say its language, though all are to (``path:line``).
        """
        prefix, width = self.id_prefix, self.id_width
        if self.by_language:
            return [f"{_language_of(source, record)}-p-{record.key.rjust(width, '0')}" for record in records]
        return [prefix + record.key.rjust(width, "0") for record in records]


def _language_of(source: Path, record: Record) -> str:
    if not record.language:
        raise DatasetError(f"{at(source, record.line)}: the record has no 'language'; expected a code, such as de")
    try:
        return language_code(record.language)
    except SettingError as error:
        raise DatasetError(f"{at(source, record.line)}: {error}") from error


@dataclass(frozen=True)
class Written:
    """What was written of a source: its passages, and a digest of all their ids, titles and texts in order."""

    passages: int
    content: str


def schema() -> Any:
    """That of all files: strings."""
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in COLUMNS])


def write_shard(source: Path, target: Path, naming: Naming, progress: Callable[[int], object] | None = None) -> Written:
    """Convert a source file, in the memory of one batch; ``target`` appears when it is whole.

    Raises:
        DatasetError: the source is damaged or malformed (``path:line``).
        BeirHybridError: the disk fails.
    """
    import pyarrow as pa

    digest = hashlib.blake2b(digest_size=16)
    rows = 0
    with (
        written_whole(target) as part,
        pa.OSFile(str(part), "wb") as out,
        pa.ipc.new_file(out, schema()) as writer,
    ):
        for records in _batches(read_records(source, naming.id_field)):
            _, keys, titles, texts, *_ = zip(*records, strict=True)
            try:
                given = (naming.ids_of(source, records), keys, titles, texts)
                columns = [pa.array(column, pa.string()) for column in given]
            except UnicodeEncodeError as error:  # of a parquet file; JSON's are found where they are read
                raise DatasetError(f"{source}: holds half of a surrogate pair, which is no text") from error
            for column in columns:
                # lengths (offsets start at zero in a fresh array) and bytes, so that no two contents run together
                _, offsets, data = column.buffers()
                digest.update(offsets)
                digest.update(data or b"")
            writer.write_batch(pa.record_batch(columns, schema=schema()))
            rows += len(records)
            if progress:
                progress(len(records))
    return Written(rows, digest.hexdigest())


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while batch := list(islice(rest, CONVERTED)):
        yield batch


def batch_checksum(batch: Any) -> bytes:
    """Of all that a record batch holds: `SUM` bytes."""
    columns = batch.columns
    shape = b"".join(bytes(f"{len(column)} {column.null_count} ", "ascii") for column in columns)
    return checksum([shape, *(buffer for column in columns for buffer in column.buffers() if buffer)])[:SUM]


def write_in_order(shards: Sequence[Path], target: Path) -> list[str]:
    """One file of the rows of all, in ascending order of their ids (bytes of UTF-8 order as code points do).

    Eight bytes a passage and a stretch of passages are in memory, and what the system caches of the shards.

    Returns:
        The first id of every batch.

    Raises:
        RepeatedIdError: an id stands in two rows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    readers = [pa.ipc.open_file(pa.memory_map(str(shard))) for shard in shards]
    batches = [reader.get_batch(number) for reader in readers for number in range(reader.num_record_batches)]
    starts = np.cumsum([0, *map(len, batches)])
    order = pc.sort_indices(pa.chunked_array([batch.column(0) for batch in batches], pa.string())).to_numpy()
    firsts: list[str] = []
    before = pa.array([], pa.string())  # the last id so far
    with written_whole(target) as part, pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, schema()) as writer:
        for begin in range(0, len(order), STRETCH):
            table = _rows_of(batches, starts, order[begin : begin + STRETCH].astype(np.int64))
            ids = table.column(0).combine_chunks()
            ascending = pa.concat_arrays([before, ids])
            repeated = pc.index(pc.equal(ascending[1:], ascending[:-1]), True).as_py()
            if repeated >= 0:
                first = begin - len(before) + repeated
                raise RepeatedIdError(*sorted(order[first : first + 2].tolist()))
            firsts += ids.take(np.arange(0, len(ids), BATCH)).to_pylist()
            before = ids[-1:]
            writer.write_table(table, max_chunksize=BATCH)
    return firsts


def _rows_of(batches: Sequence[Any], starts: IntArray, rows: IntArray) -> Any:
    """Rows, counted over all batches, as a table of one chunk."""
    import pyarrow as pa

    by_row = np.argsort(rows)
    ascending = rows[by_row]
    batch_of = np.searchsorted(starts, ascending, side="right") - 1
    pieces = []
    for piece in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(batch_of)) + 1):
        number = batch_of[piece[0]]
        pieces.append(batches[number].take(pa.array(ascending[piece] - starts[number])))
    back = np.empty_like(by_row)
    back[by_row] = np.arange(len(rows))
    return pa.Table.from_batches(pieces).combine_chunks().take(back)
