"""Retrievers behind one protocol: dense, BM25, BEIR search objects, run files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import RetrieverError
from beir_hybrid.registry import RETRIEVERS, registered, resolve

if TYPE_CHECKING:
    from beir_hybrid.retrieval.contract import Retriever

__all__ = ["as_retriever", "build_retriever", "list_retrievers"]


_RUN_ENDINGS = (".trec", ".run", ".txt", ".tsv", ".json", ".parquet")


def list_retrievers() -> list[str]:
    """Names of every registered retriever."""
    return list(registered(RETRIEVERS))


def build_retriever(kind: str, *args: Any, **options: Any) -> Retriever:
    """A registered retriever by name: ``build_retriever("bm25", variant="language")``.

    Raises:
        RetrieverError: the name is unknown, or the retriever refuses the options.
    """
    make: Callable[..., Retriever] = resolve(RETRIEVERS, kind, RetrieverError)
    try:
        return make(*args, **options)
    except TypeError as error:
        raise RetrieverError(f"retriever {kind!r} does not take these options: {error}") from error


def as_retriever(given: Any) -> Retriever:
    """What a user may hand to `evaluate` as a retriever.

    A retriever itself; a sentence-transformers model, its name or path, or a function from texts to vectors
    (dense); the path of a run file (any file; see `read_run` for its forms); BEIR's results or a ``ranx.Run``;
    ``"bm25"``; an object with BEIR's ``search`` method.

    Raises:
        RetrieverError: none of these.
    """
    if isinstance(given, type):
        raise RetrieverError(f"{given.__name__} is a class; give an object of it, like {given.__name__}(...)")
    if callable(getattr(given, "retrieve", None)) and hasattr(given, "describe"):
        found: Retriever = given
        return found
    if isinstance(given, str | Path):
        if given == "bm25":
            return build_retriever("bm25")
        name = str(given).removesuffix(".gz")
        # a model is a folder or a name on the hub, never a file
        if Path(given).is_file() or (name.endswith(_RUN_ENDINGS) and not Path(given).is_dir()):
            return build_retriever("run", given)
        return build_retriever("dense", given)
    if isinstance(given, Mapping):
        from beir_hybrid.retrieval.runs import ResultsRetriever

        return ResultsRetriever(given)
    if type(given).__module__.startswith("ranx."):
        from beir_hybrid.metrics.ranx_backend import from_run
        from beir_hybrid.retrieval.runs import ResultsRetriever

        return ResultsRetriever(from_run(given), name=given.name or "run")
    if hasattr(given, "encode") and not hasattr(given, "search"):
        return build_retriever("dense", given)
    if callable(getattr(given, "search", None)):
        from beir_hybrid.retrieval.beir import BeirSearchRetriever

        return BeirSearchRetriever(given)
    if callable(given):
        return build_retriever("dense", given)
    raise RetrieverError(
        f"{type(given).__name__} is no retriever: expected a model, its name or path, an encode function, "
        f"a run file, or an object with BEIR's search method"
    )
