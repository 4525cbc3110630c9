"""What a user hands over as a retriever or encoder: taken where it can be, else one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, DenseRetriever, Passages, Queries, evaluate
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, Hits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task

LANGUAGES = ("de", "en")


def made(name: str = "made") -> Dataset:
    """Three parallel questions; the answer to question i is passage 2 i, the first passage has no text."""
    return Dataset(
        name, "test",
        {x: Passages(x, [f"{x}-p{i}" for i in range(8)], ["", *(f"{x} text {i}" for i in range(1, 8))])
         for x in LANGUAGES},
        {x: Queries(x, [f"{x}-q{i}" for i in range(3)], [f"ask {x} {i}" for i in range(3)]) for x in LANGUAGES},
        {f"{x}-q{i}": {f"{y}-p{2 * i}": 1 for y in LANGUAGES} for x in LANGUAGES for i in range(3)},
    )  # fmt: skip


def vectors(texts: Sequence[str]) -> FloatArray:
    return np.stack([np.random.default_rng(list(text.encode())).integers(-9, 10, 8) for text in texts]).astype("f4")


def torch_rows(texts: Sequence[str]) -> list[Any]:
    import torch

    return [torch.from_numpy(row).requires_grad_() for row in vectors(texts)]


def torch_values(texts: Sequence[str]) -> list[list[Any]]:
    return [list(row) for row in torch_rows(texts)]


def torch_sparse(texts: Sequence[str]) -> Any:
    import torch

    return torch.from_numpy(vectors(texts)).bfloat16().to_sparse()


def scipy_sparse(texts: Sequence[str]) -> Any:
    from scipy.sparse import csr_array

    return csr_array(vectors(texts))


@pytest.mark.parametrize(
    "encode",
    [
        lambda texts: (row for row in vectors(texts)),
        lambda texts: iter(torch_rows(texts)),
        torch_rows, torch_values, torch_sparse, scipy_sparse,
        lambda texts: vectors(texts).astype(np.int8),
    ],
    ids=["generator", "generator of tensors", "tensors", "lists of tensors", "sparse tensor", "scipy", "int8"],
)  # fmt: skip
def test_every_form_of_vectors_is_taken(encode: Callable[[list[str]], Any]) -> None:
    """Rows one by one, with gradients, in bfloat16, sparse, as integers: the same numbers are the same vectors."""
    texts = ["one", "two", "three"]
    found = DenseRetriever(encode, similarity="dot").embed("passage", texts)
    assert found.dtype == np.float32 and found.tolist() == vectors(texts).tolist()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda texts: vectors(texts) * 1j, "complex numbers"),
        (lambda texts: None, r"returned shape \(\) for 1 passage text"),
        (lambda texts: {"sentence_embedding": vectors(texts)}, "returned a dict for 1 passage text that is no matrix"),
    ],
)
def test_what_is_no_matrix_is_one_line(answer: Callable[[list[str]], Any], problem: str) -> None:
    """An encoder that gives something else is told what was expected."""
    with pytest.raises(RetrieverError, match=problem):
        DenseRetriever(answer).embed("passage", ["one"])


class Other:
    """A retriever of another package."""

    name = "other"

    def __init__(self, rank: Callable[[Task], Any], described: Any = None) -> None:
        self.rank = rank
        self.described = {} if described is None else described

    def describe(self) -> Any:
        if isinstance(self.described, Exception):
            raise self.described
        return self.described

    def retrieve(self, tasks: Sequence[Task], top_k: int) -> Iterator[Any]:
        for task in tasks:
            yield self.rank(task)


def hits(task: Task, passages: Sequence[int] = (1, 2), scores: Sequence[float] = (2.0, 1.0), rows: int = 3) -> Ranking:
    return Ranking.of_hits(task, Hits.sorted(rows, [0] * len(passages), passages, scores))


def fails(task: Task) -> Any:
    raise KeyError("boo")


@pytest.mark.parametrize(
    ("rank", "problem"),
    [
        (lambda task: {}, r"retrieve\(\) yielded a dict; expected a Ranking"),
        (fails, r"retrieve\(\) failed: KeyError: 'boo'"),
        (lambda task: hits(made().task(task.name)), "a ranking of mono:de that was not asked for"),
        (lambda task: hits(task, rows=2), "the ranking of mono:de has 2 queries and 3 judged pairs; the task has 3"),
        (lambda task: hits(task, passages=(1, 8)), "has a passage 8; there are 8 passages"),
        (lambda task: hits(task, passages=(5, 5)), "has passage 5 twice for query 0"),
        (lambda task: hits(task, scores=(1.0, float("nan"))), "has a score nan; expected finite numbers"),
        (
            lambda task: replace(hits(task), hits=Hits(*(np.array(x) for x in ([0, 2, 2, 2], [2, 1], [1.0, 2.0])))),
            "has hits in another order than score and passage descending",
        ),
        (
            lambda task: replace(hits(task, range(8), range(8)), ranks=np.full(3, 9)),
            "gives a judged passage rank 9, which stands at",
        ),
    ],
)
def test_a_ranking_that_is_none_of_the_task_is_refused(rank: Callable[[Task], Any], problem: str) -> None:
    """What a retriever of another package yields is looked at before a number is made of it."""
    with pytest.raises(RetrieverError, match=f"^other: .*{problem}"):
        evaluate(made(), Other(rank), settings="mono")


@pytest.mark.parametrize(
    ("described", "problem"),
    [
        (KeyError("boo"), r"describe\(\) failed: KeyError: 'boo'"),
        ([], "returned a list; expected a dict"),
        ({"x": object()}, "returned what JSON cannot hold"),
        ({"x": float("inf")}, "returned what JSON cannot hold"),
    ],
)
def test_a_description_that_cannot_be_kept_is_refused(described: Any, problem: str) -> None:
    """Before anything is searched."""
    with pytest.raises(RetrieverError, match=f"^other: .*{problem}"):
        evaluate(made(), Other(fails, described), settings="mono")


def test_a_search_that_fails_is_one_line() -> None:
    """An object with BEIR's search may raise anything."""

    class Broken:
        def search(self, *_: Any) -> Any:
            raise ZeroDivisionError("division by zero")

    with pytest.raises(RetrieverError, match=r"^Broken: search\(\) failed: ZeroDivisionError: division by zero"):
        evaluate(made(), Broken(), settings="mono")
