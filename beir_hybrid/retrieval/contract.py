"""What `evaluate` asks of a retriever: `bind` it to a data set, and a `Ranking` for each of its tasks.

For those who write a retriever or a measure of rankings. A `Retriever` says what it is and is never changed by use;
`bind` makes a new object that knows one data set. What comes to light while it ranks travels with the rankings.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import BeirHybridError, RetrieverError, first_line
from beir_hybrid.records import Hits, IntArray
from beir_hybrid.settings import Task, parse_settings

DEFAULT_DEPTH = 1000
"""Passages of each query that a ranking of limited depth holds, where nothing else is asked for; trec_eval's."""

Observation = Mapping[str, float | int | None]
"""Means over ``queries`` of them; None where a value is not defined."""

_tokens: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def unidentified(thing: Any) -> str:
    """What `Retriever.describe` says of an object whose content nothing identifies.

    The same for the same object, and different for every other one, in other processes too: results of one are
    never taken for those of another.
    """
    try:
        return _tokens.setdefault(thing, f"unidentified object {uuid.uuid4().hex[:12]}")
    except TypeError:  # cannot be hashed or referred to weakly
        return f"unidentified object {uuid.uuid4().hex[:12]}"


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a retriever says about one task.

    Args:
        task: the task that was asked.
        hits: the best passages of every query, best first; as deep as was asked for.
        ranks: the 1-based rank of every pair of ``task.judged`` in the ranking, 0 where it was not retrieved.
        complete: every passage was ranked, whatever hits are kept.
        sought: how many passages of each query were looked for; None: as many as the longest ranking has.
        reversed_ranks: the ranks, had passages of equal score stood the other way round (by id ascending); None where
            nobody knows.
        observed: what was found out about the ranking, by name.
    """

    task: Task
    hits: Hits
    ranks: IntArray
    complete: bool
    sought: int | None = None
    reversed_ranks: IntArray | None = None
    observed: Mapping[str, Observation] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Down to which rank it says what stands there. A passage without a rank is below it, or was not found."""
        n = self.task.n_passages
        if self.complete:
            return n
        return min(n, int(self.hits.counts.max(initial=0)) if self.sought is None else self.sought)

    @classmethod
    def of_hits(cls, task: Task, hits: Hits, sought: int | None = None) -> Ranking:
        """A ranking that is only as deep as its hits; for ``sought`` see there."""
        place = hits.places(task.judged.query, task.judged.passage)

        def of_judged(ranks: IntArray) -> IntArray:
            return np.where(place >= 0, ranks[place], 0) if len(ranks) else np.zeros_like(place)

        whole = bool(np.all(hits.counts == task.n_passages))
        return cls(task, hits, of_judged(hits.rank), whole, sought, of_judged(hits.reversed_rank))

    @property
    def problem(self) -> str | None:
        """Why it cannot be the ranking of its task, if it cannot; what other packages make is asked that."""
        hits, task = self.hits, self.task
        if len(hits) != len(task.rows) or self.ranks.shape != (len(task.judged.passage),):
            return (
                f"has {len(hits)} queries and {self.ranks.size} judged pairs; the task has {len(task.rows)} and "
                f"{len(task.judged.passage)}"
            )
        outside = hits.passages[(hits.passages < 0) | (hits.passages >= task.n_passages)]
        if len(outside):
            return f"has a passage {outside[0]}; there are {task.n_passages} passages, counted from 0"
        if not np.isfinite(hits.scores).all():
            return f"has a score {hits.scores[~np.isfinite(hits.scores)][0]}; expected finite numbers"
        pairs = np.sort(hits.query * task.n_passages + hits.passages)
        if len(twice := pairs[1:][pairs[1:] == pairs[:-1]]):
            query, passage = divmod(int(twice[0]), task.n_passages)
            return f"has passage {passage} twice for query {query}"
        ordered = Hits.sorted(len(hits), hits.query, hits.passages, hits.scores)
        if not np.array_equal(ordered.passages, hits.passages):
            return "has hits in another order than score and passage descending; Hits.sorted puts them right"
        ranked = Ranking.of_hits(task, hits).ranks
        if len(wrong := np.flatnonzero((ranked > 0) & (ranked != self.ranks))):
            return (
                f"gives a judged passage rank {self.ranks[wrong[0]]}, which stands at {ranked[wrong[0]]} among its hits"
            )
        return None

    def without_own(self, top_k: int) -> Ranking:
        """The ranking as if no query's own passage had been in the corpus (`Task.own`), ``top_k`` passages deep.

        What ranks below it moves up by one, so that one passage more than ``top_k`` is to be asked for.
        """
        own, judged = self.task.own, self.task.judged
        if own is None:
            return self
        is_own = own[judged.query] == judged.passage

        def moved(ranks: IntArray) -> IntArray:
            rank_of_own = np.zeros(len(own), dtype=np.int64)
            rank_of_own[judged.query[is_own]] = ranks[is_own]
            above = rank_of_own[judged.query]
            found = np.where(is_own, 0, ranks - ((above > 0) & (ranks > above)))
            return found if self.complete else np.where(found > top_k, 0, found)

        others = self.hits.passages != own[self.hits.query]
        return replace(
            self,
            hits=self.hits.where(others).cut(top_k),
            ranks=moved(self.ranks),
            sought=None if self.sought is None else min(top_k, self.sought - (not others.all())),
            reversed_ranks=None if self.reversed_ranks is None else moved(self.reversed_ranks),
        )

    def unanswered(self, rows: IntArray) -> Ranking:
        """The ranking with nothing retrieved for the queries at ``rows``: what was ranked for them means nothing."""
        if not len(rows):
            return self
        silent = np.zeros(len(self.hits), dtype=bool)
        silent[rows] = True
        hits = self.hits.where(~silent[self.hits.query])
        judged = silent[self.task.judged.query]
        opposite = None if self.reversed_ranks is None else np.where(judged, 0, self.reversed_ranks)
        return replace(self, hits=hits, ranks=np.where(judged, 0, self.ranks), reversed_ranks=opposite)


