"""Sources in the manner of TREC: topics, judgments and a corpus for each language, as MIRACL, Mr. TyDi and CIRAL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.datasets.beir_shaped import Question, join, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError
from beir_hybrid.readers.judgments import read_judgments
from beir_hybrid.readers.topics import read_topics
from beir_hybrid.records import Licence


class Repository(NamedTuple):
    """A data set repository on the hub at a revision."""

    name: str
    revision: str = "main"


@dataclass(frozen=True)
class TopicSource(FileSource):
    """Queries, judgments and passages of each language in files of their own.

    Args:
        called: what paths call each language of passages.
        topics, qrels, corpus_path: with ``{code}``, ``{name}`` (what it is called) and ``{split}``.
        questions_in, corpus_in: the repositories of topics and qrels, and of the corpora, which may also stand in a
            folder ``NAME-corpus`` beside the data set's own.
        asked: the language of all questions, where they are not in that of the passages. Each language of passages has
            its own then, judged in it alone.
        checksums: of paths that are pinned, as `RemoteFile` has them.
        passage_width, query_width: ids shorter than that are filled with zeros on the left.
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    licence: Licence
    called: Mapping[str, str]
    topics: str
    qrels: str
    corpus_path: str
    questions_in: Repository
    corpus_in: Repository
    asked: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    passage_width: int = 0
    query_width: int = 0

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field elsewhere, derived here
        return tuple(sorted({*self.called, *([self.asked] if self.asked else [])}))

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        wanted: list[RemoteFile] = []
        for language in languages:
            if language in self.called:
                wanted += [*self.judged_files(language, split), *self.corpus_files(root, language)]
        return wanted

    def judged_files(self, language: str, split: str) -> tuple[RemoteFile, RemoteFile]:
        """Topics and qrels."""
        topics, qrels = (
            self.published(pattern.format(code=language, name=self.called[language], split=split), self.questions_in)
            for pattern in (self.topics, self.qrels)
        )
        return topics, qrels

    def corpus_files(self, root: Path, language: str) -> list[RemoteFile]:
        """The files of a language's passages; see `remote_files`."""
        return [self.published(self.corpus_path.format(code=language, name=self.called[language]), self.corpus_in)]

    def published(self, path: str, where: Repository) -> RemoteFile:
        """A file of a repository, with what is known of it."""
        url = hub_url(where.name, path, where.revision)
        return RemoteFile(path, url, self.checksums.get(path, ""), self.sizes.get(path, 0))

    def local(self, root: Path, file: RemoteFile) -> Path:
        beside = root.parent / f"{self.name}-corpus" / file.path
        return root / file.path if (root / file.path).exists() or not beside.exists() else beside

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call.

        Args:
            workers: see `ArrowCorpus.build`.

        Raises:
            DatasetError: there are none, or a file is missing, damaged or malformed.
        """
        if language not in self.called:
            raise DatasetError(f"{self.name} has no passages in {language!r}; choose of {', '.join(self.called)}")
        paths = [self.local(root, file) for file in self.corpus_files(root, language)]
        return ArrowCorpus.build(
            paths, corpus_folder(self.name, language, paths), id_prefix=f"{language}-p-", id_width=self.passage_width,
            id_field="docid", workers=workers,
        )  # fmt: skip

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        chosen = [language for language in languages if language in self.called]
        if not chosen:
            more = ", ".join(self.called)
            raise DatasetError(f"{self.name} has no passages in {self.asked!r}; add a language of {more}")
        read = []
        for language in chosen:
            topics, qrels = (self.local(root, file) for file in self.judged_files(language, split))
            # where all ask in one language, a number is another question for each language of passages
            own = f"{language}." if self.asked else ""
            questions = {own + key: Question(self.asked or language, text) for key, text in read_topics(topics).items()}
            judged = (pair._replace(query=own + pair.query) for pair in read_judgments(qrels))
            passages = {language: self.corpus(root, language).passages(language)}
            read.append(join(passages, questions, judged, place=qrels, query_width=self.query_width))
        settings = ("cross",) if self.asked else ("mono",)  # judged in the passages' language only
        return self.dataset(root, chosen, split, **together(read), default_settings=settings)
