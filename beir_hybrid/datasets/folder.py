"""A BEIR folder by its path, wherever it is: ``path/to/folder`` or ``folder:path``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.beir_shaped import (
    JudgedPart,
    corpus_of,
    join,
    read_all_judgments,
    read_questions,
    refuse_empty,
    together,
)
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parts import Parts, find_parts, local_parts, local_paths, splits_of
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.languages import AnyLanguage, check_language, code_of_name, find_language
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
        paths = local_paths(self.path) if names else []
        found: dict[str, str] = {}
        nameless: list[str] = []
        for name in names:
            language, part = find_language(name, _ANY), find_parts(paths, "test", name)
            texts = part.corpus + part.queries
            if not texts:
                continue
            if language is None:
                nameless += [name] if any(path.startswith(f"{name}/") for path in texts) else []
                continue
            if language in found:
                raise DatasetError(f"{self.path}: {found[language]} and {name} are both {language}; leave one out")
            found[language] = name
        whole = [path for path in paths if path.startswith(("corpus.", "queries."))]
        if found and whole:
            raise DatasetError(
                f"{self.path} holds {whole[0]} beside folders of languages ({', '.join(found)}), and one of the two "
                f"would not be read; move it away"
            )
        if found and nameless:
            raise DatasetError(
                f"{self.path / nameless[0]} holds a corpus or queries, but {nameless[0]!r} is no language code; call "
                f"the folder by one, as {code_of_name(nameless[0]) or next(iter(found.values()))}, or move it away"
            )
        return dict(sorted(found.items()))

    def _parts(self, split: str) -> dict[str, Parts]:
        """The files by language; under no name where there are no folders of languages."""
        of_folders = {language: local_parts(self.path, split, name) for language, name in self._folders.items()}
        return of_folders or {"": local_parts(self.path, split)}

    def _paths(self, names: Iterable[str]) -> list[Path]:
        return [self.path / name for name in names]

    @cached_property
    def _by_records(self) -> bool:
        """Whether the records say their language."""
        whole = self._parts(self.splits[0]).get("", Parts())
        firsts = (next(read_records(path), None) for path in self._paths(whole.queries + whole.corpus) if path.exists())
        return any(record is not None and record.language for record in firsts)

    @property
    def languages(self) -> Sequence[str]:
        if self._folders or self._by_records:
            return tuple(sorted({*self.passage_languages, *self.query_languages}))
        return _ANY

    @cached_property
    def passage_languages(self) -> tuple[str, ...]:
        """Languages that have passages; none where the folder does not say."""
        parts = self._parts(self.splits[0])
        if self._by_records:
            return corpus_of(self._paths(parts[""].corpus)).languages
        return tuple(language for language, found in parts.items() if language and found.corpus)

    @cached_property
    def query_languages(self) -> tuple[str, ...]:
        """Languages that have queries; none where the folder does not say."""
        parts = self._parts(self.splits[0])
        if self._by_records:
            questions = read_questions(self._paths(parts[""].queries), _said)
            return tuple(sorted({question.language for question in questions.values()}))
        return tuple(language for language, found in parts.items() if language and found.queries)

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
        parts = self._parts(split)
        shared = local_parts(self.path, split).judgments if self._folders else ()
        judged = [*shared, *(name for found in parts.values() for name in found.judgments)]
        texts = [name for found in parts.values() for name in found.queries + found.corpus]
        self._refuse_incomplete(parts, judged, [*texts, *judged], split)
        if not self._folders and not self._by_records:
            if len(languages) != 1:
                got = f"got {', '.join(languages)}" if languages else "a folder does not say it"
                raise DatasetError(
                    f"name the one language of the texts in {self.path}, as --language de: {got}; for texts in "
                    f"several give each record a field language"
                )
            parts = {languages[0]: parts[""]}
        passages: dict[str, Passages] = {}
        questions: dict[str, Record] = {}
        for language, found in parts.items():
            if found.corpus:
                corpus = corpus_of(self._paths(found.corpus), language)
                passages |= {each: corpus.passages(each) for each in ((language,) if language else corpus.languages)}
            asked = read_questions(self._paths(found.queries), _always(language) if language else _said)
            for key in asked.keys() & questions.keys():
                raise DatasetError(
                    f"{self.path}: query id {key!r} stands in {questions[key].language} and {language}; query ids must "
                    f"differ between the languages of a folder (a field group says which are the same question)"
                )
            questions |= asked
        refuse_empty(passages.values(), self._paths(name for found in parts.values() for name in found.corpus))
        judgments = read_all_judgments(self._paths(judged))
        part = join(passages, questions, judgments, place=self.path / judged[0], own_passages=own_passages)
        return Dataset(
            name=self.name,
            split=split,
            **together([_only(part, languages)]),
            files=[LoadedFile(name, digests_of(self.path / name).sha256) for name in [*texts, *judged]],
            options={} if own_passages is None else {"own_passages": own_passages},
            folder=str(self.path.resolve()),
        )

    def _refuse_incomplete(
        self, parts: Mapping[str, Parts], judged: Sequence[str], names: Iterable[str], split: str
    ) -> None:
        for name, there in (
            ("corpus", any(found.corpus for found in parts.values())),
            ("queries", any(found.queries for found in parts.values())),
        ):
            if not there:
                endings = (".jsonl", ".jsonl.gz", ".parquet")
                raise DatasetError(f"{self.path} holds no {' or '.join(name + ending for ending in endings)}")
        if not judged:
            raise DatasetError(f"{self.path / 'qrels' / split}.tsv is missing: judgments of the queries")
        for path in self._paths(names):
            if not path.exists():
                raise DatasetError(f"{path} is missing; it is one of several numbered files")


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
    own = {
        query: itself
        for query, itself in part.own_passages.items()
        if not query.startswith(gone) and not itself.startswith(gone)
    }
    unjudged = {language: count for language, count in part.unjudged.items() if language in languages}
    return JudgedPart(passages, queries, qrels, own, unjudged)


def folder_source(name: str) -> FolderSource | None:
    """The folder a name stands for; None if it stands for none."""
    if name.startswith(PREFIX):
        return FolderSource(Path(name.removeprefix(PREFIX)).expanduser())
    path = Path(name).expanduser()
    return FolderSource(path) if name and path.is_dir() else None
