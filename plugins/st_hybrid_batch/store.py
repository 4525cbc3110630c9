"""How a parallel data set lies on disk or in memory: texts, groups and languages."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from st_hybrid_batch.groups import Group
from st_hybrid_batch.index import MAX_LANGUAGES
from st_hybrid_batch.weights import check_languages

logger = logging.getLogger(__name__)

TEXTS, GROUPS, VIEW = "texts.arrow", "groups.arrow", "view.json"
_FORMAT = 1
_ROWS_AT_ONCE = 10_000
_GROUP_SCHEMA = pa.schema([("id", pa.string()), ("mask", pa.uint64()), ("passage_group", pa.int64())])


@dataclass(frozen=True)
class Tables:
    """What a view is made of.

    Attributes:
        texts: a row for every (group, language): ``anchor``, ``positive``, ``negative_1`` ..., ``label``
            (int64, the passage group). Rows lie by group, within it by the bit of the language.
        groups: a row for every group: ``id``, ``mask`` (uint64, a bit for every language), ``passage_group``.
        languages: language of each bit, lowest first.
    """

    texts: Any
    groups: Any
    languages: tuple[str, ...]


def text_schema(negatives: int) -> Any:
    """The columns of the table of texts."""
    names = ["anchor", "positive", *(f"negative_{number}" for number in range(1, negatives + 1))]
    return pa.schema([*((name, pa.string()) for name in names), ("label", pa.int64())])


def tables_of_groups(
    groups: Iterable[Group],
    *,
    languages: Sequence[str] | None = None,
    negatives: int | None = None,
    folder: str | Path | None = None,
) -> Tables:
    """Turn groups into tables, in memory or (never holding them all) in a folder of memory-mapped files.

    Args:
        groups: the groups.
        languages: the languages to keep; all by default.
        negatives: hard negatives of every row; by default as many as the first row has.
        folder: where to write; None keeps the tables in memory.
    """
    rows = _Rows(languages, negatives)
    texts: list[Any] = []
    members: list[Any] = []
    if folder is None:
        for text_batch, group_batch in rows.batches(groups):
            texts.append(text_batch)
            members.append(group_batch)
    else:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write_streams(folder, rows.batches(groups))
    rows.report()
    if folder is not None:
        write_view(folder, rows.languages)
        return read_tables(folder)
    from datasets.table import InMemoryTable

    return Tables(
        InMemoryTable(pa.Table.from_batches(texts)),
        InMemoryTable(pa.Table.from_batches(members)),
        rows.languages,
    )


def write_tables(tables: Tables, folder: str | Path) -> None:
    """Write tables to a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ((TEXTS, tables.texts), (GROUPS, tables.groups)):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
                writer.write_batch(batch)
    write_view(folder, tables.languages)


def write_view(folder: Path, languages: Sequence[str]) -> None:
    """Write the list of languages: last, so that a folder with it is complete."""
    text = json.dumps({"format": _FORMAT, "languages": list(languages)}, ensure_ascii=False)
    (folder / VIEW).write_text(text + "\n", encoding="utf-8")


def read_tables(folder: str | Path) -> Tables:
    """Memory-map the tables of a folder."""
    from datasets.table import MemoryMappedTable

    folder = Path(folder)
    if not (folder / VIEW).is_file():
        raise FileNotFoundError(
            f"{folder} holds no complete parallel data set ({VIEW} is missing); write one with "
            "ParallelDataset.from_groups(..., folder=...)"
        )
    view = json.loads((folder / VIEW).read_text(encoding="utf-8"))
    if view.get("format") != _FORMAT:
        raise ValueError(f"{folder / VIEW}: format {view.get('format')!r}, expected {_FORMAT}; write it anew")
    texts, groups = (MemoryMappedTable.from_file(str(folder / name)) for name in (TEXTS, GROUPS))
    return Tables(texts, groups, tuple(view["languages"]))


