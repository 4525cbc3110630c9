"""BEIR's search by a `BlockScorer`. For the retrievers of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, Hits, IntArray
from beir_hybrid.retrieval.beir import hits_to_results
from beir_hybrid.retrieval.families.block_ranks import BlockScorer, best

_ROWS = 128


def search_blocks(
    corpus: Corpus, queries: BeirQueries, top_k: int, scorer_of: Callable[[Sequence[str], Sequence[str]], BlockScorer]
) -> BeirResults:
    """The best passages of every query, as BEIR gives them; no passage that has the query's own id.

    Args:
        corpus, queries: BEIR's mappings.
        top_k: passages a query.
        scorer_of: texts of the queries and ids of the passages to their scorer, under the name "".
    """
    ids, names = sorted(corpus), list(queries)
    if not ids or not names:
        return {name: {} for name in names}
    scorer = scorer_of([queries[name] for name in names], ids)
    depth = min(top_k + 1, len(ids))  # one more, in case a passage has the query's own id
    found: list[tuple[IntArray, FloatArray]] = []
    for begin in range(0, len(names), _ROWS):
        rows = np.arange(begin, min(begin + _ROWS, len(names)))
        for row, line in zip(rows.tolist(), scorer.block("", rows, ""), strict=True):
            found.append(best(line, depth, scorer.margin, partial(scorer.exact, "", row, "")))
    hits = Hits(
        np.arange(len(names) + 1, dtype=np.int64) * depth,
        np.concatenate([places for places, _ in found]).astype(np.int32),
        np.concatenate([scores for _, scores in found]),
    )
    results = hits_to_results(hits, names, ids)
    return {name: dict(list(ranked.items())[:top_k]) for name, ranked in results.items()}
