"""The one protocol of retrievers, and the ranking they return for a task."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import numpy as np

from beir_hybrid.records import Hits, IntArray
from beir_hybrid.settings import Task

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
        complete: the ranks come from a ranking of the whole corpus; no passage is without a rank.
    """

    task: Task
    hits: Hits
    ranks: IntArray
    complete: bool

    @classmethod
    def of_hits(cls, task: Task, hits: Hits) -> Ranking:
        """A ranking that is only as deep as its hits."""
        n = task.n_passages
        # one number for each (query, passage), so that the judged ones are found by one sorted search
        keys = hits.query * n + hits.passages
        order = np.argsort(keys, kind="stable")
        wanted = task.judged.query * n + task.judged.passage
        place = np.searchsorted(keys[order], wanted)
        place[place == len(keys)] = 0
        found = keys[order][place] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
        ranks = np.where(found, hits.rank[order][place], 0) if len(keys) else np.zeros(len(wanted), dtype=np.int64)
        return cls(task, hits, ranks, bool(np.all(hits.counts == n)))

    def without_own(self) -> Ranking:
        """The ranking as if no query's own passage had been in the corpus (`Task.own`).

        What ranks below it moves up by one; a run that was cut has one hit less there.
        """
        own, judged = self.task.own, self.task.judged
        if own is None:
            return self
        is_own = own[judged.query] == judged.passage
        rank_of_own = np.zeros(len(own), dtype=np.int64)
        rank_of_own[judged.query[is_own]] = self.ranks[is_own]
        above = rank_of_own[judged.query]
        ranks = np.where(is_own, 0, self.ranks - ((above > 0) & (self.ranks > above)))
        keep = self.hits.passages != own[self.hits.query]
        counts = np.bincount(self.hits.query[keep], minlength=len(self.hits))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        hits = Hits(indptr, self.hits.passages[keep], self.hits.scores[keep])
        return Ranking(self.task, hits, ranks, self.complete)


@runtime_checkable
class Retriever(Protocol):
    """Ranks the passages of tasks.

    The built-in ones are `DenseRetriever`, `BM25Retriever`, `RunFileRetriever` and `BeirSearchRetriever`; other
    packages register theirs under the entry-point group ``beir_hybrid.retrievers``.
    """

    name: str

    def describe(self) -> dict[str, Any]:
        """Everything needed to repeat the retrieval, as JSON values; what ranks differently differs here."""
        ...

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        """One ranking for each task, in any order.

        Args:
            tasks: tasks of one data set. They come together so that work can be shared between them.
            top_k: hits to return for each query; None: the retriever's own default.
        """
        ...
