"""The small records everything else is built from: passages and queries of one language, judgments, runs."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import DatasetError
from beir_hybrid.progress import counted

Setting: TypeAlias = Literal["mono", "cross", "multi"]
SETTINGS: tuple[Setting, ...] = ("mono", "cross", "multi")
POOL = "all"
"""The passage language of the multilingual setting: the pool of every language."""

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float32]
ScoreArray: TypeAlias = npt.NDArray[np.float64]
Corpus: TypeAlias = Mapping[str, dict[str, str]]
"""BEIR's corpus: ``{passage id: {"title": ..., "text": ...}}``."""
BeirQueries: TypeAlias = dict[str, str]
Qrels: TypeAlias = dict[str, dict[str, int]]
BeirResults: TypeAlias = dict[str, dict[str, float]]


def passage_text(title: str, text: str) -> str:
    """How a title and a text become the one string that is indexed or encoded: BEIR's ``title + " " + text``."""
    return f"{title} {text}".strip() if title else text.strip()


class LazyStrings(Sequence[str]):
    """A column of strings that are made when they are asked for; a slice is a view.

    Args:
        make: positions to their strings, in order; several at once may be quicker than one by one.
        positions: of the column's items.
    """

    def __init__(self, make: Callable[[range], Iterator[str]], positions: range) -> None:
        self._make = make
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> LazyStrings: ...

    def __getitem__(self, index: int | slice) -> str | LazyStrings:
        found = self._positions[index]
        if isinstance(found, range):
            return LazyStrings(self._make, found)
        return next(self._make(range(found, found + 1)))

    def __iter__(self) -> Iterator[str]:
        return self._make(self._positions)


def _at(column: Sequence[str], positions: range) -> Iterable[str]:
    return column[positions.start : positions.stop] if positions.step == 1 else (column[at] for at in positions)


def _columns(block: Passages | Queries, names: Iterable[str]) -> None:
    """Columns as they are, if they are lists or live on disk; those of numpy, pandas and pyarrow as lists."""
    for name in names:
        column: Any = getattr(block, name)
        if not isinstance(column, list | tuple | LazyStrings):
            as_list = getattr(column, "to_pylist", None) or getattr(column, "tolist", None)
            object.__setattr__(block, name, list(column) if as_list is None else as_list())


def _check_ids(kind: str, language: str, ids: Sequence[str]) -> None:
    # a column on disk was checked when it was written: reading millions of ids again would take seconds
    known = getattr(ids, "distinct_ascending", False)
    for key in () if known else ids:
        if not isinstance(key, str):
            raise DatasetError(f"{kind} id {key!r} of language {language!r} is no string")
    for before, after in () if known else itertools.pairwise(ids):
        if before >= after:
            problem = "appears twice" if before == after else f"comes before {after!r}"
            raise DatasetError(
                f"{kind} id {before!r} of language {language!r} {problem}; "
                f"ids must be unique and in ascending order within a language"
            )
    for end in (ids[0], ids[-1]) if ids else ():
        if not end.startswith(f"{language}-"):
            raise DatasetError(f"{kind} id {end!r} does not carry its language; it must begin {language + '-'!r}")


def _check_texts(kind: str, ids: Sequence[str], texts: Sequence[str]) -> None:
    for key, text in zip(ids, texts, strict=True):
        if not isinstance(text, str):
            raise DatasetError(f"the {kind} of {key!r} is {text!r:.80}; expected a string")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DatasetError(f"the {kind} of {key!r} holds half of a surrogate pair, which is no text") from error


