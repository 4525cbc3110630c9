"""Exact ranks and top-k from embeddings, for all settings from one product.

A passage's rank is 1 + the number of passages that order before it, so no corpus is ever sorted: the scores of a
block of queries against the whole pool are computed once, monolingual and cross-lingual ranks are counted in
one column block each, multilingual ranks in all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from beir_hybrid.processors import processors
from beir_hybrid.records import FloatArray, Hits, IntArray, ordered_bits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task

ROWS = 128
"""Queries scored at a time: their scores against 13,014 passages are 6.7 MB, which stays in the cache."""
_GROUP = 16
"""Columns in a group of `best_of` at most."""


class _Pool:
    """The passages of all tasks side by side, in id order."""

    def __init__(self, tasks: Sequence[Task], vectors: Mapping[str, FloatArray]) -> None:
        blocks = {block.language: block for task in tasks for block in task.blocks if len(block)}
        ordered = sorted(blocks.values(), key=lambda block: block.ids[0])
        self._languages = [block.language for block in ordered]
        self._starts = np.concatenate([[0], np.cumsum([len(block) for block in ordered])]).astype(np.int64)
        self._vectors = np.concatenate([vectors[language] for language in self._languages])
        digests = [hashlib.blake2b(row.data, digest_size=16).digest() for row in self._vectors]
        first: dict[bytes, int] = {}
        self._scorers: dict[tuple[int, int], Callable[[FloatArray], FloatArray]] = {}
        self._same_as = np.array([first.setdefault(digest, at) for at, digest in enumerate(digests)], dtype=np.int64)

    def columns(self, task: Task) -> tuple[int, int]:
        """The columns of a task's corpus, [begin, end): one block, or all of them."""
        places = [self._languages.index(block.language) for block in task.blocks if len(block)]
        return int(self._starts[places[0]]), int(self._starts[places[-1] + 1])

    def scorer(self, begin: int, end: int) -> Callable[[FloatArray], FloatArray]:
        """Scores of query vectors [n, d] against the passages in columns [begin, end)."""
        if (begin, end) not in self._scorers:
            self._scorers[begin, end] = self._make_scorer(begin, end)
        return self._scorers[begin, end]

    def _make_scorer(self, begin: int, end: int) -> Callable[[FloatArray], FloatArray]:
        vectors = np.ascontiguousarray(self._vectors[begin:end].T)  # (d, passages)
        # Equal vectors must get equal scores to count as ties, but a matrix product may round columns
        # differently at the edges of its tiles: a repeated vector takes the scores of its first copy.
        _, first, group = np.unique(self._same_as[begin:end], return_index=True, return_inverse=True)
        original = first[group]
        repeated = np.flatnonzero(original != np.arange(end - begin))

        def score(queries: FloatArray) -> FloatArray:
            product: FloatArray = queries @ vectors  # (queries, passages)
            if len(repeated):
                product[:, repeated] = product[:, original[repeated]]
            return product

        return score


def count_true(mask: npt.NDArray[np.bool_]) -> IntArray:
    """True values in each row of a mask whose rows are whole 8-byte words.

    Words are added up first, 255 at a time, so that each byte of a sum holds a count of its own: several times
    faster than summing booleans.
    """
    words = mask.view(np.uint64)
    sums = np.add.reduceat(words, np.arange(0, words.shape[1], 255), axis=1)
    counts: IntArray = sums.view(np.uint8).sum(axis=1, dtype=np.int64)
    return counts


