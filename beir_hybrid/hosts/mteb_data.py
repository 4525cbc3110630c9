"""Retrieval tasks of mteb as data sets: ``mteb/XQuADRetrieval``, loaded by mteb itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beir_hybrid.datasets.family import Family
from beir_hybrid.errors import DatasetError, MissingExtraError, did_you_mean, first_line
from beir_hybrid.hosts.codes import short_codes
from beir_hybrid.hosts.joined import HostSource, Texts
from beir_hybrid.records import Licence

PARALLEL = ("XQuADRetrieval", "MLQARetrieval", "BelebeleRetrieval")
"""Tasks whose queries and passages have the same ids in every language where they are translations."""


def _find(name: str) -> HostSource:
    try:
        import mteb
        from mteb.abstasks import AbsTaskRetrieval
    except ImportError as error:
        raise MissingExtraError(f"mteb/{name}", "mteb", "mteb") from error
    try:
        task = mteb.get_task(name)
    except Exception as error:  # a KeyError, with a message of its own in each version
        raise DatasetError(f"mteb has no task {name!r}; {did_you_mean(name, _retrieval_tasks(), most=0)}") from error
    if not isinstance(task, AbsTaskRetrieval) or task.metadata.modalities != ["text"]:
        raise DatasetError(
            f"mteb's {name} is no retrieval of texts ({task.metadata.type}, {', '.join(task.metadata.modalities)}); "
            f"expected one such as mteb/XQuADRetrieval"
        )
    return _source(task)


def _source(task: Any) -> HostSource:
    about = task.metadata
    languages = about.eval_langs if isinstance(about.eval_langs, Mapping) else {"default": about.eval_langs}
    codes = short_codes(tag for tags in languages.values() for tag in tags)

    def pairs(language: str | None, query_language: str | None) -> Mapping[str, tuple[str, str]]:
        """mteb names the language of the passages first."""
        for subset, tags in languages.items():
            if len(tags) > 2:
                raise DatasetError(
                    f"mteb/{about.name}: its subset {subset!r} mixes {len(tags)} languages "
                    f"({', '.join(codes[tag] for tag in tags)}) and does not say which text is in which, so it has no "
                    "language settings"
                )
        return {
            subset: (query_language or codes[tags[-1]], language or codes[tags[0]])
            for subset, tags in languages.items()
        }

    def read(subsets: Sequence[str], split: str) -> Iterator[Texts]:
        for data in _loaded(task, list(subsets), split):
            yield Texts(
                {row["id"]: row["text"] for row in data["queries"]},
                {row["id"]: (row.get("title") or "", row["text"]) for row in data["corpus"]},
                data["relevant_docs"],
            )

    return HostSource(
        f"mteb/{about.name}", f"{about.name} of mteb: {about.description}",
        Licence(str(about.license or "not specified"), str(about.reference or ""), "(as mteb states it)"),
        tuple(about.eval_splits), tuple(sorted(set(codes.values()))), "mteb into the cache of datasets (HF_HOME)",
        pairs, read, about.name in PARALLEL,
    )  # fmt: skip


def _loaded(task: Any, subsets: list[str], split: str) -> list[Any]:
    """What mteb loads of each subset, in its own form."""
    from beir_hybrid.hosts.mteb_models import asking_mteb

    where = task.metadata.dataset
    try:
        task.hf_subsets = subsets
        with asking_mteb():
            task.load_data()
        task.convert_v1_dataset_format_to_v2(num_proc=None)
        return [task.dataset[subset][split] for subset in subsets]
    except Exception as error:  # a network, a format, a script: other people's code
        raise DatasetError(
            f"mteb could not load {task.metadata.name} ({first_line(error)}); looked for {where.get('path')} at "
            f"{where.get('revision')} on the hub and in the cache of datasets: load it once with a network"
        ) from error


def _retrieval_tasks() -> list[str]:
    import mteb

    return [task.metadata.name for task in mteb.get_tasks(task_types=["Retrieval"], modalities=["text"])]


source = Family(
    name="mteb",
    summary="any retrieval task of mteb, by mteb's name (extra mteb)",
    licence=Licence("that of each task", "https://github.com/embeddings-benchmark/mteb"),
    example="mteb/XQuADRetrieval",
    find=_find,
)
