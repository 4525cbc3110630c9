"""The batches of a validation: a fixed mix of monolingual and cross-lingual ones that covers every group."""

from __future__ import annotations

import numpy as np

from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.pairs import I64, LanguagePairs

_SEED = 0
"""Not the training's: trainings with other seeds are compared by the same validation loss."""


def validation_batches(index: GroupIndex, size: int) -> tuple[I64, I64, int]:
    """Query rows and passage rows of all validation batches, and how many of them are monolingual.

    First every group once in a monolingual batch: of the languages with enough groups left, the one used least so far
    is next; at the end, batches are filled up with groups seen before. Then every group with two languages or more once
    in cross-lingual batches, a pair of languages drawn for every row, the last batch filled up likewise. Languages (or
    cross-lingual batches) with fewer groups than a batch are left out.

    Args:
        index: the groups.
        size: groups in a batch, over all ranks.

    Returns:
        ``(batches, size)`` twice, and the number of monolingual batches, which come first.

    Raises:
        ValueError: no batch can be filled.
    """
    rng = np.random.default_rng(_SEED)
    has = index.has()
    order = rng.permutation(index.n_groups)
    batches: list[I64] = []
    languages: list[int] = []
    for language, groups in _monolingual(order, has[index.set_of_group[order]], size):
        languages.append(language)
        batches.append(groups)
    mono = len(batches)
    parallel = order[has.sum(axis=1)[index.set_of_group[order]] > 1]
    if len(parallel) >= size:
        count = -(-len(parallel) // size)
        batches.extend(np.concatenate((parallel, parallel))[: count * size].reshape(count, size))
    if not batches:
        raise ValueError(
            f"validation batches of {size} rows need as many groups in one language, or with two languages, but the "
            f"data set has {index.n_groups} groups. Use a smaller per_device_eval_batch_size"
        )
    groups = np.stack(batches)
    query = np.zeros(groups.shape, dtype=np.int64)
    query[:mono] = np.array(languages, dtype=np.int64)[:, None]
    passage = query.copy()
    pairs = LanguagePairs(has, np.ones(len(index.languages), dtype=np.int64))
    if len(groups) > mono:
        query[mono:], passage[mono:] = pairs.draw(index.set_of_group[groups[mono:]].astype(np.int64), rng)
    return index.rows(groups, query), index.rows(groups, passage), mono


def _monolingual(order: I64, has: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], size: int) -> list[tuple[int, I64]]:
    """Languages and groups of the monolingual batches; ``has`` is ``(groups, L)`` in the order of ``order``."""
    usable = has.sum(axis=0) >= size
    left = np.ones(len(order), dtype=bool)
    used = np.zeros(has.shape[1], dtype=np.int64)
    batches: list[tuple[int, I64]] = []
    while True:
        counts = np.where(usable, has[left].sum(axis=0), 0)
        if not counts.any():
            return batches
        # full batches first, the least used language first; then the language with most groups left
        full = np.flatnonzero(counts >= size)
        language = int(full[np.argmin(used[full])]) if full.size else int(np.argmax(counts))
        fresh = np.flatnonzero(left & has[:, language])[:size]
        again = np.flatnonzero(~left & has[:, language])[: size - len(fresh)]
        left[fresh] = False
        used[language] += 1
        batches.append((language, order[np.concatenate((fresh, again))]))
