"""Reading relevance judgments, line by line, from the files BEIR-shaped data sets are published with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.corpus.records import as_id
from beir_hybrid.datasets.trec import read_json_lines, read_tsv_qrels
from beir_hybrid.errors import DatasetError, at

_COLUMNS = ("query-id", "corpus-id", "score")
_PARQUET_ROWS = 1 << 16


class Judgment(NamedTuple):
    """A judged pair as its file has it; ``line`` is 1-based (for parquet: the row)."""

    line: int
    query: str
    passage: str
    grade: int


def read_judgments(path: Path) -> Iterator[Judgment]:
    """The judgments of a ``.tsv``, ``.jsonl`` or ``.parquet`` file: query-id, corpus-id and score, BEIR's names.

    Ids may be numbers, and so may scores be floats (mteb's are), if they are whole.

    Raises:
        DatasetError: a damaged file, a missing column, or a line of another shape (``path:line``).
    """
    if path.suffix == ".tsv":
        return (Judgment(*fields) for fields in read_tsv_qrels(path))
    return _from_parquet(path) if path.suffix == ".parquet" else _from_json_lines(path)


def _from_json_lines(path: Path) -> Iterator[Judgment]:
    for line, record in read_json_lines(path, ()):
        if not isinstance(record, dict) or any(name not in record for name in _COLUMNS):
            raise DatasetError(f"{at(path, line)}: expected a record with {', '.join(_COLUMNS)}, got {record!r:.80}")
        yield _judgment(path, line, record)


def _from_parquet(path: Path) -> Iterator[Judgment]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            lacking = [name for name in _COLUMNS if name not in names]
            if lacking:
                raise DatasetError(
                    f"{path}: has the columns {', '.join(names)}; expected {', '.join(_COLUMNS)} of judgments"
                )
            row = 0
            for batch in file.iter_batches(_PARQUET_ROWS, columns=list(_COLUMNS)):
                for record in batch.to_pylist():
                    row += 1
                    yield _judgment(path, row, record)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: not a readable parquet file ({error}); fetch it again") from error


def _judgment(path: Path, line: int, record: dict[str, Any]) -> Judgment:
    query, passage = as_id(record["query-id"]), as_id(record["corpus-id"])
    for name, value in (("query-id", query), ("corpus-id", passage)):
        if value is None:
            raise DatasetError(f"{at(path, line)}: {name!r} is {record[name]!r}; expected a string")
    score = record["score"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not float(score).is_integer():
        raise DatasetError(f"{at(path, line)}: 'score' is {score!r}; expected a whole number")
    return Judgment(line, str(query), str(passage), int(score))
