"""Some columns of a parquet file, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.errors import DatasetError

_ROWS = 4096


def read_parquet(path: Path, choose: Callable[[Sequence[str]], Sequence[str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with their numbers from 1, in the memory of a few thousand of them.

    Args:
        choose: the columns to read, of those there are; the others are never touched (images are gigabytes).

    Raises:
        DatasetError: the file is damaged; whatever ``choose`` raises.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            row = 0
            for batch in file.iter_batches(_ROWS, columns=list(choose(file.schema_arrow.names))):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a readable parquet file ({error}); fetch it again") from error


def required(path: Path, *names: str) -> Callable[[Sequence[str]], Sequence[str]]:
    """Chooses these columns, all of which must be there."""

    def choose(there: Sequence[str]) -> Sequence[str]:
        if any(name not in there for name in names):
            raise DatasetError(f"{path}: has the columns {', '.join(there)}; expected {', '.join(names)}")
        return names

    return choose
