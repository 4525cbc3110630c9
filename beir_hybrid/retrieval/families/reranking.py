"""Reranking: the best passages of a first stage, scored again pair by pair; below them everything stays as it was.

What is exact is the order of the candidates: the depth says down to where, and rank distances are bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted, progress
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, Hits
from beir_hybrid.retrieval.beir import BeirSearchable, corpus_texts, hits_to_results
from beir_hybrid.retrieval.contract import Bound, Ranking, Retriever, others_code
from beir_hybrid.retrieval.dense.embeddings import in_turn
from beir_hybrid.retrieval.dense.encoder import on_cpu
from beir_hybrid.retrieval.families.model import FamilyModel
from beir_hybrid.retrieval.kinds import kind_of_model
from beir_hybrid.settings import Task

DEFAULT_DEPTH = 100
_AT_ONCE = 256
"""Pairs that are given to a model at a time, and counted then."""

ScorePairs = Callable[[Sequence[str], Sequence[str]], FloatArray]
"""Texts of queries and of passages, side by side, to scores float32 [pairs]."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best passages of a first stage.

    Args:
        first: any retriever.
        depth: how many of each query.

    Raises:
        RetrieverError: a depth below 1.
    """

    first: Retriever
    depth: int = DEFAULT_DEPTH

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise RetrieverError(f"the depth of reranking is {self.depth}; expected 1 or more")

    def record(self) -> dict[str, Any]:
        """What a result says of them: the depth and the first stage."""
        return {"depth": self.depth, "first_stage": {"name": self.first.name, **self.first.describe()}}

    def bound(self, dataset: Dataset, score: ScorePairs) -> Bound:
        """The first stage with its best passages scored again."""
        before = self.first.bind(dataset)

        def rank(tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
            for ranking in before.retrieve(tasks, max(self.depth, top_k or before.depth or 0)):
                yield self._again(ranking, score)

        return Bound(dataset, rank, before.depth or self.depth, before.observed)

    def _again(self, ranking: Ranking, score: ScorePairs) -> Ranking:
        task = ranking.task
        new = self.scored_again(ranking.hits, task.query_texts, lambda place: task.passage_at(place)[1], score)
        return _with_ranks(ranking, new, self.depth)

    def scored_again(
        self, hits: Hits, queries: Sequence[str], passage: Callable[[int], str], score: ScorePairs
    ) -> Hits:
        """Hits with the first of every query in the order of new scores.

        What was not scored again stays below, in its order and as far apart.

        Args:
            queries: the text of each query.
            passage: positions to texts; asked once of each passage that is scored.
        """
        again = hits.rank <= self.depth
        query, values = hits.query, hits.scores.astype(np.float64)
        if again.any():
            places, back = np.unique(hits.passages[again], return_inverse=True)
            texts = [passage(place) for place in places.tolist()]
            scores = score([queries[row] for row in query[again]], [texts[at] for at in back])
            first, last = np.full(len(hits), np.inf), np.full(len(hits), np.inf)
            np.minimum.at(first, query[again], scores)
            np.minimum.at(last, query[again], hits.scores[again])
            below = query[~again]
            values[~again] = first[below] - 1 - (last[below] - hits.scores[~again])
            values[again] = scores
        return Hits.sorted(len(hits), query, hits.passages, values)


def _with_ranks(ranking: Ranking, hits: Hits, depth: int) -> Ranking:
    """A ranking whose first ``depth`` passages have changed places among themselves."""
    found = Ranking.of_hits(ranking.task, hits)
    within = (ranking.ranks > 0) & (ranking.ranks <= depth)
    opposite = None
    if ranking.reversed_ranks is not None and found.reversed_ranks is not None:
        opposite = np.where(within, found.reversed_ranks, ranking.reversed_ranks)
    ranks = np.where(within, found.ranks, ranking.ranks)
    return replace(ranking, hits=hits, ranks=ranks, complete=False, sought=depth, reversed_ranks=opposite)


class RerankingRetriever(BeirSearchable):
    """A cross-encoder over the best passages of any retriever or run, in all settings.

    Args:
        model: a ``sentence_transformers.CrossEncoder``, its name or path, or an object with ``predict(pairs)``, which
            gives a score for each pair of texts, or ``rank(query, documents)``, which gives their order.
        first: the first stage.
        depth: passages of each query that are scored again.
        options: see `FamilyModel`.

    Raises:
        RetrieverError: the model cannot be loaded, or is no reranker.
    """

    def __init__(self, model: Any, first: Retriever, depth: int = DEFAULT_DEPTH, **options: Any) -> None:
        if (kind := kind_of_model(model)) not in (None, "cross-encoder"):
            named = model if isinstance(model, str | Path) else type(model).__name__
            raise RetrieverError(
                f"{named} is a {kind} model: it makes vectors and scores no pairs, so it cannot rerank; measure it "
                "with --model"
            )
        self._model = FamilyModel(model, "CrossEncoder", **options)
        if not any(callable(getattr(self._model.model, method, None)) for method in ("predict", "rank")):
            raise RetrieverError(f"{self._model.name} is no reranker: expected an object with predict or rank")
        self._candidates = Candidates(first, depth)
        if self._model.ours:  # what classifies pairs is refused before a first stage indexes or encodes anything
            self._predicted([("a query", "a passage")])
        self.name = f"{self._model.name} on {first.name}"
        self._store = self._model.store(None)

    def describe(self) -> dict[str, Any]:
        return {**self._model.record("reranking"), **self._candidates.record()}

    def bind(self, dataset: Dataset) -> Bound:
        return self._candidates.bound(dataset, self._scored)

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search: that of the first stage, its best passages scored again.

        Raises:
            RetrieverError: the first stage has no such search, as a run has none.
        """
        first, depth = self._candidates.first, self._candidates.depth
        if not callable(search := getattr(first, "search", None)):
            raise RetrieverError(f"{first.name} has no search of BEIR's, so nothing finds what {self.name} reranks")
        found = search(corpus, queries, max(top_k, depth), score_function)
        ids = sorted({key for own in found.values() for key in own})
        place = {key: at for at, key in enumerate(ids)}
        columns = [(row, place[key], score) for row, own in enumerate(found.values()) for key, score in own.items()]
        hits = Hits.sorted(len(found), *np.array(columns, dtype=np.float64).reshape(-1, 3).T)
        asked, texts = [queries[name] for name in found], corpus_texts(corpus, ids)
        again = self._candidates.scored_again(hits, asked, texts.__getitem__, self._scored)
        return hits_to_results(again.cut(top_k), list(found), ids)

    def _scored(self, queries: Sequence[str], passages: Sequence[str]) -> FloatArray:
        pairs = [_joined(query, passage) for query, passage in zip(queries, passages, strict=True)]
        with progress("reranking", len(pairs), "pair") as shown:

            def compute(block: Sequence[str]) -> FloatArray:
                found = []
                for begin in range(0, len(block), _AT_ONCE):
                    some = [_parted(pair) for pair in block[begin : begin + _AT_ONCE]]
                    found.append(self._predicted(some))
                    shown.advance(len(some))
                return np.concatenate(found)[:, None]

            return self._store.embed(pairs, in_turn(compute, "pair"), shown.skip)[:, 0]

    def _predicted(self, pairs: Sequence[tuple[str, ...]]) -> FloatArray:
        model, name, found = self._model.model, self._model.name, np.full(len(pairs), np.nan, dtype=np.float32)
        if callable(getattr(model, "predict", None)):
            given = {"batch_size": self._model.batch_size, "show_progress_bar": False}
            options = {**given, **self._model.spread} if self._model.ours else {}
            with others_code(f"{name}: predict()"):
                found = np.asarray(on_cpu(model.predict([list(pair) for pair in pairs], **options)), dtype=np.float32)
        else:
            for query in dict.fromkeys(query for query, _ in pairs):
                own = [at for at, pair in enumerate(pairs) if pair[0] == query]
                with others_code(f"{name}: rank()"):
                    for ranked in model.rank(query, [pairs[at][1] for at in own]):
                        found[own[ranked["corpus_id"]]] = ranked["score"]
        asked = counted(len(pairs), "pair", "pairs")
        if found.shape not in ((len(pairs),), (len(pairs), 1)):
            raise RetrieverError(f"{name} gave scores of shape {found.shape} for {asked}; expected one of each")
        if lacking := int(np.count_nonzero(~np.isfinite(found))):
            raise RetrieverError(f"{name} gave no finite score for {lacking} of {asked}; expected one of each")
        return found.ravel()


def _joined(query: str, passage: str) -> str:
    """A pair as one text, the key of its score."""
    return f"{len(query)} {query}{passage}"


def _parted(pair: str) -> tuple[str, str]:
    length, _, texts = pair.partition(" ")
    return texts[: int(length)], texts[int(length) :]