@dataclass(frozen=True, eq=False)
class Passages:
    """The corpus of one language.

    ``ids`` are unique over the pool of all languages, begin with ``"{language}-"`` and stand in ascending
    order, so that trec_eval's tie rule (id descending) is a comparison of positions. ``source_ids`` are the
    ids of the upstream files (empty: the same as ``ids``).

    The columns may be lists, or live on disk (`ArrowCorpus.passages`); then ``content`` is a digest of them that was
    taken when they were written, and nothing reads them as a whole to tell them from others.
    """

    language: str
    ids: Sequence[str]
    texts: Sequence[str]
    titles: Sequence[str] = ()
    source_ids: Sequence[str] = ()
    content: str = ""

    def __post_init__(self) -> None:
        _columns(self, ("ids", "texts", "titles", "source_ids"))
        if not len(self.source_ids):
            object.__setattr__(self, "source_ids", self.ids)
        for name in ("texts", "titles", "source_ids"):
            column = getattr(self, name)
            if len(column) != len(self.ids) and (name == "texts" or len(column)):
                raise DatasetError(
                    f"ids and {name} of passages in language {self.language!r} are {len(self.ids)} and {len(column)}; "
                    f"there must be as many of each"
                )
        _check_ids("passage", self.language, self.ids)
        if not self.on_disk:
            _check_texts("text", self.ids, self.texts)
            _check_texts("title", self.ids if len(self.titles) else (), self.titles)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Passages({self.language!r}: {counted(len(self), 'passage', 'passages')})"

    def position(self, passage: str) -> int | None:
        """Where a passage id stands; None if it is not here. A search of the order: no table of all ids is kept."""
        find: Callable[[str], int | None] | None = getattr(self.ids, "position", None)
        if find is not None:  # ids on disk know a faster way
            return find(passage)
        place = bisect_left(self.ids, passage)
        return place if place < len(self.ids) and self.ids[place] == passage else None

    def source_position(self, key: str) -> int | None:
        """Where the passage with an id of the upstream files stands; None if it is not here."""
        find: Callable[[str], int | None] | None = getattr(self.source_ids, "position", None)
        return find(key) if find is not None else self._by_source_id.get(key)

    @cached_property
    def _by_source_id(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.source_ids)}

    def title(self, position: int) -> str:
        """The title at a position; empty where there is none."""
        return self.titles[position] if len(self.titles) else ""

    @property
    def on_disk(self) -> bool:
        """Whether the columns live on disk, so that nobody should hold all of them at once."""
        return bool(self.content)

    def lazy_full_texts(self) -> LazyStrings:
        """Title and text of every passage as one string, in id order, each made when it is asked for."""

        def make(positions: range) -> Iterator[str]:
            texts = _at(self.texts, positions)
            if not len(self.titles):
                return (text.strip() for text in texts)
            return map(passage_text, _at(self.titles, positions), texts)

        return LazyStrings(make, range(len(self)))

    def full_texts(self) -> list[str]:
        """The same as a list: for a corpus that fits into memory."""
        return list(self.lazy_full_texts())


@dataclass(frozen=True, eq=False)
class Queries:
    """The queries of one language; ``groups[i]`` names the content that parallel queries share.

    ``source_ids`` are the ids of the upstream files (empty: the same as ``ids``).
    """

    language: str
    ids: Sequence[str]
    texts: Sequence[str]
    groups: Sequence[str] = ()
    source_ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        _columns(self, ("ids", "texts", "groups", "source_ids"))
        for name in ("groups", "source_ids"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, self.ids)
        if not len(self.ids) == len(self.texts) == len(self.groups) == len(self.source_ids):
            raise DatasetError(
                f"ids, texts, groups and source ids of queries in language {self.language!r} are "
                f"{len(self.ids)}, {len(self.texts)}, {len(self.groups)} and {len(self.source_ids)}; there must be "
                f"as many of each"
            )
        _check_ids("query", self.language, self.ids)
        _check_texts("text", self.ids, self.texts)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Queries({self.language!r}: {counted(len(self), 'query', 'queries')})"


