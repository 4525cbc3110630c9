"""Does a retriever serve every language equally?

Monolingual, cross-lingual and multilingual evaluation for the BEIR ecosystem, with the language bias of the pooled
ranking. The names below are imported when they are first used, so that ``import beir_hybrid`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beir_hybrid.comparison import Comparison as Comparison
    from beir_hybrid.comparison import compare as compare
    from beir_hybrid.corpus.arrow_corpus import ArrowCorpus as ArrowCorpus
    from beir_hybrid.datasets import list_datasets as list_datasets
    from beir_hybrid.datasets import load_beir_folder as load_beir_folder
    from beir_hybrid.datasets import load_dataset as load_dataset
    from beir_hybrid.datasets.beir_view import BeirView as BeirView
    from beir_hybrid.datasets.dataset import Dataset as Dataset
    from beir_hybrid.errors import BeirHybridError as BeirHybridError
    from beir_hybrid.evaluation.evaluate import evaluate as evaluate
    from beir_hybrid.evaluation.results import Results as Results
    from beir_hybrid.evaluation.results import read_results as read_results
    from beir_hybrid.hosts.mteb_tasks import mteb_tasks as mteb_tasks
    from beir_hybrid.records import Passages as Passages
    from beir_hybrid.records import Queries as Queries
    from beir_hybrid.retrieval.beir import BeirSearchRetriever as BeirSearchRetriever
    from beir_hybrid.retrieval.bm25.retriever import BM25Retriever as BM25Retriever
    from beir_hybrid.retrieval.contract import Ranking as Ranking
    from beir_hybrid.retrieval.contract import Retriever as Retriever
    from beir_hybrid.retrieval.dense.retriever import DenseRetriever as DenseRetriever
    from beir_hybrid.retrieval.runs import RunFileRetriever as RunFileRetriever
    from beir_hybrid.settings import Task as Task

_HOMES = {
    "ArrowCorpus": "beir_hybrid.corpus.arrow_corpus",
    "BM25Retriever": "beir_hybrid.retrieval.bm25.retriever",
    "BeirHybridError": "beir_hybrid.errors",
    "BeirSearchRetriever": "beir_hybrid.retrieval.beir",
    "BeirView": "beir_hybrid.datasets.beir_view",
    "Dataset": "beir_hybrid.datasets.dataset",
    "Comparison": "beir_hybrid.comparison",
    "DenseRetriever": "beir_hybrid.retrieval.dense.retriever",
    "Passages": "beir_hybrid.records",
    "Queries": "beir_hybrid.records",
    "Ranking": "beir_hybrid.retrieval.contract",
    "Results": "beir_hybrid.evaluation.results",
    "Retriever": "beir_hybrid.retrieval.contract",
    "RunFileRetriever": "beir_hybrid.retrieval.runs",
    "Task": "beir_hybrid.settings",
    "compare": "beir_hybrid.comparison",
    "evaluate": "beir_hybrid.evaluation.evaluate",
    "list_datasets": "beir_hybrid.datasets",
    "load_beir_folder": "beir_hybrid.datasets",
    "load_dataset": "beir_hybrid.datasets",
    "mteb_tasks": "beir_hybrid.hosts.mteb_tasks",
    "read_results": "beir_hybrid.evaluation.results",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # a list of strings, derived so that it cannot fall behind
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'beir_hybrid' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
