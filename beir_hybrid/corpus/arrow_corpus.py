"""A corpus of any size as BEIR's mapping, and as the columns of `Passages`, straight from a file."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

from beir_hybrid.corpus import shards
from beir_hybrid.corpus.convert import FIRSTS, PASSAGES, SUMS, convert, read_manifest
from beir_hybrid.corpus.shards import COLUMNS, SUM, Naming, batch_checksum
from beir_hybrid.disk.checksums import checked
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import DatasetError
from beir_hybrid.progress import counted
from beir_hybrid.records import LazyStrings, Passages

_ID, _DOCID, _TITLE, _TEXT = range(len(COLUMNS))


class ArrowCorpus(Mapping[str, dict[str, str]]):
    """Passages by id, in ascending order of their ids: ``corpus[id] -> {"title": ..., "text": ...}``.

    Opening reads a manifest; texts stay on disk until they are asked for, and then only the operating system's page
    cache holds them, and this object some dozens. A pickle is the path: workers read the same file.

    Made by `build` (from files of any kind `read_records` knows) and opened by `open`. The folder holds
    ``passages.arrow``, ``firsts.txt`` (the first id of each of its batches), ``batches.xxh3`` (the checksum of each),
    and ``manifest.json``, which is written last.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open a folder made by `build`.

        Raises:
            DatasetError: there is no whole corpus in it.
        """
        self.folder = Path(folder).absolute()
        self.manifest = read_manifest(self.folder)
        self._size: int = sum(source["passages"] for source in self.manifest["sources"])
        self._latest: tuple[int, Any] = (-1, None)
        self._advice = f"delete {self.folder}, it is then made again"
        path = self.folder / PASSAGES
        size = path.stat().st_size if path.exists() else None
        if size != self.manifest["bytes"]:
            raise DatasetError(
                f"{path} has {size if size is not None else 'no'} bytes, expected {self.manifest['bytes']}; "
                f"{self._advice}"
            )

    @classmethod
    def build(
        cls, sources: Sequence[Path | str], folder: Path | str, *, id_prefix: str = "", id_width: int = 0,
        id_field: str | None = None, by_language: bool = False, workers: int | None = None,
    ) -> ArrowCorpus:  # fmt: skip
        """Convert files into ``folder``, or open it where they have been.

        Streaming, in the memory of a few thousand passages a worker (and, at the end, of eight bytes a passage while
        they are sorted). A source that was converted before an interrupt is not converted again. Processes that build
        the same folder wait for the first one. The files are the same whatever the number of workers.

        Args:
            sources: ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` files; their names must differ.
            id_prefix: put before every id, as ``"de-p-"``.
            id_width: ids shorter than that are filled with zeros on the left, so that all have one width.
            id_field: see `read_records`.
            by_language: each record has a field ``language``, and ``{language}-p-`` is put before its id; see
                `languages`.
            workers: processes that convert sources side by side; default: one a processor, and none of their own for
                a few megabytes.

        Raises:
            DatasetError: a file is missing, damaged or malformed (``path:line``), an id stands twice (both places), or
                the folder holds the corpus of other files (or another revision of these).
            BeirHybridError: the disk fails. What was finished stays; the same call goes on from there.
        """
        convert(
            [Path(source) for source in sources],
            Path(folder),
            Naming(id_prefix, id_width, id_field, by_language),
            workers,
        )
        return cls(folder)

    @cached_property
    def _firsts(self) -> list[str]:
        path = checked(self.folder / FIRSTS, DatasetError, self._advice)
        try:
            text = path.read_bytes().decode("utf-8")
            found = text.split("\0") if text else []
            if len(found) != -(-self._size // shards.BATCH):
                raise ValueError(f"it is of {len(found)} items")
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} is damaged or missing ({error}); {self._advice}") from error
        return found

    @cached_property
    def _sums(self) -> bytes:
        """The checksums of all batches; of a corpus of an earlier version there are none."""
        path = checked(self.folder / SUMS, DatasetError, self._advice)
        try:
            return path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror}); {self._advice}") from error

    @cached_property
    def _unchecked(self) -> bytearray:
        """Whether a batch is still to be held against its checksum: once is enough for as long as it is open."""
        return bytearray([bool(self._sums)]) * -(-self._size // shards.BATCH)

    @cached_property
    def _reader(self) -> Any:
        import pyarrow as pa

        return pa.ipc.open_file(pa.OSFile(str(self.folder / PASSAGES)))

    def _read(self, number: int) -> Any:
        import pyarrow as pa

        try:
            found = self._reader.get_batch(number)
            if self._unchecked[number]:
                if self._sums[number * SUM : (number + 1) * SUM] != batch_checksum(found):
                    raise OSError(f"batch {number} has another checksum")
                self._unchecked[number] = False
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{self.folder / PASSAGES} is damaged ({error}); {self._advice}") from error
        return found

    def _batch(self, number: int) -> Any:
        latest = self._latest  # threads may each put another one here; either is whole
        if latest[0] != number:
            self._latest = latest = number, self._read(number)
        return latest[1]

    @property
    def content(self) -> str:
        """A digest of all ids, titles and texts."""
        found: str = self.manifest["content"]
        return found

    def _find(self, key: str) -> tuple[int, Any, int] | None:
        """The position of an id, its batch, and where it stands in that; None if it is not here."""
        number = bisect_right(self._firsts, key) - 1
        if number < 0:
            return None
        batch = self._batch(number)
        try:
            inside = batch.column(_ID).to_pylist().index(key)
        except ValueError:
            return None
        return number * shards.BATCH + inside, batch, inside

    def position(self, key: str) -> int | None:
        """Where an id stands in ascending order; None if it is not here."""
        found = self._find(key)
        return None if found is None else found[0]

    def source_position(self, key: str, prefix: str | None = None) -> int | None:
        """The same for an id as the source files have it; ``prefix``: what was put before it."""
        prefix = self.manifest["id_prefix"] if prefix is None else prefix
        position = self.position(prefix + key.rjust(self.manifest["id_width"], "0"))
        # a shorter id may look alike once both are filled with zeros
        return position if position is not None and self.string(_DOCID, position) == key else None

    def __getitem__(self, key: str) -> dict[str, str]:
        found = self._find(key) if isinstance(key, str) else None
        if found is None:
            raise KeyError(key)
        _, batch, inside = found
        return {"title": batch.column(_TITLE)[inside].as_py(), "text": batch.column(_TEXT)[inside].as_py()}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.position(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return self._size

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowCorpus, (self.folder,)

    def __repr__(self) -> str:
        return f"ArrowCorpus({str(self.folder)!r}: {counted(self._size, 'passage', 'passages')})"

    @property
    def ids(self) -> Column:
        return Column(self, _ID)

    @property
    def texts(self) -> Column:
        return Column(self, _TEXT)

    @property
    def titles(self) -> Column:
        return Column(self, _TITLE)

    @property
    def source_ids(self) -> Column:
        """The ids as the source files have them, without prefix and filling."""
        return Column(self, _DOCID)

    def string(self, column: int, position: int) -> str:
        """What a column (of `COLUMNS`) holds at a position of the ascending order of ids."""
        number, inside = divmod(position, shards.BATCH)
        found: str = self._batch(number).column(column)[inside].as_py()
        return found

    def strings(self, column: int, positions: range) -> Iterator[str]:
        """The same at several positions."""
        latest, found = -1, []
        for position in positions:
            number, inside = divmod(position, shards.BATCH)
            if number != latest:
                latest, found = number, self._read(number).column(column).to_pylist()
            yield found[inside]

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages of a corpus that was built ``by_language``, in the order of their ids."""
        found: list[str] = []
        begin = 0
        while self.manifest["by_language"] and begin < len(self):
            found.append(self.ids[begin].partition("-p-")[0])
            begin = self._range(found[-1]).stop
        return tuple(found)

    def _range(self, language: str) -> range:
        """Where the passages of a language stand."""
        ids = self.ids
        # "." comes next after "-"
        return range(bisect_left(ids, f"{language}-p-"), bisect_left(ids, f"{language}-p."))

    def passages(self, language: str) -> Passages:
        """The passages of a language, ids of which begin with it."""
        if not self.manifest["by_language"]:
            return Passages(language, self.ids, self.texts, self.titles, self.source_ids, content=self.content)
        where, prefix = self._range(language), f"{language}-p-"
        ids, texts, titles, docids = (Column(self, column, where, prefix) for column in (_ID, _TEXT, _TITLE, _DOCID))
        return Passages(language, ids, texts, titles, docids, content=fingerprint(self.content, language))


class Column(LazyStrings):
    """A column of a corpus by position.

    Args:
        prefix: of source ids: what was put before them.
    """

    distinct_ascending = True
    """Of ids: the order was checked when the corpus was built."""

    def __init__(
        self, corpus: ArrowCorpus, column: int, positions: range | None = None, prefix: str | None = None
    ) -> None:
        super().__init__(partial(corpus.strings, column), range(len(corpus)) if positions is None else positions)
        self._corpus = corpus
        self._column = column
        self._prefix = prefix

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Column: ...

    def __getitem__(self, index: int | slice) -> str | Column:
        found = self._positions[index]
        if isinstance(found, range):
            return Column(self._corpus, self._column, found, self._prefix)
        return self._corpus.string(self._column, found)

    def position(self, key: str) -> int | None:
        """Where an id stands in this column of ids (or source ids); None if it does not."""
        corpus = self._corpus
        found = corpus.source_position(key, self._prefix) if self._column == _DOCID else corpus.position(key)
        return None if found is None or found not in self._positions else self._positions.index(found)

    def __repr__(self) -> str:
        return f"<{len(self):,} {COLUMNS[self._column]} of {self._corpus!r}>"
