"""A data set in memory: passages, queries and judgments by language, and the tasks they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from beir_hybrid.corpus.pool import PooledCorpus
from beir_hybrid.datasets.judged import Judgments
from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.languages import check_language
from beir_hybrid.progress import counted
from beir_hybrid.readers.judgments import whole_grade
from beir_hybrid.records import (
    POOL,
    SETTINGS,
    IntArray,
    Licence,
    LoadedFile,
    Passages,
    Queries,
    Setting,
)
from beir_hybrid.settings import Task, corpus_language_of, parse_settings, parse_task_name

_PASSED_OVER = {
    "unreachable": (
        "judged passage is in no corpus (it counts as not retrieved)",
        "judged passages are in no corpus (they count as not retrieved)",
    ),
    "absent": ("judged query is not there (passed over)", "judged queries are not there (passed over)"),
    "unjudged": ("query has no judgment (not asked)", "queries have no judgment (not asked)"),
    "unanswered": (
        "judged query has no relevant passage (it scores 0)",
        "judged queries have no relevant passage (they score 0)",
    ),
    "own": (
        "query is a passage itself (no candidate for itself)",
        "queries are passages themselves (no candidates for themselves)",
    ),
}
"""What is said of one, and of several, of each count of `Judgments`."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Passages and queries by language, and which passages answer which query.

    A language may have queries only, passages only (a cross-lingual data set) or both. Judgments are read as trec_eval
    and BEIR do: one of a passage that is in no corpus counts as never retrieved, those of queries that are not there
    are passed over, queries without any are not asked; `passed_over` says how many there are of each.

    Args:
        name: the registered name.
        split: the split that was loaded.
        passages: the corpus of each language that has one; ids unique over all of them.
        queries: the queries of each language that has some.
        qrels: ``{query id: {passage id: grade}}`` over the pool; grade 0 is a judged negative.
        default_settings: the settings `evaluate` runs when none are named (all that exist, if None).
        options: the loading options that shaped the texts, recorded with every result.
        own_passages: ``{query id: passage id}`` where a query stands in the corpus too (an argument that asks for its
            counterargument, say). Such a passage is no candidate for its query: rankings are measured without it.
        folder: the path of a folder that is loaded by path; what results of it are loaded from again.
        unjudged: queries of the files that were not read because nothing is judged for them.

    Raises:
        DatasetError: no passages or no queries, an id is used twice, or a query id equals a passage id (BEIR's dense
            search drops such pairs).
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
    folder: str = ""
    unjudged: int = 0

    def __post_init__(self) -> None:
        given: list[tuple[str, Passages | Queries]] = [*self.passages.items(), *self.queries.items()]
        for language, block in given:
            if block.language != language:
                raise DatasetError(f"{self.name} has {type(block).__name__} of {block.language!r} as {language!r}")
        languages = sorted({*self.passages, *self.queries})
        # every language has both from here on, if only an empty one
        filled = {language: self.passages.get(language) or Passages(language, [], []) for language in languages}
        asked = {language: self.queries.get(language) or Queries(language, [], []) for language in languages}
        object.__setattr__(self, "passages", filled)
        object.__setattr__(self, "queries", asked)
        for kind, there, others in (
            ("passages", self.passage_languages, self.query_languages),
            ("queries", self.query_languages, self.passage_languages),
        ):
            if not there:
                named = f" in {', '.join(others)}" if others else ""
                raise DatasetError(
                    f"{self.name} has no {kind}{named}; add a language in which it has {kind} to those that are loaded"
                )
        self._refuse_repeats()
        _ = self._pool, self.judgments  # unusable ids surface here, not at the first evaluation

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
        """Languages that have queries or passages, in alphabetical order."""
        return tuple(self.passages)

    def __repr__(self) -> str:
        numbers = [counted(len(self.languages), "language", "languages")]
        numbers.append(counted(sum(map(len, self.passages.values())), "passage", "passages"))
        numbers.append(counted(sum(map(len, self.queries.values())), "query", "queries"))
        return f"Dataset({self.name!r}, {self.split!r}: {', '.join(numbers)})"

    @property
    def query_languages(self) -> tuple[str, ...]:
        """Languages that have queries, in alphabetical order."""
        return tuple(language for language, block in self.queries.items() if len(block))

    @property
    def passage_languages(self) -> tuple[str, ...]:
        """Languages that have passages, in alphabetical order."""
        return tuple(language for language, block in self.passages.items() if len(block))

    @cached_property
    def _pool(self) -> tuple[Passages, ...]:
        """The corpora of all languages in the order of their ids, which need not be that of the languages."""
        blocks = sorted((self.passages[each] for each in self.passage_languages), key=lambda block: block.ids[0])
        for before, after in itertools.pairwise(blocks):
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
        for language, block in self.queries.items():
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
            yield from (f"{passage} {whole_grade(grade)}" for passage, grade in sorted(self.qrels[query].items()))
        for query, passage in sorted(self.own_passages.items()):
            yield f"{query} is {passage}"

    @cached_property
    def judgments(self) -> Judgments:
        """The judgments as positions, by query language."""
        return Judgments(self.passages, self.queries, self.qrels, self.own_passages)

    @property
    def passed_over(self) -> str:
        """One line on what the judgments name that is not there, and on what is not asked; empty if there is none."""
        found = self.judgments
        counts = {name: getattr(found, name) for name in _PASSED_OVER}
        counts["unjudged"] += self.unjudged
        return "; ".join(counted(count, *_PASSED_OVER[name]) for name, count in counts.items() if count)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings there are.

        Mono needs a query judged in its own language, cross an answer in another, multi passages in two languages.
        """
        return tuple(setting for setting in SETTINGS if any(True for _ in self._pairs(setting)))

    def _pairs(self, setting: Setting) -> Iterator[tuple[str, str]]:
        """Query and passage language of each task of a setting."""
        for query in self.query_languages:
            corpora = {"mono": (query,), "cross": self.passage_languages, "multi": (POOL,) * (len(self._pool) > 1)}[
                setting
            ]
            yield from ((query, corpus) for corpus in corpora if self._exists(setting, query, corpus))

    def _exists(self, setting: str, query: str, corpus: str) -> bool:
        judged = self.judgments.of(query)
        if setting == "multi":
            return judged.any
        if setting == "mono":
            return query in judged.judged_in and query in self.passage_languages
        return query != corpus and corpus in judged.answered_in and corpus in self.passage_languages

    def task(self, setting: str, query_language: str | None = None, passage_language: str | None = None) -> Task:
        """One task: ``task("cross", "de", "en")`` or ``task("cross:de-en")``.

        Raises:
            SettingError: an unknown setting or language, or a setting this data set has no judgments for.
        """
        if query_language is None:
            kind, query_language, passage_language = parse_task_name(setting, self.languages)
        else:
            (kind,) = parse_settings([setting])
        query_language = check_language(query_language, self.languages)
        corpus_language = corpus_language_of(kind, query_language, passage_language)
        if kind == "cross":
            corpus_language = check_language(corpus_language, self.languages)
        if not self._exists(kind, query_language, corpus_language):
            raise SettingError(
                f"{self.name} has no query in {query_language!r} with an answer in {corpus_language!r}; "
                f"its settings are: {', '.join(self.settings)}"
            )
        blocks = self._pool if kind == "multi" else (self.passages[corpus_language],)
        chosen = self.judgments.of(query_language).task(blocks, answered=kind == "cross", pool=kind == "multi")
        return Task(
            dataset=self.name,
            split=self.split,
            setting=kind,
            query_language=query_language,
            corpus_language=corpus_language,
            queries=self.queries[query_language],
            rows=chosen.rows,
            blocks=blocks,
            judged=chosen.judged,
            own=self._own(query_language, chosen.rows, blocks) if self.own_passages else None,
            unreachable=chosen.unreachable,
            unreachable_ids=self.judgments.lost,
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
            SettingError: a named setting does not exist for this data set, or nothing is judged.
        """
        default = tuple(each for each in self.default_settings or () if each in self.settings) or self.settings
        chosen = default if settings is None else parse_settings(settings)
        if not chosen:
            raise SettingError(
                f"{self.name} has no query in {', '.join(self.query_languages)} that is judged against a passage in "
                f"{', '.join(self.passage_languages)}; load other languages"
            )
        for setting in chosen:
            if setting not in self.settings:
                why = {
                    "mono": "judges no passage in a query's own language",
                    "cross": "judges no passage in another language",
                    "multi": "has passages in one language only"
                    if len(self.passage_languages) < 2
                    else "judges no query",
                }[setting]
                raise SettingError(
                    f"{self.name} {why}, so {setting!r} does not exist; it has: {', '.join(self.settings) or 'none'}"
                )
        return [
            self.task(setting, query, passage if setting == "cross" else None)
            for setting in chosen
            for query, passage in self._pairs(setting)
        ]