def word_mask(n_rows: int, n_columns: int) -> npt.NDArray[np.bool_]:
    """An empty mask for `count_true`: its rows are filled up to whole words."""
    return np.zeros((n_rows, -(-n_columns // 8) * 8), dtype=bool)


def rank_in(scores: FloatArray, rows: IntArray, columns: IntArray) -> IntArray:
    """The rank of each (row, column) within its row, in trec_eval's order.

    Args:
        scores: [queries, passages], passages in ascending id order.
        rows: ascending; a row stands once for each of its columns.
        columns: ascending within a row.

    Returns:
        1 + the passages with a higher score + those with an equal score and a greater id.
    """
    n_columns = scores.shape[1]
    ranks = np.empty(len(rows), dtype=np.int64)
    slot = np.arange(len(rows)) - np.searchsorted(rows, rows)  # first, second, ... column of its row
    before = word_mask(len(scores), n_columns)
    for number in range(int(slot.max(initial=-1)) + 1):
        pick = np.flatnonzero(slot == number)
        row, column = rows[pick], columns[pick]
        block = scores if len(row) == len(scores) else scores[row]
        score = scores[row, column][:, None]  # (rows, 1)
        # Left of every wanted column an equal score loses, right of every one it wins; only in between do ties
        # have to be looked at. With parallel answers that is one language of the pool.
        low, high = int(column.min()), int(column.max()) + 1
        mask = before[: len(row)]
        np.greater(block[:, :high], score, out=mask[:, :high])
        np.greater_equal(block[:, high:], score, out=mask[:, high:n_columns])
        ranks[pick] = 1 + count_true(mask)
        between = block[:, low:high]
        equal = word_mask(*between.shape)
        np.equal(between, score, out=equal[:, : high - low])
        for at in np.flatnonzero(count_true(equal) > 1):
            ranks[pick[at]] += np.count_nonzero(equal[at, column[at] - low + 1 :])
    return ranks


def least_of_best(scores: FloatArray, k: int) -> FloatArray:
    """For each row a score that its ``k`` best columns reach, and not many others; ``k`` is 1 to all columns.

    The k-th best of the maxima of column groups is at most the k-th best score: what reaches it are the k best and
    some more (all that tie at the cut among them), found without partitioning whole rows. Groups take every n-th
    column, which makes their maxima a running maximum of slices.
    """
    n_columns = scores.shape[1]
    groups = n_columns // min(_GROUP, max(1, n_columns // (4 * k)))
    maxima = scores[:, :groups]
    for begin in range(groups, n_columns - groups + 1, groups):
        maxima = np.maximum(maxima, scores[:, begin : begin + groups])
    least: FloatArray = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    return least


def best_of(scores: FloatArray, k: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """The ``k`` best columns of every row in trec_eval's order, and their scores, both [rows, k].

    Exact at the cut too: of equal scores those with the greater id stay.
    """
    n_rows, n_columns = scores.shape
    if k <= 0:
        return np.empty((n_rows, 0), dtype=np.int32), np.empty((n_rows, 0), dtype=np.float32)
    k = min(k, n_columns)
    least = least_of_best(scores, k)
    rows, columns = np.divmod(np.flatnonzero(scores >= least[:, None]), n_columns)
    counts = np.bincount(rows, minlength=n_rows)
    keys = np.zeros((n_rows, int(counts.max(initial=k))), dtype=np.uint64)  # k columns even without a row
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys[rows, within] = (ordered_bits(scores[rows, columns]) << np.uint64(32)) | columns.astype(np.uint64)
    keys.sort(axis=1)
    best = (keys[:, ::-1][:, :k] & np.uint64(0xFFFFFFFF)).astype(np.int32)
    return best, np.take_along_axis(scores, best, axis=1)


def exact_rankings(
    tasks: Sequence[Task],
    queries: Mapping[str, FloatArray],
    passages: Mapping[str, FloatArray],
    top_k: int,
    threads: int | None = None,
) -> Iterator[Ranking]:
    """The full-depth ranking of every task, with its best ``top_k`` passages.

    Args:
        tasks: tasks of one data set; a multilingual task must hold all the languages of the others.
        queries: the embeddings of *all* queries of each query language, float32 [n, d].
        passages: those of each corpus, float32 [n, d]; scores are dot products.
        top_k: hits kept for each query; the ranks of the judged passages do not depend on it.
        threads: default: one for each processor.
    """
    from threadpoolctl import threadpool_limits

    pool = _Pool(tasks, passages)
    by_language: dict[str, list[Task]] = {}
    for task in tasks:
        by_language.setdefault(task.query_language, []).append(task)
    workers = threads or processors()
    # each worker multiplies and counts its own rows: one thread each in BLAS is faster than sharing one product
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as executor:
        for language, group in by_language.items():
            yield from _rank_language(pool, group, queries[language], top_k, executor)


def _rank_language(
    pool: _Pool, tasks: Sequence[Task], vectors: FloatArray, top_k: int, executor: ThreadPoolExecutor
) -> Iterator[Ranking]:
    spans = [pool.columns(task) for task in tasks]
    leftmost = min(begin for begin, _ in spans)
    score = pool.scorer(leftmost, max(end for _, end in spans))
    spans = [(begin - leftmost, end - leftmost) for begin, end in spans]
    n = len(vectors)
    # which row of the task a query of the language is (-1: not asked there)
    row_of = np.full((len(tasks), n), -1, dtype=np.int64)
    judged_rows: list[IntArray] = []
    for index, task in enumerate(tasks):
        row_of[index, task.rows] = np.arange(len(task.rows))
        judged_rows.append(task.rows[task.judged.query])
    ranks = [np.zeros(len(task.judged), dtype=np.int64) for task in tasks]

    def rank_rows(begin: int) -> list[tuple[npt.NDArray[np.int32], FloatArray]]:
        end = min(begin + ROWS, n)
        scores = score(vectors[begin:end])
        found = []
        for index, task in enumerate(tasks):
            left, right = spans[index]
            part = scores[:, left:right]
            low, high = np.searchsorted(judged_rows[index], [begin, end])
            rows = judged_rows[index][low:high] - begin
            ranks[index][low:high] = rank_in(part, rows, task.judged.passage[low:high])
            asked = np.flatnonzero(row_of[index, begin:end] >= 0)
            whole = len(asked) == end - begin
            found.append(best_of(part if whole else part[asked], min(top_k, right - left)))
        return found

    chunks = list(executor.map(rank_rows, range(0, n, ROWS)))
    for index, task in enumerate(tasks):
        passages = np.concatenate([chunk[index][0] for chunk in chunks])
        scores = np.concatenate([chunk[index][1] for chunk in chunks])
        depth = passages.shape[1]
        indptr = np.arange(len(task.rows) + 1, dtype=np.int64) * depth
        yield Ranking(task, Hits(indptr, passages.ravel(), scores.ravel()), ranks[index], complete=True)
