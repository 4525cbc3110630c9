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
from beir_hybrid.disk.locations import Root, find_root
from beir_hybrid.records import Licence, Setting


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

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """Those of the layout that is found below ``root``; in place of a part that is in none, a name for it."""
        published = self.published(root)
        wanted = []
        for language in languages:
            found, part = self.found(root, language, split), self.parts[language]
            example = f"{part}-" if part else ""
            for paths, name in (
                (found.corpus, f"{example}corpus"),
                (found.queries, f"{example}queries"),
                (found.judgments, f"{example}qrels/{split}"),
            ):
                wanted += [
                    RemoteFile(path, self.origin, f"sha256:{published[path]}" if path in published else "")
                    for path in paths or (name,)
                ]
        return wanted

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

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call."""
        return corpus_of(root, self.found(root, language, self.splits[0]), language, workers)

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        found = {language: self.found(root, language, split) for language in languages}
        read = [read_part(root, found[language], language, self.asks_with_passages or None) for language in languages]
        return self.dataset(root, languages, split, **together(read), default_settings=self.settings)

    def published(self, root: Path) -> Mapping[str, str]:
        """The sha256 of published files by path, as far as it is known."""
        return {}