@dataclass(frozen=True, eq=False)
class Judged:
    """Judged pairs in columns: positions of ``query`` and ``passage`` (sorted by both), ``grade`` the relevance."""

    query: IntArray
    passage: IntArray
    grade: IntArray

    def __len__(self) -> int:
        return len(self.query)

    def __repr__(self) -> str:
        return f"Judged({counted(len(self), 'pair', 'pairs')})"

    @classmethod
    def none(cls) -> Judged:
        """No pairs."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in range(3)))

    def take(self, keep: npt.NDArray[Any]) -> Judged:
        """The judgments that a mask or positions choose."""
        return Judged(self.query[keep], self.passage[keep], self.grade[keep])


@dataclass(frozen=True, eq=False)
class Hits:
    """Ranked passages of many queries in columns (CSR): those of query i are ``[indptr[i]:indptr[i + 1]]``.

    ``passages`` are positions in the corpus, int32, ``scores`` float32; by score, then passage id, both descending.
    """

    indptr: IntArray
    passages: npt.NDArray[np.int32]
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        return f"Hits({counted(len(self.passages), 'hit', 'hits')} of {counted(len(self), 'query', 'queries')})"

    @property
    def counts(self) -> IntArray:
        """Retrieved passages per query."""
        return np.diff(self.indptr)

    @property
    def query(self) -> IntArray:
        """The query position of every hit."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def rank(self) -> IntArray:
        """The 1-based rank of every hit."""
        return np.arange(1, len(self.passages) + 1) - np.repeat(self.indptr[:-1], self.counts)

    @property
    def reversed_rank(self) -> IntArray:
        """The rank of every hit, had those of equal score stood the other way round."""
        if not len(self.passages):
            return self.rank
        begins = np.concatenate([[True], self.scores[1:] != self.scores[:-1]])
        begins[self.indptr[:-1][self.counts > 0]] = True
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(begins)) - 1
        tie, rank = np.cumsum(begins) - 1, self.rank
        opposite: IntArray = rank[first][tie] + rank[last][tie] - rank
        return opposite

    def places(self, query: IntArray, passage: IntArray) -> IntArray:
        """Where each pair of a query and a passage stands among the hits, -1 where it does not."""
        if not len(self.passages):
            return np.full(len(query), -1, dtype=np.int64)
        n = 1 + max(int(self.passages.max()), int(passage.max(initial=0)))
        # a number for each pair, so that all are found by one sorted search
        pairs, wanted = self.query * n + self.passages, query * n + passage
        order = np.argsort(pairs, kind="stable")
        place = order[np.minimum(np.searchsorted(pairs[order], wanted), len(pairs) - 1)]
        return np.where(pairs[place] == wanted, place, -1)

    def cut(self, top_k: int) -> Hits:
        """The best ``top_k`` hits of every query."""
        return self if not len(self) or self.counts.max() <= top_k else self.where(self.rank <= top_k)

    def where(self, keep: npt.NDArray[np.bool_]) -> Hits:
        """The hits that a mask chooses."""
        return Hits(_ends(self.query[keep], len(self)), self.passages[keep], self.scores[keep])

    def take(self, rows: IntArray) -> Hits:
        """The hits of the queries at ``rows``, in that order."""
        counts = self.counts[rows]
        place = np.repeat(self.indptr[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return Hits(_ends(np.repeat(np.arange(len(rows)), counts), len(rows)), self.passages[place], self.scores[place])

    def standard_scores(self, group: IntArray, n: int) -> ScoreArray:
        """Each score less the mean of its group's and over their standard deviation, float64 [hits].

        Where a group has one hit, or equal ones, their scores become 0.

        Args:
            group: of every hit, below ``n``.
        """
        count = np.maximum(np.bincount(group, minlength=n), 1)
        scores = self.scores.astype(np.float64)
        mean = (np.bincount(group, weights=scores, minlength=n) / count)[group]
        away = scores - mean
        deviation = np.sqrt(np.bincount(group, weights=away**2, minlength=n) / count)[group]
        # equal scores differ from their mean by rounding alone
        told_apart = deviation > 1e-7 * np.maximum(1, np.abs(mean))
        found: ScoreArray = np.divide(away, deviation, out=np.zeros_like(away), where=told_apart)
        return found

    @classmethod
    def sorted(cls, n_queries: int, query: npt.ArrayLike, passages: npt.ArrayLike, scores: npt.ArrayLike) -> Hits:
        """Hits from columns in any order, put in trec_eval's order (a passage's position orders like its id)."""
        query = np.asarray(query, dtype=np.int64)
        passages = np.asarray(passages, dtype=np.int32)
        # trec_eval keeps scores in single precision: values that differ only beyond it are ties
        scores = np.asarray(scores, dtype=np.float32)
        order = _trec_order(query, passages, scores)
        return cls(_ends(query, n_queries), passages[order], scores[order])


def _ends(query: IntArray, n_queries: int) -> IntArray:
    """``indptr`` of hits of these queries."""
    return np.concatenate([[0], np.cumsum(np.bincount(query, minlength=n_queries))]).astype(np.int64)


def ordered_bits(scores: FloatArray) -> npt.NDArray[np.uint64]:
    """Integers below 2**32 that order as the scores do, equal where they are equal."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0: minus zero becomes zero
    # IEEE floats order like integers once the negative ones are flipped
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)


def _trec_order(query: IntArray, passages: npt.NDArray[np.int32], scores: FloatArray) -> IntArray:
    """Positions by query ascending, score descending, passage descending."""
    if not len(query):
        return np.empty(0, dtype=np.int64)
    n_queries, n = int(query[-1]) + 1, len(query)
    if np.all(query[1:] >= query[:-1]) and n_queries <= n:
        # Queries are together: sort each one's keys of score and passage, side by side in a rectangle if it is
        # not mostly empty. Sorting whole rows of integers is several times faster than a lexsort.
        counts = np.bincount(query, minlength=n_queries)
        width = int(counts.max())
        if n_queries * width <= 4 * n:
            within = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
            keys = np.zeros((n_queries, width), dtype=np.uint64)
            keys[query, within] = (ordered_bits(scores) << np.uint64(32)) | passages.astype(np.uint64)
            order = np.argsort(keys, axis=1)[:, ::-1]
            kept = np.arange(width) < counts[:, None]
            return (order + (np.cumsum(counts) - counts)[:, None])[kept]
    found: IntArray = np.lexsort((-passages.astype(np.int64), -scores, query))
    return found


@dataclass(frozen=True)
class Licence:
    """Under what terms the texts of a data set may be used; shown before a download and with `datasets`."""

    name: str = "unknown"
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class LoadedFile:
    """A file a data set was read from: what makes a result traceable to its data."""

    path: str
    sha256: str
    pinned: bool | None = None
    """True: the published file; False: it differs from it; None: no checksum is pinned."""
