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
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, IntArray
from beir_hybrid.retrieval.beir import BeirSearchable
from beir_hybrid.retrieval.contract import Bound, Ranking, Retriever
from beir_hybrid.retrieval.families.array_cache import Arrays
from beir_hybrid.retrieval.families.model import FamilyModel
from beir_hybrid.retrieval.families.reranking import Candidates
from beir_hybrid.retrieval.search.scores import ScoreTile, rounded_by_torch
from beir_hybrid.retrieval.search.search import beir_search, rankings
from beir_hybrid.settings import Task

DEFAULT_TOP_K = 100
DEFAULT_MEMORY = 4096
_WORK = 256 << 20
"""Bytes that a search works in at least, besides the vectors."""
_THREADS = 1
"""That score: PyTorch multiplies on all processors by itself."""
_AT_ONCE = 1 << 24
"""Similarities of tokens held at a time: 64 MB."""
_PADDED = 1.15
"""A group of passages is padded to at most so many times its tokens."""


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """The vectors of the tokens of many texts: float32 [tokens, d], text i has ``[indptr[i]:indptr[i + 1]]``."""

    vectors: FloatArray
    indptr: IntArray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def part(self, begin: int, end: int) -> TokenVectors:
        """The texts [begin, end)."""
        if (begin, end) == (0, len(self)):  # keeps its groups
            return self
        first, last = self.indptr[begin], self.indptr[end]
        return TokenVectors(self.vectors[first:last], self.indptr[begin : end + 1] - first)

    @cached_property
    def groups(self) -> list[tuple[IntArray, FloatArray]]:
        """Texts of like length together: (places, float32 [texts, longest, d]). Short ones repeat their first token,
        which changes no maximum."""
        lengths = np.diff(self.indptr)
        order = np.argsort(lengths, kind="stable")
        found, begin = [], 0
        while begin < len(order):
            end = begin + 1
            tokens = int(lengths[order[begin]])
            while end < len(order) and lengths[order[end]] * (end + 1 - begin) <= _PADDED * (
                tokens + lengths[order[end]]
            ):
                tokens += int(lengths[order[end]])
                end += 1
            places = order[begin:end]
            longest = int(lengths[places[-1]])
            within = np.arange(longest)
            take = self.indptr[places][:, None] + np.where(within < lengths[places][:, None], within, 0)
            found.append((places, self.vectors[take]))
            begin = end
        return found


@dataclass(frozen=True, eq=False)
class MaxSimScores:
    """MaxSim of queries and passages by name; see `PairScores`.

    The exact score: the `dot` of tokens, summed in float64 in one fixed order; the best for each query token, summed in
    float64 in the order of the tokens; rounded to float32.
    """

    queries: Mapping[str, TokenVectors]
    passages: Mapping[str, TokenVectors]
    a_passage: int = 0
    held: int = 0

    @property
    def n_queries(self) -> Mapping[str, int]:
        return {name: len(each) for name, each in self.queries.items()}

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(each) for name, each in self.passages.items()}

    @cached_property
    def margin(self) -> float:
        """A float32 dot product of d values is off by at most d units in the last place of the product of the lengths
        of its vectors (Higham 2002, section 3.1), and by what is rounded of both before; a score sums that over the
        tokens of a query."""
        tokens = max((int(np.diff(each.indptr).max(initial=0)) for each in self.queries.values()), default=0)
        lengths = [_longest(each.vectors) for each in (*self.queries.values(), *self.passages.values())]
        d = next((each.vectors.shape[1] for each in self.queries.values()), 0)
        unit = (d + tokens + 2) * float(np.finfo(np.float32).eps) + 2.1 * rounded_by_torch()
        return tokens * unit * max(lengths, default=0.0) ** 2

    def read(self, corpus: str, begin: int, end: int) -> TokenVectors:
        return self.passages[corpus].part(begin, end)

    def tile(self, queries: str, rows: slice, passages: TokenVectors, columns: slice) -> ScoreTile:
        asked, there = self.queries[queries].part(rows.start, rows.stop), passages.part(columns.start, columns.stop)
        bounds = np.full(len(asked), self.margin)
        return ScoreTile(_quick_maxsim(asked, there), bounds, partial(maxsim, asked, there))

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        return maxsim(self.queries[queries], self.passages[corpus], rows, places)


def maxsim(queries: TokenVectors, passages: TokenVectors, rows: IntArray, places: IntArray) -> FloatArray:
    """The exact scores of pairs, side by side, see `MaxSimScores`."""
    from beir_hybrid.retrieval.search.kernels import maxsim_pairs

    found = np.empty(len(rows), dtype=np.float32)
    maxsim_pairs(queries.vectors, queries.indptr, passages.vectors, passages.indptr, rows, places, found)
    return found