def whole_number(what: str, given: Any) -> int:
    """A number of things, which options by name and numpy may give in any type, as an integer.

    Raises:
        RetrieverError: it is none, or below 1.
    """
    if not isinstance(given, Integral) or int(given) < 1:
        raise RetrieverError(f"{what} is {given!r}; expected a whole number of 1 or more")
    return int(given)


@contextlib.contextmanager
def others_code(what: str) -> Iterator[None]:
    """What fails within, in other people's code, is one line that says what failed."""
    try:
        yield
    except BeirHybridError:
        raise
    except Exception as error:  # it may fail in any way
        raise RetrieverError(f"{what} failed: {type(error).__name__}: {first_line(error, 'no message')}") from error


def rankings_only(given: Iterable[Any], name: str) -> Iterator[Ranking]:
    """What a retriever yields.

    Raises:
        RetrieverError: it is no ranking.
    """
    for ranking in given:
        if not isinstance(ranking, Ranking):
            raise RetrieverError(
                f"{name}: retrieve() yielded a {type(ranking).__name__}; expected a Ranking for each task, as "
                f"Ranking.of_hits(task, hits) makes it"
            )
        yield ranking


class BoundRetriever(Protocol):
    """A retriever and a data set. It does not change: one evaluation leaves nothing behind for the next."""

    @property
    def depth(self) -> int | None:
        """How deep its ranks go when nothing else is asked for; None: always through the whole corpus."""
        ...

    @property
    def observed(self) -> Mapping[str, Any]:
        """What binding found out, as JSON values: analyzers, prompts. It decides the ranks, so a resumed evaluation
        must find the same."""
        ...

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        """The tasks it can answer in these settings; None: those that it is about.

        Raises:
            SettingError, RunError: it can answer none there.
        """
        ...

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        """One ranking for each task, in any order.

        Args:
            tasks: tasks of the data set. They come together so that work can be shared between them.
            top_k: hits to return for each query, and where ``depth`` is no None also how deep the ranks are to go.
        """
        ...


class Retriever(Protocol):
    """Ranks the passages of tasks.

    The built-in ones are `DenseRetriever`, `BM25Retriever`, `RunFileRetriever` and `BeirSearchRetriever`; other
    packages register theirs under the entry-point group ``beir_hybrid.retrievers``. An object without `bind` that has
    ``name``, ``describe()`` and ``retrieve(tasks, top_k)`` is one as well: see `as_retriever`.
    """

    @property
    def name(self) -> str:
        """How results call it."""
        ...

    def describe(self) -> dict[str, Any]:
        """Everything needed to repeat the retrieval, as JSON values; what ranks differently differs here."""
        ...

    def bind(self, dataset: Dataset) -> BoundRetriever:
        """The retriever for a data set; a new object."""
        ...


@dataclass(frozen=True, eq=False)
class Bound:
    """A `BoundRetriever` of a function that ranks tasks.

    Args:
        dataset: the data set.
        rank: see `BoundRetriever.retrieve`.
        depth, observed: see there.
        own: the tasks it can answer; None: every one of the data set.
    """

    dataset: Dataset
    rank: Callable[[Sequence[Task], int | None], Iterator[Ranking]]
    depth: int | None = DEFAULT_DEPTH
    observed: Mapping[str, Any] = field(default_factory=dict)
    own: Sequence[Task] | None = None

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        if self.own is None:
            return self.dataset.tasks(settings)
        return [task for task in self.own if task.setting in parse_settings(settings)]

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        return self.rank(tasks, top_k)


def combined(observations: Iterable[Mapping[str, Observation]]) -> dict[str, Observation]:
    """What was observed over several tasks: means weighted by ``queries``, of those where a value is defined."""
    together: dict[str, list[Observation]] = {}
    for observed in observations:
        for name, values in observed.items():
            together.setdefault(name, []).append(values)
    return {name: _weighted(values) for name, values in together.items()}


def _weighted(observations: Sequence[Observation]) -> Observation:
    found: dict[str, float | int | None] = {"queries": sum(each["queries"] or 0 for each in observations)}
    for key in dict.fromkeys(key for each in observations for key in each if key != "queries"):
        pairs = [(value, each["queries"] or 0) for each in observations if (value := each.get(key)) is not None]
        weight = sum(queries for _, queries in pairs)
        found[key] = sum(value * queries for value, queries in pairs) / weight if weight else None
    return found
