"""The training set with code-switched queries: a view as the plugin's, so that it pickles for worker processes."""

from __future__ import annotations

from typing import Any

import numpy as np

from beir_hybrid.training.code_switch import Lexicon, switch
from st_hybrid_batch import ParallelDataset


class CodeSwitched(ParallelDataset):
    """A training set whose queries are code-switched when they are read.

    A query is switched anew for every passage row it is paired with, so cross-lingual batches show it in several
    mixtures; the same pair is switched in the same way whenever it comes up.
    """

    @classmethod
    def of(cls, dataset: ParallelDataset, lexicon: Lexicon, probability: float, seed: int) -> CodeSwitched:
        """The same rows, switched.

        Args:
            dataset: the training set.
            lexicon: where translations come from.
            probability: of a word that the lexicon has to be replaced.
            seed: of the draws.
        """
        view = cls(dataset._tables)
        view._lexicon, view._probability, view._seed = lexicon, probability, seed
        # a row for every language of a group, by the bit of the language
        masks = dataset._tables.groups.column("mask").to_numpy()
        has = (masks[:, None] >> np.arange(len(dataset.languages), dtype=np.uint64)) & np.uint64(1)
        view._language_of_row = np.nonzero(has)[1].astype(np.uint8)
        return view

    def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = super().__getitems__(keys)
        for row, key in zip(rows, keys, strict=True):
            query = int(key[0] if isinstance(key, tuple) else key)
            passage = int(key[1] if isinstance(key, tuple) else key)
            language = self.languages[self._language_of_row[query]]
            draw = f"{self._seed} {query} {passage}"
            row["anchor"] = switch(row["anchor"], language, self._lexicon, self._probability, draw)
        return rows
