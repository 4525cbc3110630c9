"""Consistency across query languages: does the pool rank alike whichever language a question is asked in?

For parallel questions and the rankings of one pool, with no judgments. A system can serve every language well on
average and still show a German and a Thai user different passages; these say how different.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from beir_hybrid.records import Hits, IntArray, ScoreArray

OVERLAP_CUTOFF = 10
PERSISTENCE = 0.9
"""RBO's p: the chance to look at one more passage; with 0.9 the first 10 carry 86 % of the weight."""
DEPTH = 100
"""Passages of a ranking that RBO looks at; those behind would weigh 0.003 % at most."""
OVERLAP = f"consistency_overlap@{OVERLAP_CUTOFF}"
RBO = f"consistency_rbo@{DEPTH}"
CONSISTENCY_METRICS = (OVERLAP, RBO)


def consistency(
    hits: Mapping[str, Hits], groups: Mapping[str, Sequence[str]], n_passages: int
) -> dict[str, dict[str, ScoreArray]]:
    """How far each query's ranking agrees with those of the same question in the other query languages.

    Args:
        hits: by query language, the best passages of its queries, at positions of one pool.
        groups: by query language, what each query asks; queries of one group are the same question.
        n_passages: of the pool.

    Returns:
        By query language, float64 [queries] for each metric: the mean over the other languages that ask the same
        question; NaN where none does. Where every question is asked in every language, the mean over queries and
        languages is the mean over pairs of languages.

        - ``consistency_overlap@10``: passages that both have among their first 10, over 10 (over the size of a smaller
          pool). What was not retrieved is not shared.
        - ``consistency_rbo@100``: rank-biased overlap of the first 100 with p = 0.9, extrapolated (RBO_EXT; Webber,
          Moffat and Zobel 2010, eq. 32, which is for rankings of different lengths too). 0 if one is empty.
    """
    languages = sorted(hits)
    sums = {lang: np.zeros((len(CONSISTENCY_METRICS), len(hits[lang]))) for lang in languages}
    others = {lang: np.zeros(len(hits[lang])) for lang in languages}
    rows = {lang: {group: row for row, group in reversed([*enumerate(groups[lang])])} for lang in languages}
    first = {lang: hits[lang].cut(DEPTH) for lang in languages}
    cutoff = min(OVERLAP_CUTOFF, n_passages)
    for at, one in enumerate(languages):
        for other in languages[at + 1 :]:
            shared = [group for group in rows[one] if group in rows[other]]
            if not shared:
                continue
            places = [np.array([rows[lang][group] for group in shared]) for lang in (one, other)]
            sides = [first[lang].take(place) for lang, place in zip((one, other), places, strict=True)]
            values = np.stack([_overlap(sides[0], sides[1], cutoff), rank_biased_overlap(sides[0], sides[1])])
            for lang, place in zip((one, other), places, strict=True):
                sums[lang][:, place] += values
                others[lang][place] += 1
    return {
        lang: dict(
            zip(
                CONSISTENCY_METRICS,
                np.divide(sums[lang], others[lang], out=np.full_like(sums[lang], np.nan), where=others[lang] > 0),
                strict=True,
            )
        )
        for lang in languages
    }


def _overlap(one: Hits, other: Hits, cutoff: int) -> ScoreArray:
    depths, _ = _shared(one.cut(cutoff), other.cut(cutoff))
    found: ScoreArray = np.bincount(depths, minlength=len(one)) / cutoff
    return found


def rank_biased_overlap(one: Hits, other: Hits, p: float = PERSISTENCE) -> ScoreArray:
    """RBO_EXT of each pair of rankings (Webber et al. 2010, eq. 32), float64 [queries], 0 to 1; 0 where one is empty.

    Args:
        one: rankings, and
        other: those that each is compared with.
        p: the persistence, above 0 and below 1.
    """
    lengths = np.stack([one.counts, other.counts])
    short, long = lengths.min(axis=0), lengths.max(axis=0)
    width = int(long.max()) if len(long) else 0
    if not width:
        return np.zeros(len(one))
    query, depth = _shared(one, other)
    found = np.zeros((len(one), width + 1))
    np.add.at(found, (query, depth), 1)
    overlap = np.cumsum(found, axis=1)[:, 1:]  # X_d: passages that both have among their first d; column d - 1
    d = np.arange(1, width + 1)
    # a ranking without passages agrees with nothing, which the division by its length would not say
    s, n = np.maximum(short, 1)[:, None], np.maximum(long, 1)[:, None]
    x_s = np.take_along_axis(overlap, s - 1, axis=1)
    x_l = np.take_along_axis(overlap, n - 1, axis=1)
    agreement = overlap / d + np.where(d > s, x_s * (d - s) / (s * d), 0)
    total = (1 - p) / p * np.sum(np.where(d <= n, agreement * p**d, 0), axis=1)
    tail = ((x_l - x_s) / n + x_s / s) * p**n
    result: ScoreArray = np.where(short > 0, total + tail[:, 0], 0.0)
    return result


def _shared(one: Hits, other: Hits) -> tuple[IntArray, IntArray]:
    """For every passage that both rankings of a query hold: the query, and the greater of its two ranks."""
    width = 1 + max((int(each.passages.max()) for each in (one, other) if len(each.passages)), default=0)
    first, second = (each.query * width + each.passages for each in (one, other))
    _, at, there = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return one.query[at], np.maximum(one.rank[at], other.rank[there])
