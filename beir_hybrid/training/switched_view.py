"""The training set with code-switched queries: a data set as the plugin's, so that it pickles for worker processes."""

from __future__ import annotations

from typing import Any

from beir_hybrid.training.code_switch import Lexicon, switch
from st_hybrid_batch import ParallelDataset


class CodeSwitched(ParallelDataset):
    """A training set whose queries are code-switched when they are read.

    A query is switched anew for every passage row it is paired with, so cross-lingual batches show it in several
    mixtures; the same pair is switched in the same way whenever it comes up.

    Args:
        dataset: the training set.
        lexicon: where translations come from.
        probability: of a word that the lexicon has to be replaced.
        seed: of the draws.
    """

    def __init__(self, dataset: ParallelDataset, lexicon: Lexicon, probability: float, seed: int) -> None:
        super().__init__(dataset)
        self._lexicon, self._probability, self._seed = lexicon, probability, seed

    def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = super().__getitems__(keys)
        pairs = [key if isinstance(key, tuple) else (key, key) for key in keys]
        languages = self.row_languages([query for query, _ in pairs])
        for row, language, (query, passage) in zip(rows, languages, pairs, strict=True):
            draw = f"{self._seed} {query} {passage}"
            row["query"] = switch(row["query"], language, self._lexicon, self._probability, draw)
        return rows
