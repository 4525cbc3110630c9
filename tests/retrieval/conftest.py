"""A small partly parallel data set, and a cache of its own for each test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import Passages, Queries


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache folder of this test; empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(folder))
    return folder


@pytest.fixture
def partly_parallel() -> Dataset:
    """Three languages of 200, 150 and 3 queries; question i exists in a language that has that many.

    Passage i answers question i; every seventh text is the same in all languages, so that embeddings tie.
    Turkish questions stand first: whole blocks of German ones have no Turkish answer.
    """
    questions = {"de": 200, "en": 150, "tr": 3}
    passages = {
        x: Passages(
            x,
            [f"{x}-p-{i:03d}" for i in range(n + 20)],
            ["same" if i % 7 == 0 else f"{x} text {i}" for i in range(n + 20)],
        )
        for x, n in questions.items()
    }
    queries = {
        x: Queries(x, [f"{x}-q-{i:03d}" for i in range(n)], [f"{x} question {i}" for i in range(n)],
                   [f"g{i:03d}" for i in range(n)])
        for x, n in questions.items()
    }  # fmt: skip
    qrels = {
        f"{x}-q-{i:03d}": {f"{y}-p-{i:03d}": 1 + i % 3 for y, m in questions.items() if i < m}
        for x, n in questions.items()
        for i in range(n)
    }
    for number in range(0, 200, 5):  # judged negatives
        qrels[f"de-q-{number:03d}"][f"en-p-{(number + 1) % 170:03d}"] = 0
    return Dataset("partly-parallel", "test", passages, queries, qrels)


def _vector(text: str) -> list[float]:
    seed = int.from_bytes(text.encode()[-12:], "little") % 2**32
    return [float(v) for v in np.random.default_rng(seed).integers(-2, 3, 6)]


def encode(texts: list[str]) -> np.ndarray:
    """A deterministic encoder with small whole numbers: equal texts tie, and products are exact."""
    return np.array([_vector(text) for text in texts], dtype=np.float32)


@pytest.fixture(name="encode")
def encode_fixture() -> object:
    return encode
