"""Our data sets as tasks of mteb, one for each setting, for its stock `mteb.evaluate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.hosts.codes import long_code
from beir_hybrid.settings import Task

if TYPE_CHECKING:
    from mteb.abstasks import AbsTaskRetrieval

MAIN_SCORE = "ndcg_at_10"


def mteb_tasks(
    dataset: str | Dataset,
    *,
    settings: str | Iterable[str] | None = None,
    data_dir: Path | str | None = None,
    languages: Iterable[str] | str | None = None,
    split: str | None = None,
    **options: Any,
) -> list[AbsTaskRetrieval]:
    """A data set as retrieval tasks of mteb: ``xquad-r-mono``, ``xquad-r-cross`` and ``xquad-r-multi``.

    The subsets of a task are what the setting is measured on: a language, a pair (query language first) or, of the
    pool, the query language. ``mteb.evaluate(model, tasks=mteb_tasks("xquad-r"))`` gives nDCG and mAP as `evaluate`
    does, as far as mteb ranks: to rank 1,000, ties in an order of its own.

    Args:
        dataset: a data set, or the name of one, which is then loaded with the other arguments, see `load_dataset`.
        settings: which; None: all that the data set has.

    Raises:
        MissingExtraError: mteb is not installed.
        SettingError: the data set has no such setting.
    """
    try:
        import mteb  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("mteb_tasks", "mteb", "mteb") from error
    loaded = load_dataset(dataset, data_dir, languages, split, **options) if isinstance(dataset, str) else dataset
    tasks: dict[str, list[Task]] = {}
    for task in loaded.tasks(settings):
        tasks.setdefault(task.setting, []).append(task)
    return [_task(loaded, setting, some) for setting, some in tasks.items()]


def subset_of(setting: str, query_language: str, corpus_language: str) -> str:
    """The name of a task's subset in its setting."""
    return f"{query_language}-{corpus_language}" if setting == "cross" else query_language


def _task(dataset: Dataset, setting: str, tasks: list[Task]) -> AbsTaskRetrieval:
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    name = f"{dataset.name}-{setting}"
    subsets = {subset_of(setting, task.query_language, task.corpus_language): task for task in tasks}
    pairs = {
        subset: tuple(dict.fromkeys((task.query_language, *(block.language for block in task.blocks))))
        for subset, task in subsets.items()
    }

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        if not self.data_loaded:
            corpora: dict[str, Any] = {}  # every query language of the pool has the same
            self.dataset = {key: {dataset.split: _split_data(task, corpora)} for key, task in subsets.items()}
            self.data_loaded = True

    metadata = TaskMetadata(
        name=name,
        description=f"{dataset.name} in the {setting} setting of beir-hybrid (arXiv 2408.10536).",
        dataset={"path": f"beir-hybrid/{dataset.name}", "revision": dataset.fingerprint},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=[dataset.split],
        eval_langs={subset: [long_code(code) for code in codes] for subset, codes in pairs.items()},
        main_score=MAIN_SCORE,
    )
    # a query that is a passage has its id, see `BeirView.query_ids`
    own = {"metadata": metadata, "load_data": load_data, "ignore_identical_ids": True, "__doc__": name}
    made = type(name, (AbsTaskRetrieval,), own)
    task: AbsTaskRetrieval = made()
    return task


def _split_data(task: Task, corpora: dict[str, Any]) -> dict[str, Any]:
    from datasets import Dataset as Rows

    corpus, queries, qrels = BeirView(task).load()
    if task.corpus_language not in corpora:
        corpora[task.corpus_language] = Rows.from_dict(
            {
                "id": list(corpus),
                "title": [corpus[key].get("title", "") for key in corpus],
                "text": [corpus[key]["text"] for key in corpus],
            }
        )
    return {
        "corpus": corpora[task.corpus_language],
        "queries": Rows.from_dict({"id": list(queries), "text": list(queries.values())}),
        "relevant_docs": {query: dict(judged) for query, judged in qrels.items()},
        "top_ranked": None,
    }
