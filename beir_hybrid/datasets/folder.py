"""A BEIR folder by its path, wherever it is: ``path/to/folder`` or ``folder:path``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.beir_shaped import (
    JudgedPart,
    Question,
    corpus_of,
    join,
    judgments_of,
    read_part,
    read_questions,
)
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parts import Parts, local_parts, local_paths, splits_of
from beir_hybrid.errors import DatasetError, SettingError, did_you_mean
from beir_hybrid.languages import AnyLanguage, check_language, find_language
from beir_hybrid.readers.passages import Record, read_records
from beir_hybrid.records import Licence, LoadedFile, Passages

PREFIX = "folder:"
_ANY = AnyLanguage()


@dataclass(frozen=True)
class FolderSource:
    """The source of one folder, which says in one of three ways what its languages are.

    - Not at all: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/{split}.tsv`` of the one language that is named.
    - By records: every record of corpus and queries has a field ``language``.
    - By folders: ``de/corpus.jsonl``, ``ha/queries.jsonl`` and so on; judgments in ``qrels/{split}.tsv`` for all,
      or in ``ha/qrels/{split}.tsv``.

    In the last two a language may have queries or passages only, ids differ between the languages, and a field
    ``group`` says which queries are the same question. Files may end in ``.jsonl.gz`` or ``.parquet``, and the layouts
    of the hub are read too (see `beir_hybrid.datasets.parts`).
    """

    path: Path
    licence: Licence = field(default_factory=Licence)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def summary(self) -> str:
        return f"the BEIR folder {self.path}"

    @property
    def splits(self) -> tuple[str, ...]:
        if not self.path.is_dir():
            raise DatasetError(f"{self.path} is not a folder; expected one with corpus, queries and qrels")
        beside = self.path.parent / f"{self.path.name}-qrels"
        paths = local_paths(self.path)
        inside = [path.partition("/")[2] for path in paths if path.partition("/")[0] in self._folders.values()]
        return tuple(splits_of([*paths, *inside]) or splits_of(local_paths(beside)) or ["test"])

    @cached_property
    def _folders(self) -> dict[str, str]:
        """The languages that have a folder of their own, and what it is called: ``de`` may be in ``deu``."""
        names = sorted(each.name for each in self.path.iterdir() if each.is_dir()) if self.path.is_dir() else []
        found: dict[str, str] = {}
        for name in names:
            language, part = find_language(name, _ANY), local_parts(self.path, "test", name)
            if language is None or not (part.corpus or part.queries):
                continue
            if language in found:
                raise DatasetError(f"{self.path}: {found[language]} and {name} are both {language}; leave one out")
            found[language] = name
        return dict(sorted(found.items()))

    @cached_property
    def _by_records(self) -> bool:
        """Whether the records say their language."""
        parts = local_parts(self.path, self.splits[0])
        there = [path for path in (*parts.queries, *parts.corpus) if (self.path / path).exists()]
        firsts = (next(read_records(self.path / path), None) for path in there)
        return any(record is not None and record.language for record in firsts)

    @property
    def languages(self) -> Sequence[str]:
        if self._folders or self._by_records:
            return tuple(sorted({*self.passage_languages, *self.query_languages}))
        return _ANY

    @cached_property
    def passage_languages(self) -> tuple[str, ...]:
        """Languages that have passages; none where the folder does not say."""
        if self._folders:
            return tuple(lang for lang, name in self._folders.items() if local_parts(self.path, "test", name).corpus)
        return self._corpus(local_parts(self.path, self.splits[0])).languages if self._by_records else ()

    @cached_property
    def query_languages(self) -> tuple[str, ...]:
        """Languages that have queries; none where the folder does not say."""
        if self._folders:
            return tuple(lang for lang, name in self._folders.items() if local_parts(self.path, "test", name).queries)
        if not self._by_records:
            return ()
        parts = local_parts(self.path, self.splits[0])
        questions = read_questions([self.path / path for path in parts.queries], _said)
        return tuple(sorted({question.language for question in questions.values()}))

    def load(
        self,
        data_dir: Path | str | None,
        languages: Sequence[str],
        split: str,
        *,
        own_passages: bool | None = None,
        **_: Any,
    ) -> Dataset:
        """The data set; ids get their language put before them, those of the files are kept as ``source_ids``.

        Args:
            data_dir: None: the folder is where it is.
            own_passages: see `beir_hybrid.datasets.beir_shaped.join`.
        """
        if data_dir is not None:
            raise DatasetError(f"{self.path} is a folder already; leave the data folder {data_dir} out")
        if self._folders:
            part, read = self._of_folders(languages, split, own_passages)
        elif self._by_records:
            part, read = self._of_records(languages, split, own_passages)
        else:
            if len(languages) != 1:
                got = f"got {', '.join(languages)}" if languages else "a folder does not say it"
                raise DatasetError(
                    f"name the one language of the texts in {self.path}, as --language de: {got}; for texts in "
                    f"several give each record a field language"
                )
            parts = self._complete(local_parts(self.path, split), split)
            part = read_part(self.path, parts, languages[0], own_passages)
            read = list(parts.all)
        return Dataset(
            self.name,
            split,
            part.passages,
            part.queries,
            part.qrels,
            files=[LoadedFile(path, digests_of(self.path / path).sha256) for path in read],
            options={} if own_passages is None else {"own_passages": own_passages},
            own_passages=part.own_passages,
            folder=str(self.path.resolve()),
            unjudged=sum(part.unjudged.values()),
        )

    def _corpus(self, parts: Parts) -> ArrowCorpus:
        sources = [self.path / path for path in parts.corpus]
        return ArrowCorpus.build(sources, corpus_folder("beir", "all", sources), by_language=True)

    def _of_records(
        self, languages: Sequence[str], split: str, own_passages: bool | None
    ) -> tuple[JudgedPart, list[str]]:
        parts = self._complete(local_parts(self.path, split), split)
        corpus = self._corpus(parts)
        passages = {language: corpus.passages(language) for language in corpus.languages}
        questions = read_questions([self.path / path for path in parts.queries], _said)
        place = self.path / parts.judgments[0]
        part = join(passages, questions, judgments_of(self.path, parts), place=place, own_passages=own_passages)
        return _only(part, languages), list(parts.all)

    def _of_folders(
        self, languages: Sequence[str], split: str, own_passages: bool | None
    ) -> tuple[JudgedPart, list[str]]:
        passages: dict[str, Passages] = {}
        questions: dict[str, Question] = {}
        whole = local_parts(self.path, split)
        judged = list(whole.judgments)
        asked: list[str] = []
        for language, name in self._folders.items():
            own = local_parts(self.path, split, name)
            judged += own.judgments
            asked += own.queries
            if own.corpus:
                asked += own.corpus
                passages[language] = corpus_of(self.path, own, language).passages(language)
            found = read_questions([self.path / path for path in own.queries], _always(language))
            for key in found.keys() & questions.keys():
                raise DatasetError(
                    f"{self.path}: query id {key!r} stands in {questions[key].language} and {language}; query ids must "
                    f"differ between the languages of a folder (a field group says which are the same question)"
                )
            questions |= found
        self._complete(replace(whole, corpus=("",), queries=("",), judgments=tuple(judged)), split, check=False)
        judgments = judgments_of(self.path, Parts(judgments=tuple(judged)))
        part = join(passages, questions, judgments, place=self.path / judged[0], own_passages=own_passages)
        return _only(part, languages), [*asked, *judged]

    def _complete(self, parts: Parts, split: str, *, check: bool = True) -> Parts:
        """The parts themselves, if all are there."""
        for name, found in (("corpus", parts.corpus), ("queries", parts.queries)):
            if not found:
                endings = (".jsonl", ".jsonl.gz", ".parquet")
                raise DatasetError(f"{self.path} holds no {' or '.join(name + ending for ending in endings)}")
        if not parts.judgments:
            others = ""
            if split not in self.splits:
                others = f"; it has no split {split!r}; {did_you_mean(split, self.splits)}"
            raise DatasetError(f"{self.path / 'qrels' / split}.tsv is missing: judgments of the queries{others}")
        for path in parts.all if check else ():
            if not (self.path / path).exists():
                raise DatasetError(f"{self.path / path} is missing; it is one of several numbered files")
        return parts


def _always(language: str) -> Callable[[Record, str], str]:
    return lambda record, place: language


def _said(record: Record, place: str) -> str:
    """The language a record says."""
    if not record.language:
        raise DatasetError(f"{place}: the record has no 'language', though others have; expected a code, such as de")
    try:
        return check_language(record.language, _ANY)
    except SettingError as error:
        raise DatasetError(f"{place}: {error}") from error


def _only(part: JudgedPart, languages: Sequence[str]) -> JudgedPart:
    """What is left in some languages: queries, passages, and the judgments between them."""
    gone = tuple(f"{lang}-" for lang in {*part.passages, *part.queries} if lang not in languages)
    if not gone:
        return part
    qrels = {
        query: kept
        for query, judged in part.qrels.items()
        if not query.startswith(gone)
        if (kept := {passage: grade for passage, grade in judged.items() if not passage.startswith(gone)})
    }
    passages = {language: block for language, block in part.passages.items() if language in languages}
    queries = {language: block for language, block in part.queries.items() if language in languages}
    unjudged = {language: count for language, count in part.unjudged.items() if language in languages}
    return JudgedPart(passages, queries, qrels, part.own_passages, unjudged)


def folder_source(name: str) -> FolderSource | None:
    """The folder a name stands for; None if it stands for none."""
    if name.startswith(PREFIX):
        return FolderSource(Path(name.removeprefix(PREFIX)).expanduser())
    path = Path(name).expanduser()
    return FolderSource(path) if name and path.is_dir() else None


def load_beir_folder(
    folder: Path | str,
    languages: str | Sequence[str] | None = None,
    split: str | None = None,
    name: str | None = None,
    *,
    own_passages: bool | None = None,
) -> Dataset:
    """A folder as a data set; its layout is that of `FolderSource`.

    The corpus is converted into the cache folder at the first call.

    Args:
        languages: the language of a folder that does not say it; else those to load (default: all).
        split: of the judgments; default: ``test``, or the first there is.
        name: what results call the data set; default: the folder's name.
        own_passages: see `beir_hybrid.datasets.beir_shaped.join`.

    Raises:
        DatasetError: a file is missing, damaged or malformed (``path:line``), or nothing is judged.
        SettingError: an unknown language.
    """
    from beir_hybrid.datasets.source import check_selection

    source = FolderSource(Path(folder).expanduser())
    if not source.path.is_dir():
        raise DatasetError(f"{source.path} is not a folder")
    chosen, _ = check_selection(source, languages, None)
    dataset = source.load(None, chosen, split or source.splits[0], own_passages=own_passages)
    return dataset if name is None else replace(dataset, name=name)


__all__ = ["FolderSource", "folder_source", "load_beir_folder"]
