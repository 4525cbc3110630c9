"""What a user hands over as a retriever, recognised once. For `evaluate` and the commands."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError, did_you_mean
from beir_hybrid.registry import RETRIEVERS, resolve
from beir_hybrid.retrieval.contract import DEFAULT_DEPTH, Bound, Ranking, Retriever, others_code, rankings_only
from beir_hybrid.retrieval.kinds import Kind, kind_of_model
from beir_hybrid.settings import Task

_RUN_ENDINGS = (".trec", ".run", ".txt", ".tsv", ".json", ".parquet")
RETRIEVER_OF_KIND: dict[Kind, str] = {"dense": "dense", "sparse": "sparse", "multi-vector": "late-interaction"}
"""The registered retriever of each kind of model."""


def build_retriever(kind: str, *args: Any, **options: Any) -> Retriever:
    """A registered retriever by name: ``build_retriever("bm25", variant="language")``.

    Raises:
        RetrieverError: the name is unknown, the retriever refuses the options, or it is none.
    """
    make: Callable[..., Any] = resolve(RETRIEVERS, kind, RetrieverError)
    try:
        takes = inspect.signature(make).parameters.values()
        known = [each.name for each in takes if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        unknown = next((option for option in options if option not in known), None)
        if unknown is not None and not any(each.kind is each.VAR_KEYWORD for each in takes):
            raise RetrieverError(f"retriever {kind!r} has no option {unknown!r}; {did_you_mean(unknown, known)}")
        made = make(*args, **options)
    except TypeError as error:
        what = str(error).partition("() ")[2] or error  # without the name of our function
        raise RetrieverError(f"retriever {kind!r} does not take these options: {what}") from error
    return _retriever_itself(made, f"the retriever {kind!r}")


def as_retriever(given: Any) -> Retriever:
    """What a user may hand to `evaluate` as a retriever.

    A retriever itself: an object with `Retriever.bind`, or with ``name``, ``describe()`` and
    ``retrieve(tasks, top_k)``; a sentence-transformers model, its name or path, an object with ``encode`` or
    ``encode_queries`` and ``encode_corpus``, or a function from texts to vectors (dense); the path of a run file (any
    file; see `read_run` for its forms); BEIR's results or a ``ranx.Run``; ``"bm25"``; an object with BEIR's ``search``
    method.

    Raises:
        RetrieverError: none of these, or a model of a kind that there is no retriever for.
    """
    if isinstance(given, type):
        raise RetrieverError(f"{given.__name__} is a class; give an object of it, like {given.__name__}(...)")
    if isinstance(given, str | Path):
        return _named(given)
    if isinstance(given, Mapping):
        return build_retriever("run", given)
    if type(given).__module__.startswith("ranx."):
        from beir_hybrid.metrics.ranx_backend import from_run

        return build_retriever("run", from_run(given), name=given.name)
    kind = kind_of_model(given)
    if kind is not None:
        return build_retriever(retriever_of_model(given, f"the {type(given).__name__}"), given)
    if _has(given, "bind") or _has(given, "retrieve"):
        return _retriever_itself(given, f"the {type(given).__name__}")
    if _has(given, "search"):  # BEIR's dense search has an `encode` as well
        from beir_hybrid.retrieval.beir import BeirSearchRetriever

        return BeirSearchRetriever(given)
    if callable(given) or any(_has(given, name) for name in ("encode", "encode_queries", "encode_query")):
        return build_retriever("dense", given)
    raise RetrieverError(
        f"{type(given).__name__} is no retriever: expected a model, its name or path, an encode function, "
        f"a run file, or an object with BEIR's search method"
    )


def _named(given: str | Path) -> Retriever:
    if given == "bm25":
        return build_retriever("bm25")
    name = str(given).removesuffix(".gz")
    # a model is a folder or a name on the hub, never a file
    if Path(given).is_file() or (name.endswith(_RUN_ENDINGS) and not Path(given).is_dir()):
        return build_retriever("run", given)
    return build_retriever(retriever_of_model(given), given)


def retriever_of_model(given: Any, name: str | None = None) -> str:
    """The registered retriever of a model, its folder or name (of which nothing is known without loading it: dense).

    Raises:
        RetrieverError: it is of a kind that ranks nothing by itself.
    """
    kind = kind_of_model(given) or "dense"
    if kind not in RETRIEVER_OF_KIND:
        raise RetrieverError(
            f"{name or given} is a {kind}: it scores pairs and finds nothing by itself; give a first stage and it as "
            "--rerank, or in Python RerankingRetriever(model, first)"
        )
    return RETRIEVER_OF_KIND[kind]


def _has(given: Any, method: str) -> bool:
    return callable(getattr(given, method, None))


def _retriever_itself(given: Any, called: str) -> Retriever:
    """An object that says it is a retriever; one without `bind` in the form that has it.

    Raises:
        RetrieverError: something it must have is not there.
    """
    lacking = [] if isinstance(getattr(given, "name", None), str) else ["name (a text)"]
    lacking += [] if _has(given, "describe") else ["describe()"]
    lacking += [] if _has(given, "bind") or _has(given, "retrieve") else ["retrieve(tasks, top_k)"]
    if lacking:
        raise RetrieverError(f"{called} is no retriever: it lacks {', '.join(lacking)}")
    bound: Retriever = given if _has(given, "bind") else SimpleRetriever(given)
    return bound


@dataclass(frozen=True, eq=False)
class SimpleRetriever:
    """A retriever that needs no data set to be bound to, such as other packages bring.

    Args:
        given: an object with ``name``, ``describe()`` and ``retrieve(tasks, top_k)``, which yields a `Ranking` for each
            task and returns no fewer hits than ``top_k`` where it has found more.
    """

    given: Any

    @property
    def name(self) -> str:
        return str(self.given.name)

    def describe(self) -> dict[str, Any]:
        with others_code(f"{self.name}: describe()"):
            found = self.given.describe()
        if not isinstance(found, Mapping):
            raise RetrieverError(f"{self.name}: describe() returned a {type(found).__name__}; expected a dict")
        try:
            json.dumps(dict(found), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RetrieverError(f"{self.name}: describe() returned what JSON cannot hold: {error}") from error
        return dict(found)

    def bind(self, dataset: Dataset) -> Bound:
        return Bound(dataset, self._rank)

    def _rank(self, tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
        top_k = top_k or DEFAULT_DEPTH
        wanted = list(tasks)
        with others_code(f"{self.name}: retrieve()"):
            rankings = self.given.retrieve(tasks, top_k)
            if not isinstance(rankings, Iterable):
                raise RetrieverError(f"{self.name}: retrieve() returned a {type(rankings).__name__}; expected Rankings")
            for ranking in rankings_only(rankings, self.name):
                if not any(ranking.task is task for task in wanted):
                    raise RetrieverError(
                        f"{self.name}: retrieve() yielded a ranking of {ranking.task.name} that was not asked for, or "
                        f"was given before"
                    )
                wanted = [task for task in wanted if task is not ranking.task]
                if wrong := ranking.problem:
                    raise RetrieverError(f"{self.name}: the ranking of {ranking.task.name} {wrong}")
                yield ranking if ranking.sought is not None else replace(ranking, sought=top_k)
