"""A corpus of any size as BEIR's mapping, and as the columns of `Passages`, straight from memory-mapped files."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from beir_hybrid.corpus.convert import convert, read_manifest
from beir_hybrid.corpus.mapped import MappedFiles
from beir_hybrid.corpus.order import Order
from beir_hybrid.corpus.shards import Shards
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Passages

_DOCID, _TITLE, _TEXT = range(3)


class ArrowCorpus(Mapping[str, dict[str, str]]):
    """Passages by id, in ascending order of their ids: ``corpus[id] -> {"title": ..., "text": ...}``.

    Opening reads a manifest; texts stay on disk until they are asked for, and then only the operating system's page
    cache holds them: passages that are looked up are copied, and what is mapped while columns are read is given back
    after every thousand reads. A pickle is the path: workers map the same files.

    Made by `build` (from files of any kind `read_records` knows) and opened by `open`. The folder holds one Arrow file
    for each source, ``ids.npy``, ``rows.npy`` and ``sample.npy`` (the order of the ids), and ``manifest.json``, which
    is written last.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open a folder made by `build`.

        Raises:
            DatasetError: there is no whole corpus in it.
        """
        self.folder = Path(folder).absolute()
        self.manifest = read_manifest(self.folder)
        self._files = MappedFiles()
        self._prefix: str = self.manifest["id_prefix"]
        self._size: int = sum(source["passages"] for source in self.manifest["sources"])
        for source in self.manifest["sources"]:
            path = self.folder / source["arrow"]
            size = path.stat().st_size if path.exists() else None
            if size != source["arrow_bytes"]:
                raise DatasetError(
                    f"{path} has {size if size is not None else 'no'} bytes, expected {source['arrow_bytes']}; "
                    f"delete {self.folder}, it is then made again"
                )

    @classmethod
    def build(
        cls, sources: Sequence[Path], folder: Path | str, *, id_prefix: str = "", id_width: int = 0,
        id_field: str | None = None, by_language: bool = False, workers: int | None = None,
    ) -> ArrowCorpus:  # fmt: skip
        """Convert files into ``folder``, or open it where they have been.

        Streaming, in the memory of a few thousand passages a worker (and, at the end, of a few million ids while they
        are sorted). A source that was converted before an interrupt is not converted again. Processes that build the
        same folder wait for the first one. The files are the same whatever the number of workers.

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
            sources, Path(folder), id_prefix=id_prefix, id_width=id_width, id_field=id_field, by_language=by_language,
            workers=workers,
        )  # fmt: skip
        return cls(folder)

    @cached_property
    def _order(self) -> Order:
        return Order(self.folder, self._files)

    @cached_property
    def _shards(self) -> Shards:
        sources = self.manifest["sources"]
        return Shards([self.folder / s["arrow"] for s in sources], [s["passages"] for s in sources], self._files)

    @property
    def content(self) -> str:
        """A digest of all ids, titles and texts."""
        found: str = self.manifest["content"]
        return found

    def _find(self, key: str) -> tuple[int, int] | None:
        """Position and row of an id; None if it is not here."""
        return self._order.find(key[len(self._prefix) :]) if key.startswith(self._prefix) else None

    def position(self, key: str) -> int | None:
        """Where an id stands in ascending order; None if it is not here."""
        found = self._find(key)
        return None if found is None else found[0]

    def source_position(self, key: str) -> int | None:
        """The same for an id as the source files have it."""
        found = self._order.find(key.rjust(self.manifest["id_width"], "0"))
        # a shorter id may look alike once both are filled with zeros
        return found[0] if found is not None and self._shards.cells(found[1], _DOCID) == [key] else None

    def __getitem__(self, key: str) -> dict[str, str]:
        found = self._find(key) if isinstance(key, str) else None
        if found is None:
            raise KeyError(key)
        title, text = self._shards.cells(found[1], _TITLE, _TEXT)
        return {"title": title, "text": text}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.position(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return self._size

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowCorpus, (self.folder,)

    def __repr__(self) -> str:
        return f"ArrowCorpus({str(self.folder)!r}: {self._size:,} passages)"

    @property
    def ids(self) -> Column:
        return Column(self, "ids")

    @property
    def texts(self) -> Column:
        return Column(self, "texts")

    @property
    def titles(self) -> Column:
        return Column(self, "titles")

    @property
    def source_ids(self) -> Column:
        """The ids as the source files have them, without prefix and filling."""
        return Column(self, "source_ids")

    def value(self, column: str, position: int) -> str:
        """What a column holds at a position of the ascending order of ids."""
        if column == "ids":
            return self._prefix + self._order.id(position)
        row = self._order.row(position)
        return self._shards.cell({"source_ids": _DOCID, "titles": _TITLE, "texts": _TEXT}[column], row)

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
        where = self._range(language)
        ids, texts, titles = (Column(self, name, where) for name in ("ids", "texts", "titles"))
        source_ids = Column(self, "ids", where, f"{language}-p-")
        return Passages(language, ids, texts, titles, source_ids, content=fingerprint(self.content, language))


class Column(Sequence[str]):
    """A column of a corpus by position: strings are made when they are asked for, slices are views.

    Args:
        without: what every string of it begins with and is left out.
    """

    distinct_ascending = True
    """Of ids: the order was checked when the corpus was built."""

    def __init__(self, corpus: ArrowCorpus, name: str, positions: range | None = None, without: str = "") -> None:
        self._corpus = corpus
        self._name = name
        self._positions = range(len(corpus)) if positions is None else positions
        self._without = without

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Column: ...

    def __getitem__(self, index: int | slice) -> str | Column:
        if isinstance(index, slice):
            return Column(self._corpus, self._name, self._positions[index], self._without)
        return self._corpus.value(self._name, self._positions[index])[len(self._without) :]

    def __iter__(self) -> Iterator[str]:
        value, name, begin = self._corpus.value, self._name, len(self._without)
        return (value(name, position)[begin:] for position in self._positions)

    def position(self, key: str) -> int | None:
        """Where an id stands in this column of ids (or source ids); None if it does not."""
        corpus = self._corpus
        find = corpus.source_position if self._name == "source_ids" else corpus.position
        found = find(f"{self._without}{key}")
        return None if found is None or found not in self._positions else self._positions.index(found)

    def __repr__(self) -> str:
        return f"<{len(self):,} {self._name} of {self._corpus!r}>"
