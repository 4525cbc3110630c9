"""Both directions of BEIR's search interface: our retrievers as BEIR search objects, and BEIR's as retrievers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from beir.retrieval.search import BaseSearch

from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, Hits, LazyStrings, passage_text
from beir_hybrid.retrieval.contract import DEFAULT_DEPTH, Bound, Ranking, others_code, unidentified
from beir_hybrid.retrieval.run_table import table_of
from beir_hybrid.settings import Task


class BeirSearchable(BaseSearch):  # type: ignore[misc]  # BEIR is untyped
    """Base of our retrievers: ``EvaluateRetrieval(retriever).retrieve(corpus, queries)`` works with each of them."""

    def encode(self, corpus: Corpus, queries: BeirQueries, *args: Any, **kwargs: Any) -> None:
        """Not needed: our retrievers keep what they compute in their own cache."""
        raise RetrieverError(
            f"{type(self).__name__} keeps embeddings and indexes in its own cache; call search() or retrieve()"
        )

    def search_from_files(self, *args: Any, **kwargs: Any) -> BeirResults:
        """Not needed, see `encode`."""
        raise RetrieverError(f"{type(self).__name__} reads no embedding files; call search() or retrieve()")


def corpus_texts(corpus: Mapping[str, Mapping[str, str]], ids: Sequence[str]) -> LazyStrings:
    """Title and text of BEIR records as one string each, made when it is asked for."""

    def make(positions: range) -> Iterator[str]:
        records = (corpus[ids[at]] for at in positions)
        return (passage_text(record.get("title") or "", record.get("text") or "") for record in records)

    return LazyStrings(make, range(len(ids)))


def hits_to_results(hits: Hits, query_ids: Sequence[str], passage_ids: Sequence[str]) -> BeirResults:
    """Hits as BEIR results: Python floats, and no passage that has the query's own id (as in BEIR)."""
    results: BeirResults = {}
    for row, query in enumerate(query_ids):
        span = slice(hits.indptr[row], hits.indptr[row + 1])
        pairs = zip(hits.passages[span].tolist(), hits.scores[span].tolist(), strict=True)
        results[query] = {passage_ids[p]: score for p, score in pairs if passage_ids[p] != query}
    return results


def beir_results(queries: BeirQueries, ids: Sequence[str], top_k: int, best: Callable[[int], Hits]) -> BeirResults:
    """The best passages of every query, as BEIR gives them; none that has the query's own id.

    Args:
        ids: of the passages, in their order.
        best: the best passages of each query, as many as asked for.
    """
    if not ids or not queries:
        return {query: {} for query in queries}
    # one more than asked for, in case a passage has the query's own id and is dropped
    found = hits_to_results(best(min(top_k + 1, len(ids))), list(queries), ids)
    return {query: dict(list(ranked.items())[:top_k]) for query, ranked in found.items()}


class BeirSearchRetriever:
    """Any object with BEIR's ``search(corpus, queries, top_k, score_function)`` as a retriever.

    Every task is one call, with fresh mappings (BEIR changes what it is given). Such objects return a list of a
    given depth, so the rank distance is exact only where that depth covers the corpus.

    Args:
        search: the object.
        score_function: passed on to it; BEIR's dense searches know ``cos_sim`` and ``dot``.
        name: how results call it; default: its class.
        identity: what identifies the object and its weights in results. Without it an evaluation can be resumed
            only with the same object.
    """

    def __init__(
        self, search: Any, *, score_function: str = "cos_sim", name: str | None = None, identity: str | None = None
    ) -> None:
        if not callable(getattr(search, "search", None)):
            raise RetrieverError(
                f"{type(search).__name__} has no method search(corpus, queries, top_k, score_function)"
            )
        self._search = search
        self._score_function = score_function
        self.name = name or type(search).__name__
        self.identity = identity

    def describe(self) -> dict[str, Any]:
        model = getattr(self._search, "model", None)
        return {
            "type": "beir-search",
            "class": f"{type(self._search).__module__}.{type(self._search).__qualname__}",
            "model": f"{type(model).__module__}.{type(model).__qualname__}" if model is not None else None,
            "fingerprint": self.identity or unidentified(self._search),
            "score_function": self._score_function,
        }

    def bind(self, dataset: Dataset) -> Bound:
        """Every task of the data set."""
        return Bound(dataset, self.retrieve)

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        for task in tasks:
            view = BeirView(task)
            corpus, queries, _ = view.load()
            depth = min(top_k or DEFAULT_DEPTH, len(corpus))
            # BEIR's dense search fails on a single query: ask it twice under two names
            alone = next(iter(queries)) if len(queries) == 1 else None
            if alone is not None:
                queries[f"{alone}-again"] = queries[alone]
            with others_code(f"{self.name}: search()"):
                results = self._search.search(corpus, queries, depth, self._score_function)
            if not isinstance(results, Mapping):
                raise RetrieverError(
                    f"{self.name}: search() returned a {type(results).__name__}; expected "
                    f"{{query: {{passage: score}}}}, as BEIR's searches give"
                )
            if alone is not None:
                results = {query: ranked for query, ranked in results.items() if query != f"{alone}-again"}
            found = table_of(results, Path(f"{self.name}: search()"))
            yield Ranking.of_hits(task, found.hits(task, view.query_ids).cut(depth), depth)