def _quick_maxsim(queries: TokenVectors, passages: TokenVectors) -> FloatArray:
    """Float32 [queries, passages], as far off as `MaxSimScores.margin` says."""
    import torch

    tokens = torch.from_numpy(queries.vectors)
    of_row = torch.from_numpy(np.repeat(np.arange(len(queries)), np.diff(queries.indptr)))
    found = np.empty((len(queries), len(passages)), dtype=np.float32)
    for places, vectors in passages.groups:
        n, longest, d = vectors.shape
        step = max(1, _AT_ONCE // (longest * max(1, len(tokens))))
        for begin in range(0, n, step):
            some = torch.from_numpy(vectors[begin : begin + step])
            alike = (tokens @ some.reshape(-1, d).T).reshape(len(tokens), -1, longest).amax(2)
            sums = torch.zeros((len(queries), alike.shape[1])).index_add_(0, of_row, alike)
            found[:, places[begin : begin + step]] = sums.numpy()
    return found


class LateInteractionRetriever(BeirSearchable):
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

    def __init__(
        self, model: Any, *, first: Retriever | None = None, candidates: int = 1000, memory: int = DEFAULT_MEMORY,
        **options: Any,
    ) -> None:  # fmt: skip
        self._model = FamilyModel(model, "MultiVectorEncoder", **options)
        self._first = None if first is None else Candidates(first, candidates)
        self._memory = memory
        self.name = self._model.name if first is None else f"{self._model.name} on {first.name}"

    def describe(self) -> dict[str, Any]:
        first = {} if self._first is None else {"candidates": self._first.record()}
        return {**self._model.record("late interaction"), **first}

    def bind(self, dataset: Dataset) -> Bound:
        if self._first is not None:
            return self._first.bound(dataset, self._scored)
        return Bound(dataset, self._rank, depth=None)

    @property
    def _work(self) -> int:
        return max(self._memory << 20, _WORK)

    def _rank(self, tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
        queries = {task.query_language: task.queries for task in tasks}
        passages = {block.language: block for task in tasks for block in task.blocks}
        scores = self._scores(
            {name: block.texts for name, block in queries.items()},
            {name: block.lazy_full_texts() for name, block in passages.items()},
        )
        yield from rankings(tasks, scores, top_k or DEFAULT_TOP_K, self._work, _THREADS)

    def _scores(self, queries: Mapping[str, Sequence[str]], passages: Mapping[str, Sequence[str]]) -> MaxSimScores:
        asked = {name: self._vectors("query", texts) for name, texts in queries.items()}
        there, held = {}, 0
        for name, texts in passages.items():
            there[name] = self._vectors("passage", texts)
            held += 2 * there[name].vectors.nbytes  # once as they come, once in groups of like length
            if held > self._memory << 20:
                raise RetrieverError(
                    f"{self.name}: the vectors of {len(there)} of {len(passages)} corpora take {held >> 20:,} MB, more "
                    f"than the {self._memory:,} MB allowed; give more memory, or a first stage whose candidates are "
                    "scored"
                )
        return MaxSimScores(asked, there)

    def _scored(self, queries: Sequence[str], passages: Sequence[str]) -> FloatArray:
        """Scores of pairs of texts, float32 [pairs]."""
        asked, there = list(dict.fromkeys(queries)), list(dict.fromkeys(passages))
        row = {text: at for at, text in enumerate(asked)}
        place = {text: at for at, text in enumerate(there)}
        left, right = self._vectors("query", asked), self._vectors("passage", there)
        rows, places = (np.array([known[text] for text in texts], dtype=np.int64)
                        for known, texts in ((row, queries), (place, passages)))  # fmt: skip
        return maxsim(left, right, rows, places)

    def _vectors(self, role: str, texts: Sequence[str]) -> TokenVectors:
        parts = list(self._model.cache(role).chunks(texts, lambda some: self._encoded(role, some)))
        if not parts:
            return TokenVectors(np.empty((0, 1), np.float32), np.zeros(1, np.int64))
        indptr = np.concatenate([[0], np.cumsum(np.concatenate([part["lengths"] for part in parts]))])
        return TokenVectors(np.concatenate([part["vectors"] for part in parts]), indptr.astype(np.int64))

    def _encoded(self, role: str, texts: Sequence[str]) -> Arrays:
        made = [np.asarray(each, np.float32) for each in self._model.encode(role, texts, convert_to_numpy=True)]
        empty = next((text for text, each in zip(texts, made, strict=True) if not len(each)), None)
        if empty is not None or not all(np.isfinite(each).all() for each in made):
            what = "NaN or infinity" if empty is None else f"no vector for {empty[:80]!r}"
            raise RetrieverError(f"{self.name} gave {what}; expected a finite vector for each token of a {role}")
        return {"vectors": np.concatenate(made), "lengths": np.array([len(each) for each in made], np.int64)}

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search over the whole corpus; the score is MaxSim whatever is passed."""

        def scores_of(asked: Sequence[str], there: Sequence[str]) -> MaxSimScores:
            return self._scores({"": asked}, {"": there})

        return beir_search(corpus, queries, top_k, scores_of, self._work, _THREADS)


def _longest(vectors: FloatArray) -> float:
    return float(np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1).max(initial=0.0)))
