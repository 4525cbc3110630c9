"""Reading passages, record by record, from the files corpora are published in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.datasets.trec import read_json_lines
from beir_hybrid.errors import DatasetError, at

_ID_COLUMNS = ("_id", "docid", "id", "corpus-id")
_PARQUET_ROWS = 4096


class Record(NamedTuple):
    """A passage as its file has it; ``line`` is 1-based (for parquet: the row)."""

    line: int
    key: str
    title: str
    text: str


def read_records(path: Path, id_field: str | None = None) -> Iterator[Record]:
    """The passages of a ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` file, in its order.

    Only ids, titles and texts are read: other columns (images, say) are never touched. A missing or null title is
    empty. In parquet an id may be a number (it is read as its digits), and the text beside a title may be null.

    Args:
        id_field: the field that holds the id; None: the first there is of ``_id``, ``docid``, ``id``, ``corpus-id``.

    Raises:
        DatasetError: a damaged file, or a record without an id or a text, at ``path:line``.
    """
    found = _from_parquet(path, id_field) if path.suffix == ".parquet" else _from_json_lines(path, id_field)
    for record in found:
        if not record.key or "\0" in record.key:
            raise DatasetError(f"{at(path, record.line)}: {record.key!r} is no passage id; expected a non-empty string")
        yield record


def _from_json_lines(path: Path, id_field: str | None) -> Iterator[Record]:
    required = ("text",) if id_field is None else (id_field, "text")
    for line, record in read_json_lines(path, required):
        if id_field is None:
            id_field = next((name for name in _ID_COLUMNS if isinstance(record.get(name), str)), None)
            if id_field is None:
                raise DatasetError(f"{at(path, line)}: the record has no id; expected one of {', '.join(_ID_COLUMNS)}")
        title = record.get("title") or ""
        key = record.get(id_field)
        if not isinstance(title, str) or not isinstance(key, str):
            wrong = "title" if isinstance(key, str) else id_field
            raise DatasetError(f"{at(path, line)}: the record's {wrong!r} is {record.get(wrong)!r}; expected a string")
        yield Record(line, key, title, record["text"])


def _from_parquet(path: Path, id_field: str | None) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            key = id_field or next((name for name in _ID_COLUMNS if name in names), None)
            if key is None or key not in names or "text" not in names:
                wanted = id_field or " or ".join(_ID_COLUMNS)
                raise DatasetError(
                    f"{path}: has the columns {', '.join(names)}; "
                    f"expected {wanted}, and text (and title, if there is one)"
                )
            columns = [key, "text", *(["title"] if "title" in names else [])]
            row = 0
            for batch in file.iter_batches(_PARQUET_ROWS, columns=columns):
                for record in batch.to_pylist():
                    row += 1
                    yield _of_row(path, row, record, key)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: not a readable parquet file ({error}); fetch it again") from error


def _of_row(path: Path, row: int, record: dict[str, Any], key: str) -> Record:
    found, title, text = as_id(record[key]), record.get("title") or "", record["text"]
    if text is None and title:
        text = ""  # a page of nothing but its title
    if found is None or not isinstance(text, str):
        wrong = key if found is None else "text"
        raise DatasetError(f"{at(path, row)}: {wrong!r} is {record[wrong]!r}; expected a string")
    return Record(row, found, title, text)


def as_id(value: Any) -> str | None:
    """An id as a string; None if it is neither a string nor a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None
