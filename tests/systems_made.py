"""Small retrievers for tests of what is shown of them, and result folders they made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.comparison import Comparison
from beir_hybrid.report.contents import Contents, read_contents
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.settings import Task

EVIL = "evil </script><img src=x onerror=alert(1)> &amp; $title"


@cache
def letter_vector(pair: str, size: int) -> np.ndarray:
    return np.random.default_rng(list(pair.encode())).normal(size=size)


def letters(size: int) -> DenseRetriever:
    """Bags of letter pairs: deterministic, and better than chance inside a language."""

    def encode(texts: list[str]) -> np.ndarray:
        rows = [
            np.sum([letter_vector(text[at : at + 2], size) for at in range(len(text) - 1)] or [np.zeros(size)], axis=0)
            for text in texts
        ]
        return np.array(rows, dtype=np.float32)

    return DenseRetriever(encode, identity=f"letter pairs {size}", name=f"letters-{size}", cache=False)


class Shallow:
    """The same ranking cut after five passages, so that most answers have no rank."""

    name = EVIL

    def describe(self) -> dict[str, Any]:
        return {"type": "shallow", "name": EVIL}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        for ranking in letters(24).retrieve(tasks, 5):
            yield Ranking.of_hits(ranking.task, ranking.hits)


@dataclass(frozen=True)
class Made:
    """Result folders and their comparison."""

    folders: list[Path]
    comparison: Comparison

    @property
    def contents(self) -> Contents:
        return read_contents(self.comparison)[0]
