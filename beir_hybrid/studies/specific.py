"""One model per language, asked as one retriever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.retrieval.contract import Bound, Ranking, Retriever
from beir_hybrid.settings import Task


class SpecificRetriever:
    """Queries in a language are answered by that language's model, which encodes the whole corpus.

    Args:
        models: language -> what makes its retriever; one is open at a time.
        fallback: the language whose model answers queries in languages without a model.
    """

    name = "one model per language"

    def __init__(self, models: Mapping[str, Callable[[], Retriever]], fallback: str) -> None:
        self._models = models
        self._fallback = fallback
        self._descriptions: dict[str, dict[str, Any]] = {}

    def describe(self) -> dict[str, Any]:
        for language, make in self._models.items():
            if language not in self._descriptions:
                self._descriptions[language] = make().describe()
        return {"type": self.name, "fallback": self._fallback, "models": dict(self._descriptions)}

    def bind(self, dataset: Dataset) -> Bound:
        """Every task of the data set; the models are dense, so their ranks are of full depth."""
        return Bound(dataset, partial(self._rank, dataset), depth=None)

    def _rank(self, dataset: Dataset, tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
        asked: dict[str, list[Task]] = {}
        for task in tasks:
            language = task.query_language if task.query_language in self._models else self._fallback
            asked.setdefault(language, []).append(task)
        for language, own in asked.items():
            yield from self._models[language]().bind(dataset).retrieve(own, top_k)
