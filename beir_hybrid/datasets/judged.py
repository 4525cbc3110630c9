"""The judgments of a data set as positions in its columns; what `Dataset` makes its tasks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from beir_hybrid.errors import DatasetError
from beir_hybrid.readers.judgments import whole_grade
from beir_hybrid.records import IntArray, Judged, Passages, Queries

_NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Chosen:
    """The judgments of one task: the queries that are asked, and what is judged for them.

    ``judged`` counts queries from the start of ``rows`` and passages from the start of the corpus; ``unreachable``
    are the pairs whose passage is in no corpus (its id is at ``-1 - passage`` of `Judgments.lost`).
    """

    rows: IntArray
    judged: Judged
    unreachable: Judged


@dataclass(frozen=True, eq=False)
class LanguageJudgments:
    """The judgments of one query language in columns, sorted by query, language and passage.

    Args:
        languages: what ``language`` counts.
        query: row of the query.
        language: the passage's, -1 if its id begins with none of them.
        passage: row of the passage in its language, below 0 if it is not there (see `Judgments.lost`).
        grade: the relevance; of a query's own passage 0, whatever was judged.
        own: the passage is the query itself, and is here so that its rank is known.
    """

    languages: Sequence[str]
    query: IntArray
    language: IntArray
    passage: IntArray
    grade: IntArray
    own: IntArray

    @cached_property
    def judged_in(self) -> frozenset[str]:
        """Passage languages in which a query is judged, be it with a negative only."""
        return self._named(self.language[self.own == 0])

    @cached_property
    def answered_in(self) -> frozenset[str]:
        """Passage languages in which a query has a relevant passage."""
        return self._named(self.language[(self.own == 0) & (self.grade > 0)])

    def _named(self, numbers: IntArray) -> frozenset[str]:
        return frozenset(self.languages[number] for number in np.unique(numbers) if number >= 0)

    @property
    def any(self) -> bool:
        """Whether a query is judged at all."""
        return bool(np.any(self.own == 0))

    def task(self, blocks: Sequence[Passages], *, answered: bool, pool: bool) -> Chosen:
        """The judgments against a corpus.

        Args:
            blocks: the corpus, in id order.
            answered: only queries with a relevant passage are asked.
            pool: the corpus is that of all languages, and holds what is of no language too.
        """
        starts = np.zeros(len(self.languages), dtype=np.int64)
        begin = 0
        for block in blocks:
            starts[self.languages.index(block.language)] = begin
            begin += len(block)
        inside = slice(None) if pool else np.flatnonzero(self.language == self.languages.index(blocks[0].language))
        query, grade, passage = self.query[inside], self.grade[inside], self.passage[inside]
        asking = (self.own[inside] == 0) & ((grade > 0) | (not answered))
        rows = np.unique(query[asking])
        kept, there = np.isin(query, rows), passage >= 0
        passage = np.where(there, passage + starts[self.language[inside]], passage)
        every = Judged(np.searchsorted(rows, query), passage, grade)
        judged = every.take(np.flatnonzero(kept & there))
        return Chosen(
            rows, judged.take(np.lexsort((judged.passage, judged.query))), every.take(np.flatnonzero(kept & ~there))
        )


class Judgments:
    """The judgments of every query language.

    Attributes:
        lost: ids of judged passages that are in no corpus.
        unreachable: judged pairs of them.
        absent: judged queries that are in no block.
        unjudged: queries without a judgment.
        unanswered: judged queries of which no passage is relevant.
        own: judged queries that are passages themselves.
    """

    def __init__(
        self,
        passages: Mapping[str, Passages],
        queries: Mapping[str, Queries],
        qrels: Mapping[str, Mapping[str, int]],
        own_passages: Mapping[str, str],
    ) -> None:
        self._passages = passages
        self._languages = tuple(passages)
        filled = [number for number, block in enumerate(passages.values()) if len(block)]
        # where passages are in one language only, one that is nowhere is of that language
        self._default = filled[0] if len(filled) == 1 else _NOWHERE
        self.lost: list[str] = []
        where: dict[str, tuple[int, int]] = {}  # of judged passages only: a corpus can be large
        self._of: dict[str, LanguageJudgments] = {}
        known = self.unjudged = self.unreachable = self.unanswered = self.own = 0
        if not isinstance(qrels, Mapping):
            raise DatasetError(f"the judgments are a {type(qrels).__name__}; expected {{query: {{passage: grade}}}}")
        for language, block in queries.items():
            found: list[tuple[int, int, int, int, int]] = []
            for row, query in enumerate(block.ids):
                judged = qrels.get(query)
                if not judged:
                    self.unjudged += 1
                    known += judged is not None
                    continue
                known += 1
                own = own_passages.get(query)
                if not isinstance(judged, Mapping):
                    raise DatasetError(
                        f"the judgments of query {query!r} are {judged!r:.80}; expected {{passage: grade}}"
                    )
                for passage, given in ({**judged, own: 0} if own is not None else judged).items():
                    if passage not in where:
                        where[passage] = self._find(passage)
                    grade = whole_grade(given)
                    if grade is None:
                        raise DatasetError(
                            f"the grade of passage {passage!r} for query {query!r} is {given!r}; expected a whole "
                            f"number"
                        )
                    found.append((row, *where[passage], grade, int(passage == own)))
            found.sort()
            columns = np.array(found, dtype=np.int64).reshape(-1, 5).T
            self._of[language] = LanguageJudgments(self._languages, *columns)
            asked = columns[4] == 0
            self.unreachable += int(np.count_nonzero(asked & (columns[2] < 0)))
            self.own += int(np.count_nonzero(~asked & (columns[2] >= 0)))
            self.unanswered += len(np.setdiff1d(columns[0][asked], columns[0][asked & (columns[3] > 0)]))
        self.absent = len(qrels) - known
        if self.lost and len(self.lost) == len(where):
            raise DatasetError(
                f"none of the {len(self.lost):,} judged passages is in a corpus; the first is {self.lost[0]!r}, ids of "
                f"the corpus look like {next(block.ids[0] for block in passages.values() if len(block))!r}"
            )

    def of(self, language: str) -> LanguageJudgments:
        """Those of one query language."""
        return self._of[language]

    def _find(self, passage: str) -> tuple[int, int]:
        """Language and row of a passage; a row below 0 if it is not there, and language -1 if its id says none."""
        named = self._default
        for number, language in enumerate(self._languages):
            if passage.startswith(f"{language}-"):
                row = self._passages[language].position(passage)
                if row is not None:
                    return number, row
                named = number if len(self._passages[language]) else named
        self.lost.append(passage)
        return named, -len(self.lost)
