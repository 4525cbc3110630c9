"""Sources of BEIR-shaped sets: whatever layout their files are in, told from the files that are there."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.datasets.beir_shaped import corpus_of, read_part, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parts import Parts, local_parts
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.disk.locations import Root, find_root
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence, LoadedFile, Setting


@dataclass(frozen=True)
class PartsSource(FileSource):
    """A data set of one or several languages, each with a corpus, queries and judgments.

    Args:
        parts: what its files call each language; an empty name where there is one language only.
        also_called: further names its folder may have below a data folder.
        settings: those `evaluate` runs by default; judgments are in the query's own language.
        asks_with_passages: a query that has a passage's id is that passage, and no candidate for itself; else only
            where the text is the same too.

    A subclass fetches what is missing.
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    licence: Licence
    parts: Mapping[str, str]
    also_called: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = field(default=("mono",), kw_only=True)
    asks_with_passages: bool = field(default=False, kw_only=True)

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field elsewhere, derived here
        return tuple(sorted(self.parts))

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Where its files come from: an address."""

    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """None: which files there are is told by the listing or archive they are fetched from."""
        return []

    def root(self, data_dir: Path | str | None) -> Root:
        """The folder that holds a corpus, or a folder called like the data set, and how it was found."""
        first = next(iter(self.parts.values()))
        marks = (
            [f"{first}/corpus.parquet", f"{first}-corpus"] if first else ["corpus.jsonl", "corpus.jsonl.gz", "corpus"]
        )
        for name in self.also_called:
            if data_dir is not None and (Path(data_dir).expanduser() / name).is_dir():
                return Root(Path(data_dir).expanduser() / name, "data-dir")
        return find_root(self.name, data_dir, marks)

    def found(self, root: Path, language: str, split: str) -> Parts:
        """The files of a language; numbered ones also where they are missing."""
        return local_parts(root, split, self.parts[language])

    def missing(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """One file for each part that stands below ``root`` in no layout it may have."""
        lacking = []
        for language in languages:
            found, part = self.found(root, language, split), self.parts[language]
            example = f"{part}-" if part else ""
            for paths, name in (
                (found.corpus, f"{example}corpus"),
                (found.queries, f"{example}queries"),
                (found.judgments, f"{example}qrels/{split}"),
            ):
                lacking += [path for path in paths if not (root / path).exists()] or ([] if paths else [name])
        return [RemoteFile(path, self.origin) for path in lacking]

    def files(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        return [root / path for language in languages for path in self.found(root, language, split).all]

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call."""
        return corpus_of(root, self.found(root, language, self.splits[0]), language, workers)

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        found = {language: self.found(root, language, split) for language in languages}
        read = [read_part(root, found[language], language, self.asks_with_passages or None) for language in languages]
        return Dataset(
            name=self.name,
            split=split,
            **together(read),
            licence=self.licence,
            files=self.loaded(root, [path for language in languages for path in found[language].all]),
            default_settings=self.settings,
        )

    def loaded(self, root: Path, paths: Sequence[str]) -> list[LoadedFile]:
        """What was read, with checksums and whether they are the published ones."""
        published = self.published(root)
        found = []
        for path in paths:
            big = (root / path).stat().st_size > _BIG
            sha256 = "" if big else sha256_of(root / path)
            expected = published.get(path)
            found.append(LoadedFile(path, sha256, None if big or not expected else sha256 == expected))
        return found

    def published(self, root: Path) -> Mapping[str, str]:
        """The sha256 of published files by path, as far as it is known."""
        return {}

    def _check(self, root: Root, languages: Sequence[str], split: str) -> None:
        if root.kind != "cache":
            return
        published = self.published(root.path)
        for language in languages:
            for path in self.found(root.path, language, split).all:
                local = root.path / path
                if path in published and local.stat().st_size <= _BIG and sha256_of(local) != published[path]:
                    raise DatasetError(
                        f"{local} is damaged: its sha256 is not {published[path]}; "
                        f"delete it and run: beir-hybrid fetch {self.name}"
                    )


_BIG = 64 << 20
