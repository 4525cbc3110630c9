"""Settings: one query language asked against its own passages, another language's, or the pool of all.

Definitions are those of arXiv 2408.10536, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.pool import Joined
from beir_hybrid.errors import SettingError, did_you_mean
from beir_hybrid.languages import check_language, find_language
from beir_hybrid.progress import counted
from beir_hybrid.records import (
    POOL,
    SETTINGS,
    IntArray,
    Judged,
    Passages,
    Queries,
    Setting,
    passage_text,
)

TaskKey = tuple[Setting, str, str]
"""Setting, query language, and passage language (`POOL` in multi)."""


def task_name(key: tuple[str, str, str]) -> str:
    """What `parse_task_name` reads."""
    setting, query, passage = key
    return f"{setting}:{query}-{passage}" if setting == "cross" else f"{setting}:{query}"


def parse_settings(names: str | Iterable[str] | None) -> tuple[Setting, ...]:
    """``"mono,multi"`` or an iterable of such names, in the order mono, cross, multi.

    Raises:
        SettingError: a name is not a setting, or there is none.
    """
    if names is None:
        return SETTINGS
    given = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    for name in given:
        if name not in SETTINGS:
            raise SettingError(f"unknown setting {name!r}; {did_you_mean(name, SETTINGS)}")
    if not given:
        raise SettingError(f"no setting was given; known: {', '.join(SETTINGS)}")
    return tuple(setting for setting in SETTINGS if setting in given)


def parse_task_name(name: str, languages: Sequence[str]) -> tuple[Setting, str, str | None]:
    """``mono:de``, ``cross:de-en`` (query language first) or ``multi:de`` as (setting, query, passage language).

    Raises:
        SettingError: the form, the setting or a language is wrong.
    """
    setting, colon, rest = name.partition(":")
    (known,) = parse_settings([setting])
    if not colon or not rest:
        example = {"mono": "mono:de", "cross": "cross:de-en", "multi": "multi:de"}[known]
        raise SettingError(f"{name!r} names no language; write it like {example}")
    if known != "cross":
        return known, check_language(rest, languages), None
    for cut in (position for position, char in enumerate(rest) if char == "-"):
        query, passage = rest[:cut], rest[cut + 1 :]
        one, other = (_part(part, languages) for part in (query, passage))
        if one and other:
            return known, one, other
    parts = rest.split("-")
    if len(parts) != 2:
        raise SettingError(f"{name!r} must name two languages, query language first, like cross:de-en")
    for part in parts:
        check_language(part, languages)
    raise SettingError(f"{name!r} must name two languages, query language first, like cross:de-en")


def _part(code: str, languages: Sequence[str]) -> str | None:
    """The language of a part of a task's name; ``en-pt`` would be two of them, ``zh-Hans`` and ``pt-BR`` are one."""
    two = "-" in code and code.rpartition("-")[2].islower() and code not in languages
    return None if two else find_language(code, languages)


@dataclass(frozen=True, eq=False)
class Task:
    """One setting of a data set: the queries of one language, and the corpus they are asked against.

    ``queries`` are all queries of the query language; those asked in this task are at ``rows`` (ascending).
    In a cross-lingual task only the questions with an answer in the passage language are asked.
    ``own`` is the passage of each row that is the query itself (-1: none), which is no candidate: see
    `Dataset.own_passages`.
    ``unreachable`` are judged pairs whose passage is not in the corpus (its id is at ``-1 - passage`` of
    ``unreachable_ids``): no search can find them, and they count as not retrieved; see `with_unreachable`.
    ``blocks`` are the corpus, one block per language in id order; `judged` counts queries from the start of
    ``rows`` and passages from the start of the first block.
    """

    dataset: str
    split: str
    setting: Setting
    query_language: str
    corpus_language: str
    queries: Queries
    rows: IntArray
    blocks: tuple[Passages, ...]
    judged: Judged
    own: IntArray | None = None
    unreachable: Judged = field(default_factory=Judged.none)
    unreachable_ids: Sequence[str] = ()

    def __repr__(self) -> str:
        asked = f"{counted(len(self.rows), 'query', 'queries')}, {counted(self.n_passages, 'passage', 'passages')}"
        return f"Task({self.name!r} of {self.dataset!r}: {asked})"

    @property
    def name(self) -> str:
        """``mono:de``, ``cross:de-en``, ``multi:de``."""
        return task_name(self.key)

    @property
    def key(self) -> TaskKey:
        return self.setting, self.query_language, self.corpus_language

    def with_unreachable(self, ranks: IntArray) -> tuple[Judged, IntArray]:
        """All judged pairs and their ranks: to those of ``judged`` come the unreachable ones, rank 0."""
        lost, pairs = self.unreachable, self.judged
        if not len(lost):
            return pairs, ranks
        columns = ((pairs.query, lost.query), (pairs.passage, lost.passage), (pairs.grade, lost.grade))
        return Judged(*map(np.concatenate, columns)), np.concatenate([ranks, np.zeros(len(lost), dtype=ranks.dtype)])

    @property
    def n_passages(self) -> int:
        return sum(map(len, self.blocks))

    def block_of(self, passages: npt.NDArray[np.integer[Any]]) -> IntArray:
        """The place among ``blocks``, and so the language, of each passage of the corpus."""
        ends = np.cumsum([len(block) for block in self.blocks])
        place: IntArray = np.searchsorted(ends, passages, side="right")
        return place

    def passage_at(self, position: int) -> tuple[str, str]:
        """The language of a passage of the corpus, and its title and text as one string."""
        for block in self.blocks:
            if position < len(block):
                return block.language, passage_text(block.title(position), block.texts[position])
            position -= len(block)
        raise IndexError(position)

    @cached_property
    def query_ids(self) -> list[str]:
        return [self.queries.ids[row] for row in self.rows]

    @cached_property
    def query_texts(self) -> list[str]:
        return [self.queries.texts[row] for row in self.rows]

    @cached_property
    def passage_ids(self) -> Sequence[str]:
        """Ids of the corpus in ascending order: position and id order agree. A list, unless they live on disk."""
        joined = Joined([block.ids for block in self.blocks])
        return joined if self.on_disk else list(joined)

    @property
    def on_disk(self) -> bool:
        """Whether a part of the corpus lives on disk, and is not to be held in memory as a whole."""
        return any(block.on_disk for block in self.blocks)

    @property
    def own_language_columns(self) -> tuple[int, int]:
        """Where the passages of the query language stand in the corpus, as [begin, end); (0, 0) if nowhere."""
        begin = 0
        for block in self.blocks:
            if block.language == self.query_language:
                return begin, begin + len(block)
            begin += len(block)
        return 0, 0


def corpus_language_of(setting: Setting, query_language: str, passage_language: str | None) -> str:
    """The passage language as results name it: the language, or `POOL` for the multilingual setting."""
    if setting == "multi":
        return POOL
    if setting == "mono":
        if passage_language not in (None, query_language):
            raise SettingError(
                f"a monolingual task asks {query_language!r} against itself, not {passage_language!r}; "
                f"use cross:{query_language}-{passage_language}"
            )
        return query_language
    if passage_language is None or passage_language == query_language:
        raise SettingError(f"a cross-lingual task needs two languages, got {query_language!r} twice or alone")
    return passage_language
