"""The batches of a validation: a fixed mix of monolingual and cross-lingual ones that covers every group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.languages import I64, LanguagePairs

_SEED = 0
"""Not the training's: trainings with other seeds are compared by the same validation loss."""


def validation_batches(index: GroupIndex, size: int) -> tuple[I64, I64, int]:
    """Query rows and passage rows of all validation batches, and how many of them are monolingual.

    First every group once in a monolingual batch: of the languages with enough groups left, the one used least so far
    is next; at the end, batches are filled up with groups seen before. Languages with fewer groups than a batch are
    left out here. Then every group with two languages or more once in cross-lingual batches, a pair of languages drawn
    for every row. With them come the groups of one language that is left out, in that language; the last batch is
    filled up likewise.

    Args:
        index: the groups.
        size: groups in a batch, over all ranks; no more than there are groups.

    Returns:
        ``(batches, size)`` twice, and the number of monolingual batches, which come first.
    """
    rng = np.random.default_rng(_SEED)
    has = index.has()
    order = rng.permutation(index.n_groups)
    in_order = has[index.set_of_group[order]]
    batches, languages, left = _monolingual(order, in_order, size)
    mono = len(batches)
    parallel = in_order.sum(axis=1) > 1
    if parallel.sum() >= size or left.any():
        mixed = parallel | left
        count = -(-int(mixed.sum()) // size)
        rest = order[mixed] if mixed.sum() >= size else order[~mixed]  # no group twice in a batch
        batches.extend(np.concatenate((order[mixed], rest))[: count * size].reshape(count, size))
    groups = np.stack(batches)
    sets = index.set_of_group[groups].astype(np.int64)
    query = np.zeros(groups.shape, dtype=np.int64)
    query[:mono] = np.array(languages, dtype=np.int64)[:, None]
    passage = query.copy()
    query[mono:] = passage[mono:] = has.argmax(axis=1)[sets[mono:]]  # the one language, where there is one
    drawn = has.sum(axis=1)[sets] > 1
    drawn[:mono] = False
    pairs = LanguagePairs(has, np.ones(len(index.languages), dtype=np.int64))
    query[drawn], passage[drawn] = pairs.draw(sets[drawn], rng)
    return *index.rows(groups, query, passage), mono


def _monolingual(order: I64, has: NDArray[np.bool_], size: int) -> tuple[list[I64], list[int], NDArray[np.bool_]]:
    """Groups and languages of the monolingual batches, and which groups (of ``order``) are in none.

    ``has`` is ``(groups, L)``, in the order of ``order``.
    """
    usable = has.sum(axis=0) >= size
    left = np.ones(len(order), dtype=bool)
    used = np.zeros(has.shape[1], dtype=np.int64)
    batches: list[I64] = []
    languages: list[int] = []
    while (counts := np.where(usable, has[left].sum(axis=0), 0)).any():
        # full batches first, the least used language first; then the language with most groups left
        full = np.flatnonzero(counts >= size)
        language = int(full[np.argmin(used[full])]) if full.size else int(np.argmax(counts))
        fresh = np.flatnonzero(left & has[:, language])[:size]
        again = np.flatnonzero(~left & has[:, language])[: size - len(fresh)]
        left[fresh] = False
        used[language] += 1
        batches.append(order[np.concatenate((fresh, again))])
        languages.append(language)
    return batches, languages, left
