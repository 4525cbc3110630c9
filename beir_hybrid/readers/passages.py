"""Passages and queries, record by record, from the files they are published in: also TREC's topics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import as_id, read_json_lines
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.readers.parquet import read_parquet

_ID_COLUMNS = ("_id", "docid", "id", "corpus-id")


class Record(NamedTuple):
    """A passage or query as its file has it; ``line`` is 1-based (for parquet: the row)."""

    line: int
    key: str
    title: str
    text: str
    language: str = ""
    group: str = ""
    """The fields ``language`` and ``group``, where there are some."""


def read_records(path: Path, id_field: str | None = None) -> Iterator[Record]:
    """The records of a ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` file, in its order; or of lines ``id<TAB>text``.

    Other fields are not read. An id may be a number: it is read as its digits. A missing or null title is empty, and
    the text beside a title may be null.

    Args:
        id_field: the field that holds the id; None: the first there is of ``_id``, ``docid``, ``id``, ``corpus-id``.

    Raises:
        DatasetError: a damaged file, or a record without an id or a text, at ``path:line``.
    """
    key = id_field
    if path.name.removesuffix(".gz").endswith((".tsv", ".txt")):
        yield from _topics(path)
        return
    if path.suffix == ".parquet":
        records = read_parquet(path, lambda there: _columns(path, there, id_field))
    else:
        records = read_json_lines(path)
    for line, record in records:
        if key is None:
            key = next((name for name in _ID_COLUMNS if name in record), None)
            if key is None:
                raise DatasetError(f"{at(path, line)}: the record has no id; expected one of {', '.join(_ID_COLUMNS)}")
        found, text = as_id(record.get(key)), record.get("text")
        title, language, group = record.get("title") or "", record.get("language") or "", record.get("group")
        if text is None and title:
            text = ""  # a page of nothing but its title
        if found is None:
            expected = "a string that is not empty, or a whole number"
            raise DatasetError(f"{at(path, line)}: {key!r} is {record.get(key)!r}, which is no id; expected {expected}")
        if not (isinstance(text, str) and isinstance(title, str) and isinstance(language, str)):
            given = {"text": text, "title": title, "language": language}
            wrong = next(name for name, value in given.items() if not isinstance(value, str))
            raise DatasetError(f"{at(path, line)}: {wrong!r} is {record.get(wrong)!r}; expected a string")
        yield Record(line, found, title, text, language, "" if group is None else as_id(group) or str(group))


def _topics(path: Path) -> Iterator[Record]:
    """Lines as MIRACL and Mr. TyDi publish their queries, which may hold further tabs."""
    for number, line in read_lines(path):
        before, tab, after = line.partition("\t")
        key, text = before.strip(" "), after.strip()
        if not tab or not key:
            raise DatasetError(f"{at(path, number)}: expected 'query id<TAB>query', got {line[:80]!r}")
        if not text:
            raise DatasetError(f"{at(path, number)}: query {key!r} is empty")
        yield Record(number, key, "", text)


def _columns(path: Path, there: Sequence[str], id_field: str | None) -> list[str]:
    key = id_field or next((name for name in _ID_COLUMNS if name in there), None)
    if key is None or key not in there or "text" not in there:
        raise DatasetError(
            f"{path}: has the columns {', '.join(there)}; "
            f"expected {id_field or ' or '.join(_ID_COLUMNS)}, and text (and title, if there is one)"
        )
    return [key, "text", *(name for name in ("title", "language", "group") if name in there)]
