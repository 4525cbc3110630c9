"""Sources of a corpus, queries and judgments for each language: what all of them share, wherever their files are."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.datasets.beir_shaped import corpus_of, read_part, refuse_empty, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.errors import DatasetError


class LanguageFiles(NamedTuple):
    """The published files of one language."""

    queries: Sequence[RemoteFile]
    judgments: Sequence[RemoteFile]
    corpus: Sequence[RemoteFile]


@dataclass(frozen=True, kw_only=True)
class JudgedSource(TableSource):
    """Languages that are judged on their own: queries in that of the passages, or all in one other.

    Args:
        asked: the language of all questions, where they are not in that of the passages. Each language of passages has
            its own then, judged in it alone.
        passage_width, query_width: ids shorter than that are filled with zeros on the left.
        asks_with_passages: a query that has a passage's id is that passage, and no candidate for itself; else only
            where the text is the same too.
    """

    asked: str = ""
    passage_width: int = 0
    query_width: int = 0
    asks_with_passages: bool = False

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field of sources, derived here
        return tuple(sorted({*self.called, *([self.asked] if self.asked else [])}))

    @property
    def passage_languages(self) -> tuple[str, ...]:
        """Languages that have passages."""
        return tuple(sorted(self.called))

    @abc.abstractmethod
    def language_files(self, root: Path, language: str, split: str) -> LanguageFiles:
        """The files of a language of passages; of several layouts those of the one that is found below ``root``."""

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        wanted: list[RemoteFile] = []
        for language in languages:
            if language in self.called:
                wanted += chain.from_iterable(self.language_files(root, language, split))
        return wanted

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call.

        Args:
            workers: see `ArrowCorpus.build`.

        Raises:
            DatasetError: there are none, or a file is missing, damaged or malformed.
        """
        if language not in self.called:
            raise DatasetError(f"{self.name} has no passages in {language!r}; choose of {', '.join(self.called)}")
        paths = [self.local(root, file) for file in self.language_files(root, language, self.splits[0]).corpus]
        return corpus_of(paths, language, id_width=self.passage_width, workers=workers)

    def read(
        self, root: Path, languages: Sequence[str], split: str, *, own_passages: bool | None = None, **_: Any
    ) -> Dataset:
        chosen = [language for language in languages if language in self.called]
        own = own_passages if own_passages is not None else self.asks_with_passages or None
        read = []
        for language in chosen:
            files = self.language_files(root, language, split)
            queries, judgments, corpus = ([self.local(root, file) for file in part] for part in files)
            passages = self.corpus(root, language).passages(language)
            refuse_empty([passages], corpus)
            read.append(
                read_part(
                    passages, queries, judgments, asked=self.asked, query_width=self.query_width, own_passages=own
                )
            )
        settings = ("cross",) if self.asked else ("mono",)  # judged in the passages' language only
        options = {} if own_passages is None else {"own_passages": own_passages}
        return self.dataset(root, chosen, split, **together(read), default_settings=settings, options=options)
