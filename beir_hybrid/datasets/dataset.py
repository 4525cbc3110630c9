"""A data set in memory: passages, queries and judgments by language, and the tasks they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from beir_hybrid.corpus.pool import PooledCorpus
from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.records import (
    SETTINGS,
    IntArray,
    Judged,
    Licence,
    LoadedFile,
    Passages,
    Qrels,
    Queries,
    Setting,
)
from beir_hybrid.settings import Task, check_language, corpus_language_of, parse_settings, parse_task_name


@dataclass(frozen=True, eq=False)
class Dataset:
    """Passages and queries by language, and which passages answer which query.

    Args:
        name: the registered name.
        split: the split that was loaded.
        passages: the corpus of each language; ids unique over all of them.
        queries: the queries of each language.
        qrels: ``{query id: {passage id: grade}}`` over the pool; grade 0 is a judged negative.
        default_settings: the settings `evaluate` runs when none are named (all that exist, if None).
        options: the loading options that shaped the texts, recorded with every result.
        own_passages: ``{query id: passage id}`` where a query stands in the corpus too (an argument that asks for its
            counterargument, say). Such a passage is no candidate for its query: rankings are measured without it.

    Raises:
        DatasetError: an id is used twice, a query id equals a passage id (BEIR's dense search drops such
            pairs), or the qrels name an unknown id.
    """

    name: str
    split: str
    passages: Mapping[str, Passages]
    queries: Mapping[str, Queries]
    qrels: Mapping[str, Mapping[str, int]]
    licence: Licence = field(default_factory=Licence)
    files: Sequence[LoadedFile] = ()
    default_settings: tuple[Setting, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    own_passages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.languages:
            raise DatasetError(f"{self.name} has no language in which there are both queries and passages")
        self._refuse_repeats()
        _ = self._judged, self._pool  # unknown or unusable ids surface here, not at the first evaluation

    def _refuse_repeats(self) -> None:
        queries: set[str] = set()
        blocks: tuple[Queries | Passages, ...] = (*self.queries.values(), *self.passages.values())
        for block in blocks:
            twice: set[str] = set()
            if isinstance(block, Queries):
                twice |= queries.intersection(block.ids)
                queries.update(block.ids)
            for corpus in self.passages.values():
                # ids begin with their language: two can be equal only in one, or where codes begin alike (pt, pt-br)
                ours, theirs = f"{block.language}-", f"{corpus.language}-"
                if block is not corpus and (ours.startswith(theirs) or theirs.startswith(ours)):
                    twice.update(key for key in block.ids if corpus.position(key) is not None)
            if twice:
                raise DatasetError(f"{self.name}: id {min(twice)!r} is used twice; ids must be unique over the pool")

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have both queries and passages, in alphabetical order."""
        return tuple(sorted(set(self.passages) & set(self.queries)))

    @cached_property
    def _pool(self) -> tuple[Passages, ...]:
        """The corpora of all languages in the order of their ids, which need not be that of the languages."""
        blocks = [self.passages[language] for language in self.languages]
        blocks.sort(key=lambda block: block.ids[0] if len(block) else "")
        filled = [block for block in blocks if len(block)]
        for before, after in itertools.pairwise(filled):
            if before.ids[-1] > after.ids[0]:
                raise DatasetError(
                    f"{self.name}: passage ids of {before.language!r} and {after.language!r} interleave "
                    f"({after.ids[0]!r} is below {before.ids[-1]!r}); no id of one may be between two of the other"
                )
        return tuple(blocks)

    @cached_property
    def groups(self) -> dict[str, dict[str, str]]:
        """``{group: {language: query id}}``: the same content asked in several languages."""
        found: dict[str, dict[str, str]] = {}
        for language in self.languages:
            block = self.queries[language]
            for query, group in zip(block.ids, block.groups, strict=True):
                found.setdefault(group, {})[language] = query
        return found

    @cached_property
    def fingerprint(self) -> str:
        """A digest of every id, text and judgment: the same on every machine for the same content.

        A corpus on disk enters it with the digest taken when it was converted, not with its texts.
        """
        return fingerprint_of(self._content())

    def _content(self) -> Iterator[str]:
        """Everything the fingerprint is taken of."""
        yield from (self.name, self.split)
        for language in self.languages:
            passages, queries = self.passages[language], self.queries[language]
            columns: list[Sequence[str]] = [queries.ids, queries.texts, queries.groups]
            columns[:0] = [[passages.content]] if passages.on_disk else [passages.ids, passages.lazy_full_texts()]
            for column in columns:
                yield from column
                yield "|"
        for query in sorted(self.qrels):
            yield query
            yield from (f"{passage} {grade}" for passage, grade in sorted(self.qrels[query].items()))
        for query, passage in sorted(self.own_passages.items()):
            yield f"{query} is {passage}"

    @cached_property
    def _judged(self) -> dict[str, tuple[IntArray, IntArray, IntArray, IntArray]]:
        """Per query language: (query row, passage language index, passage row, grade), sorted by the first three."""
        where: dict[str, tuple[int, int] | None] = {}  # of judged passages only: a corpus can be large
        known = set()
        found = {}
        for language in self.languages:
            rows: list[tuple[int, int, int, int]] = []
            for row, query in enumerate(self.queries[language].ids):
                judged = self.qrels.get(query)
                if judged is None:
                    continue
                known.add(query)
                for passage, grade in self._with_own(query, judged).items():
                    if passage not in where:
                        where[passage] = self._find(passage)
                    place = where[passage]
                    if place is None:
                        raise DatasetError(
                            f"{self.name}: the qrels of query {query!r} name passage {passage!r}, "
                            f"which is in no corpus ({', '.join(self.languages)})"
                        )
                    rows.append((row, *place, grade))
            rows.sort()
            columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
            found[language] = (columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])
        unknown = [query for query in self.qrels if query not in known]
        if unknown:
            raise DatasetError(
                f"{self.name}: the qrels name {len(unknown)} unknown queries, the first is {unknown[0]!r}"
            )
        return found

    def _with_own(self, query: str, judged: Mapping[str, int]) -> Mapping[str, int]:
        """The judgments of a query and, as a negative one, its own passage, so that its rank is known."""
        own = self.own_passages.get(query)
        return judged if own is None else {own: 0, **judged}

    def _find(self, passage: str) -> tuple[int, int] | None:
        """Language index and row of a passage."""
        for index, language in enumerate(self.languages):
            if passage.startswith(f"{language}-"):
                row = self.passages[language].position(passage)
                if row is not None:
                    return index, row
        return None

    def qrels_of(self, language: str) -> Qrels:
        """The judgments of one query language over the pool, as new mappings."""
        return {query: dict(self.qrels[query]) for query in self.queries[language].ids if query in self.qrels}

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings there are.

        Mono needs a query judged in its own language, cross an answer in another, multi two languages.
        """
        crossing = any(
            bool(np.any((languages != index) & (grades > 0)))
            for index, (_, languages, _, grades) in enumerate(self._judged.values())
        )
        own = any(self._is_asked("mono", language) for language in self.languages)
        several = len(self.languages) > 1
        exists = {"mono": own, "cross": crossing, "multi": several}
        return tuple(setting for setting in SETTINGS if exists[setting])

    def task(self, setting: str, query_language: str | None = None, passage_language: str | None = None) -> Task:
        """One task: ``task("cross", "de", "en")`` or ``task("cross:de-en")``.

        Raises:
            SettingError: an unknown setting or language, or a setting this data set has no judgments for.
        """
        if query_language is None:
            kind, query_language, passage_language = parse_task_name(setting, self.languages)
        else:
            (kind,) = parse_settings([setting])
        check_language(query_language, self.languages)
        corpus_language = corpus_language_of(kind, query_language, passage_language)
        if kind == "cross":
            check_language(corpus_language, self.languages)
        rows, languages, passages, grades = self._judged[query_language]
        if kind == "multi":
            blocks = self._pool
            starts = np.zeros(len(self.languages), dtype=np.int64)
            begin = 0
            for block in blocks:
                starts[self.languages.index(block.language)] = begin
                begin += len(block)
            judged = Judged(rows, starts[languages] + passages, grades)
            in_order = np.lexsort((judged.passage, judged.query))
            judged = judged.take(in_order)
            asked = np.unique(rows)
        else:
            keep = languages == self.languages.index(corpus_language)
            blocks = (self.passages[corpus_language],)
            judged = Judged(rows[keep], passages[keep], grades[keep])
            # only the questions with an answer in the passage language count
            asked = np.unique(rows[keep & (grades > 0)]) if kind == "cross" else np.unique(rows[keep])
            judged = judged.take(np.isin(judged.query, asked))
        if not len(asked):
            raise SettingError(
                f"{self.name} has no query in {query_language!r} with an answer in {corpus_language!r}; "
                f"its settings are: {', '.join(self.settings)}"
            )
        return Task(
            dataset=self.name,
            split=self.split,
            setting=kind,
            query_language=query_language,
            corpus_language=corpus_language,
            queries=self.queries[query_language],
            rows=asked,
            blocks=blocks,
            judged=Judged(np.searchsorted(asked, judged.query), judged.passage, judged.grade),
            own=self._own(query_language, asked, blocks) if self.own_passages else None,
        )

    def _own(self, language: str, rows: IntArray, blocks: Sequence[Passages]) -> IntArray:
        """The position of each query's own passage in the corpus, -1 where there is none."""
        corpus = PooledCorpus(blocks)
        ids = self.queries[language].ids
        own = [self.own_passages.get(ids[row]) for row in rows]
        places = [None if passage is None else corpus.position(passage) for passage in own]
        return np.array([-1 if place is None else place for place in places], dtype=np.int64)

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        """The tasks of the named settings (the data set's default settings if None): mono, then cross, then multi.

        Languages and pairs of languages no question has an answer for are left out.

        Raises:
            SettingError: a named setting does not exist for this data set.
        """
        chosen = (self.default_settings or self.settings) if settings is None else parse_settings(settings)
        chosen = tuple(s for s in chosen if settings is not None or s in self.settings)
        made: list[Task] = []
        for setting in chosen:
            if setting not in self.settings:
                why = {
                    "mono": "judges no passage in a query's own language",
                    "cross": "judges no passage in another language",
                    "multi": "has one language only",
                }[setting]
                raise SettingError(
                    f"{self.name} {why}, so {setting!r} does not exist; it has: {', '.join(self.settings)}"
                )
            if setting == "cross":
                made += [
                    self.task("cross", query, self.languages[passage])
                    for query in self.languages
                    for passage in self._answered_languages(query)
                    if self.languages[passage] != query
                ]
            else:
                made += [self.task(setting, each) for each in self.languages if self._is_asked(setting, each)]
        return made

    def _is_asked(self, setting: Setting, language: str) -> bool:
        """Whether a query of the language is judged: in its own corpus (mono), or anywhere (multi)."""
        languages = self._judged[language][1]
        return bool(np.any(languages == self.languages.index(language))) if setting == "mono" else len(languages) > 0

    def _answered_languages(self, query_language: str) -> list[int]:
        _, languages, _, grades = self._judged[query_language]
        answered: list[int] = np.unique(languages[grades > 0]).tolist()
        return answered
