"""Late interaction (ColBERT and its kin): every token of a query finds its best token of a passage, MaxSim summed.

Over the whole corpus where its vectors and scores fit into memory, exactly and to full depth; else over the candidates
of a first stage, see `reranking`. Source: Khattab and Zaharia 2020, arXiv 2004.12832.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.contract import Bound, Retriever
from beir_hybrid.retrieval.dense.embeddings import Rows
from beir_hybrid.retrieval.dense.models import Role
from beir_hybrid.retrieval.families.model import FamilyModel, PairScoringRetriever
from beir_hybrid.retrieval.families.reranking import Candidates
from beir_hybrid.retrieval.search.scores import PairScores, ScoreTile

DEFAULT_MEMORY = 4096
_WORK = 256 << 20
"""Bytes that a search works in at least, besides the vectors."""
_TOKENS = 1024
"""Tokens of queries and of passages that are multiplied at a time: their 4 MB of products stay in the caches."""


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """The vectors of the tokens of many texts: float32 [tokens, d], text i has ``[indptr[i]:indptr[i + 1]]``.

    ``longest`` is the length of the longest vector, or more.
    """

    vectors: FloatArray
    indptr: IntArray
    longest: float

    @classmethod
    def of(cls, vectors: FloatArray, indptr: IntArray) -> TokenVectors:
        """Those of texts that each have a token at least."""
        squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        return cls(vectors, indptr, float(np.sqrt(squares.max(initial=0.0))))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def part(self, begin: int, end: int) -> TokenVectors:
        """The texts [begin, end)."""
        first, last = self.indptr[begin], self.indptr[end]
        return TokenVectors(self.vectors[first:last], self.indptr[begin : end + 1] - first, self.longest)

    def spans(self) -> Iterator[tuple[int, TokenVectors]]:
        """Neighbouring texts of about `_TOKENS` tokens together, with the place of the first."""
        begin = 0
        while begin < len(self):
            within = int(np.searchsorted(self.indptr, self.indptr[begin] + _TOKENS, side="right")) - 1
            end = max(begin + 1, within)
            yield begin, self.part(begin, end)
            begin = end


@dataclass(frozen=True, eq=False)
class MaxSimScores(PairScores):
    """MaxSim of queries and passages by name; see `PairScores`.

    The exact score: the `dot` of tokens, summed in float64 in one fixed order; the best for each query token, summed in
    float64 in the order of the tokens; rounded to float32.
    """

    queries: Mapping[str, TokenVectors]
    corpora: Mapping[str, TokenVectors]

    @cached_property
    def margin(self) -> float:
        """How far a tile may be off: a score sums the errors of the products of its tokens, and its own rounding."""
        tokens = max((int(np.diff(each.indptr).max(initial=0)) for each in self.queries.values()), default=0)
        d = next((each.vectors.shape[1] for each in self.queries.values()), 0)
        lengths = [each.longest for each in (*self.queries.values(), *self.corpora.values())]
        return tokens * _off(d + tokens + 2, max(lengths, default=0.0) ** 2)

    def read(self, corpus: str, begin: int, end: int) -> TokenVectors:
        return self.corpora[corpus].part(begin, end)

    def tile(self, queries: str, rows: slice, passages: TokenVectors, columns: slice) -> ScoreTile:
        asked, there = self.queries[queries].part(rows.start, rows.stop), passages.part(columns.start, columns.stop)
        scores = _quick_maxsim(asked, there)
        known = np.zeros(scores.shape, dtype=bool)

        def exact(rows: IntArray, places: IntArray) -> FloatArray:
            """What one ranking had scored exactly is in the tile for the next."""
            new = ~known[rows, places]
            scores[rows[new], places[new]] = maxsim(asked, there, rows[new], places[new])
            known[rows, places] = True
            return scores[rows, places]

        return ScoreTile(scores, np.full(len(asked), self.margin), exact)

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        return maxsim(self.queries[queries], self.corpora[corpus], rows, places)


def _off(operations: int, product: float) -> float:
    """How far a float32 dot product of two vectors may be off, by the product of their lengths (Higham 2002, 3.1)."""
    return operations * float(np.finfo(np.float32).eps) * product


def maxsim(queries: TokenVectors, passages: TokenVectors, rows: IntArray, places: IntArray) -> FloatArray:
    """The exact scores of pairs, side by side, see `MaxSimScores`."""
    from beir_hybrid.retrieval.families.maxsim import exact_pairs

    found = np.empty(len(rows), dtype=np.float32)
    if len(rows):
        slack = _off(queries.vectors.shape[1], queries.longest * passages.longest)
        exact_pairs(
            queries.vectors, queries.indptr, passages.vectors, passages.indptr, rows, places, slack, found
        )  # fmt: skip
    return found


def _quick_maxsim(queries: TokenVectors, passages: TokenVectors) -> FloatArray:
    """Float32 [queries, passages], as far off as `MaxSimScores.margin` says."""
    from beir_hybrid.retrieval.families.maxsim import sum_of_best

    found = np.empty((len(queries), len(passages)), dtype=np.float32)
    asked = list(queries.spans())
    for place, there in passages.spans():
        for row, some in asked:
            alike = there.vectors @ some.vectors.T  # (passage tokens, query tokens)
            sum_of_best(
                alike, there.indptr, some.indptr, found[row : row + len(some), place : place + len(there)]
            )  # fmt: skip
    return found


class LateInteractionRetriever(PairScoringRetriever):
    """Ranks by MaxSim.

    Args:
        model: a ``sentence_transformers.MultiVectorEncoder``, its name or path.
        first: a retriever whose best passages are the only ones that are scored; None: the whole corpus.
        candidates: how many of them, of each query.
        memory: megabytes for the vectors of the whole corpus.
        options: see `FamilyModel`.

    Raises:
        RetrieverError: the model cannot be loaded.
    """

    kind = "late interaction"

    def __init__(
        self, model: Any, *, first: Retriever | None = None, candidates: int = 1000, memory: int = DEFAULT_MEMORY,
        **options: Any,
    ) -> None:  # fmt: skip
        self._model = FamilyModel(model, "MultiVectorEncoder", **options)
        self._first = None if first is None else Candidates(first, candidates)
        self._memory = memory
        self._work = max(memory << 20, _WORK)
        self.name = self._model.name if first is None else f"{self._model.name} on {first.name}"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **({} if self._first is None else {"candidates": self._first.record()})}

    def bind(self, dataset: Dataset) -> Bound:
        return super().bind(dataset) if self._first is None else self._first.bound(dataset, self._scored)

    def _scores(self, queries: Mapping[str, Sequence[str]], passages: Mapping[str, Sequence[str]]) -> MaxSimScores:
        return MaxSimScores(self._vectors("query", queries), self._vectors("passage", passages))

    def _scored(self, queries: Sequence[str], passages: Sequence[str]) -> FloatArray:
        """Scores of pairs of texts, float32 [pairs]."""
        asked, there = list(dict.fromkeys(queries)), list(dict.fromkeys(passages))
        row = {text: at for at, text in enumerate(asked)}
        place = {text: at for at, text in enumerate(there)}
        left, right = self._vectors("query", {"": asked})[""], self._vectors("passage", {"": there})[""]
        rows, places = (np.array([known[text] for text in texts], dtype=np.int64)
                        for known, texts in ((row, queries), (place, passages)))  # fmt: skip
        return maxsim(left, right, rows, places)

    def _vectors(self, role: Role, lists: Mapping[str, Sequence[str]]) -> dict[str, TokenVectors]:
        found: dict[str, TokenVectors] = {}
        for name, made in self._model.rows(role, lists, partial(self._encoded, role)):
            found[name] = TokenVectors.of(made.vectors, np.concatenate([[0], np.cumsum(made.counts)]))
            held = sum(each.vectors.nbytes for each in found.values())
            if role == "passage" and held > self._memory << 20:
                raise RetrieverError(
                    f"{self.name}: the vectors of {len(found)} of {counted(len(lists), 'corpus', 'corpora')} take "
                    f"{held >> 20:,} MB, more than the {self._memory:,} MB allowed; give more memory, or "
                    "a first stage whose candidates are scored"
                )
        return found

    def _encoded(self, role: Role, texts: Sequence[str]) -> Rows:
        made = [np.asarray(each, np.float32) for each in self._model.encode(role, texts, convert_to_numpy=True)]
        empty = next((text for text, each in zip(texts, made, strict=True) if not len(each)), None)
        if empty is not None or not all(np.isfinite(each).all() for each in made):
            what = "NaN or infinity" if empty is None else f"no vector for {empty[:80]!r}"
            raise RetrieverError(f"{self.name} gave {what}; expected a finite vector for each token of a {role}")
        return Rows(np.concatenate(made), np.array([len(each) for each in made], np.int64))