def _write_streams(folder: Path, batches: Iterable[tuple[Any, Any]]) -> None:
    (folder / VIEW).unlink(missing_ok=True)
    writers: list[Any] = []
    try:
        for pair in batches:
            if not writers:
                writers = [
                    pa.ipc.new_stream(str(folder / name), batch.schema)
                    for name, batch in zip((TEXTS, GROUPS), pair, strict=True)
                ]
            for writer, batch in zip(writers, pair, strict=True):
                writer.write_batch(batch)
    finally:
        for writer in writers:
            writer.close()


class _Rows:
    """Lays groups out as rows, a batch at a time."""

    def __init__(self, languages: Sequence[str] | None, negatives: int | None) -> None:
        self._wanted = None if languages is None else tuple(languages)
        self._bits: dict[str, int] = {language: bit for bit, language in enumerate(self._wanted or ())}
        self._negatives = negatives
        self._passage_groups: dict[str, int] = {}
        self._seen: set[str] = set()
        self._one_sided = 0
        self._without = 0
        self._n_groups = 0

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._bits)

    def batches(self, groups: Iterable[Group]) -> Iterable[tuple[Any, Any]]:
        rows: list[tuple[Any, ...]] = []
        members: list[tuple[str, int, int]] = []
        for group in groups:
            self._seen.update(group.query)
            languages = self._languages(group)
            if not languages:
                self._without += 1
                continue
            label = self._label(group)
            members.append((group.id, sum(1 << self._bits[language] for language in languages), label))
            rows.extend((group.query[lang], group.passage[lang], *self._hard(group, lang), label) for lang in languages)
            self._n_groups += 1
            if len(rows) >= _ROWS_AT_ONCE:
                yield self._batch(rows, members)
                rows, members = [], []
        if rows:
            yield self._batch(rows, members)
        if self._wanted is not None:
            check_languages(self._wanted, sorted(self._seen))
        if self._n_groups == 0:
            raise ValueError("got no groups; expected at least one with a question and a passage in one language")

    def report(self) -> None:
        """Say what was left out."""
        if self._one_sided:
            logger.warning(
                "%d texts were left out: their group has a question or a passage in that language, not both",
                self._one_sided,
            )
        if self._without:
            logger.warning("%d groups were left out: they have no language that is kept", self._without)

    def _languages(self, group: Group) -> list[str]:
        both = group.query.keys() & group.passage.keys()
        self._one_sided += len(group.query.keys() ^ group.passage.keys())
        if self._wanted is not None:
            both &= set(self._wanted)
        for language in sorted(both - self._bits.keys()):
            if len(self._bits) == MAX_LANGUAGES:
                raise ValueError(f"{group.where}: more than {MAX_LANGUAGES} languages; name those to keep")
            self._bits[language] = len(self._bits)
        return sorted(both, key=self._bits.__getitem__)

    def _label(self, group: Group) -> int:
        if group.passage_group is None:
            return self._n_groups
        # passage groups count down from -1, groups up from 0: one label never means two things
        return self._passage_groups.setdefault(group.passage_group, -1 - len(self._passage_groups))

    def _hard(self, group: Group, language: str) -> tuple[str, ...]:
        texts = group.negatives.get(language, ())
        if self._negatives is None:
            self._negatives = len(texts)
        if len(texts) < self._negatives:
            raise ValueError(
                f"{group.where}: {len(texts)} hard negatives in {language!r}, expected {self._negatives} in "
                "every row; give negatives=N to use fewer (0 for none)"
            )
        return tuple(texts[: self._negatives])

    def _batch(self, rows: list[tuple[Any, ...]], members: list[tuple[str, int, int]]) -> tuple[Any, Any]:
        return (
            _record_batch(rows, text_schema(self._negatives or 0)),
            _record_batch(members, _GROUP_SCHEMA),
        )


def _record_batch(rows: Sequence[tuple[Any, ...]], schema: Any) -> Any:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
