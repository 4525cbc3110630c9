"""Relevance judgments from the files they are published in: TREC's qrels, BEIR's TSV, JSON Lines, parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import as_id, read_json_lines
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.readers.parquet import read_parquet, required

_COLUMNS = ("query-id", "corpus-id", "score")
_GRADE_NAMES = ("score", "relevance", "rel", "grade", "label", "judgment", "judgement", "relevance_score")
_PASSAGE_NAMES = re.compile(r"corpus|doc|passage|[pdc]_?id\b")
_SHAPES = {3: "'query-id<TAB>corpus-id<TAB>score'", 4: "'query-id Q0 passage-id grade'"}
"""What a line holds, by its number of fields: BEIR's and TREC's."""


class Judgment(NamedTuple):
    """A judged pair as its file has it; ``line`` is 1-based (for parquet: the row)."""

    path: Path
    line: int
    query: str
    passage: str
    grade: int

    @property
    def place(self) -> str:
        """``path:line``."""
        return at(self.path, self.line)


def read_judgments(path: Path) -> Iterator[Judgment]:
    """The judgments of a file, told by its ending.

    - ``.jsonl`` and ``.parquet``: query-id, corpus-id and score;
    - others: ``query passage grade`` (BEIR) or ``query 0 passage grade`` (TREC), parted by tabs (fields may then stand
      in quotes, as csv writes them), or by blanks where there is no tab. The first line is a header if its last field
      is a name of that column, such as ``score``.

    All but parquet may be gzipped. Ids may be numbers. Grades are whole numbers, however written (``1``, ``+1``,
    ``1.0``): others have no meaning in the metrics.

    Raises:
        DatasetError: a damaged file, a missing column, or a line of another shape (``path:line``).
    """
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        records = read_parquet(path, required(path, *_COLUMNS))
    elif name.endswith(".jsonl"):
        records = read_json_lines(path)
    else:
        return _from_lines(path)
    return (_of_record(path, line, record) for line, record in records)


def _from_lines(path: Path) -> Iterator[Judgment]:
    width, header = 0, False
    for number, line in read_lines(path):
        fields = _fields(line.rstrip())
        if not width and not header and fields[-1].strip(' "').casefold() in _GRADE_NAMES:
            if _PASSAGE_NAMES.match(fields[0].casefold()):
                raise DatasetError(
                    f"{at(path, number)}: the passage's column {fields[0]!r} stands first; put the query's before it: "
                    f"{_SHAPES[3]}"
                )
            header = True
            continue
        width = width or len(fields)  # all lines have as many fields as the first
        if width not in _SHAPES or len(fields) != width:
            expected = _SHAPES.get(width, " or ".join(_SHAPES.values()))
            raise DatasetError(f"{at(path, number)}: expected {expected}, got {line[:80]!r}")
        hint = " (or score, in a header)" if number == 1 else ""
        yield Judgment(path, number, fields[0], fields[-2], _grade(path, number, fields[-1], hint))


def _fields(line: str) -> list[str]:
    if "\t" not in line:
        return line.split()
    return next(csv.reader([line], delimiter="\t")) if '"' in line else line.split("\t")


def _of_record(path: Path, line: int, record: dict[str, Any]) -> Judgment:
    if any(name not in record for name in _COLUMNS):
        raise DatasetError(f"{at(path, line)}: expected a record with {', '.join(_COLUMNS)}, got {record!r:.80}")
    query, passage = as_id(record["query-id"]), as_id(record["corpus-id"])
    if query is None or passage is None:
        wrong = "query-id" if query is None else "corpus-id"
        raise DatasetError(f"{at(path, line)}: {wrong!r} is {record[wrong]!r}; expected a string or a whole number")
    return Judgment(path, line, query, passage, _grade(path, line, record["score"]))


def _grade(path: Path, line: int, given: Any, hint: str = "") -> int:
    found = None if isinstance(given, bool) else whole_grade(given)
    if found is None:
        raise DatasetError(f"{at(path, line)}: the grade is {given!r:.80}; expected a whole number{hint}")
    return found


def whole_grade(given: Any) -> int | None:
    """A grade as an integer: of ``1``, ``1.0``, ``"+1"``; None if it is no whole number, or beyond 32 bits."""
    if type(given) is int and abs(given) < 2**31:  # nearly all of millions
        return given
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        return None
    if not value.is_integer() or abs(value) >= 2**31 or "_" in str(given):
        return None
    return int(value)
