"""Retrieval tasks of mteb as data sets: ``mteb/XQuADRetrieval``, loaded by mteb itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.family import Family
from beir_hybrid.errors import DatasetError, MissingExtraError, did_you_mean, first_line
from beir_hybrid.hosts.blocks import Blocks
from beir_hybrid.hosts.codes import short_codes
from beir_hybrid.languages import language_code
from beir_hybrid.records import Licence

PARALLEL = ("XQuADRetrieval", "MLQARetrieval", "BelebeleRetrieval")
"""Tasks whose queries and passages have the same ids in every language where they are translations."""


@dataclass(frozen=True)
class MtebSource:
    """One task.

    Args:
        task: mteb's.
    """

    task: Any

    @property
    def name(self) -> str:
        return f"mteb/{self.task.metadata.name}"

    @property
    def summary(self) -> str:
        return f"{self.task.metadata.name} of mteb: {self.task.metadata.description}"

    @property
    def licence(self) -> Licence:
        given = self.task.metadata.license
        return Licence(str(given or "not specified"), str(self.task.metadata.reference or ""), "(as mteb states it)")

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.task.metadata.eval_splits)

    @cached_property
    def _subsets(self) -> dict[str, list[str]]:
        """Languages of each subset, as mteb writes them."""
        given = self.task.metadata.eval_langs
        return dict(given) if isinstance(given, Mapping) else {"default": list(given)}

    @cached_property
    def _codes(self) -> dict[str, str]:
        return short_codes(tag for tags in self._subsets.values() for tag in tags)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(set(self._codes.values())))

    def _pairs(self, query_language: str | None) -> dict[str, tuple[str, str]]:
        """The query's and the passages' language of each subset; mteb names that of the passages first."""
        found = {}
        for subset, tags in self._subsets.items():
            codes = [self._codes[tag] for tag in tags]
            if len(codes) > 2:
                raise DatasetError(
                    f"{self.name}: its subset {subset!r} mixes {len(codes)} languages ({', '.join(codes)}) and does "
                    f"not say which text is in which, so it has no language settings"
                )
            found[subset] = (query_language or codes[-1], codes[0])
        return found

    def load(
        self,
        data_dir: Path | str | None,
        languages: Sequence[str],
        split: str,
        *,
        parallel: bool | None = None,
        query_language: str | None = None,
        **_: Any,
    ) -> Dataset:
        """The task's subsets in these languages as one data set.

        Args:
            data_dir: must be None: mteb keeps its files in the cache of `datasets`.
            parallel: passages with the same id are translations, and all of them answer a query that one answers;
                None: for the tasks of `PARALLEL`.
            query_language: of all queries, for a task that states its passages' only.
        """
        if data_dir is not None:
            raise DatasetError(
                f"{self.name} is loaded by mteb into the cache of datasets (HF_HOME); leave --data-dir out"
            )
        query_language = query_language and language_code(query_language)
        pairs = {
            name: pair for name, pair in self._pairs(query_language).items() if {*pair} <= {*languages, query_language}
        }
        if not pairs:
            raise DatasetError(
                f"{self.name} has no subset within {', '.join(languages)}; it has: {', '.join(self._subsets)}"
            )
        blocks = Blocks(self.name)
        for subset, data in self._loaded(list(pairs), split).items():
            query, passage = pairs[subset]
            blocks.add(
                subset, query, passage,
                {row["id"]: row["text"] for row in data["queries"]},
                {row["id"]: (row.get("title") or "", row["text"]) for row in data["corpus"]},
                data["relevant_docs"],
            )  # fmt: skip
        chosen = self.task.metadata.name in PARALLEL if parallel is None else parallel
        options: dict[str, Any] = {} if parallel is None else {"parallel": parallel}
        options |= {} if query_language is None else {"query_language": query_language}
        return blocks.dataset(split, parallel=chosen, licence=self.licence, options=options)

    def _loaded(self, subsets: list[str], split: str) -> dict[str, Any]:
        """What mteb loads of each subset, in its own form."""
        task = self.task
        where = task.metadata.dataset
        try:
            task.hf_subsets = subsets
            task.load_data()
            task.convert_v1_dataset_format_to_v2(num_proc=None)
            return {subset: task.dataset[subset][split] for subset in subsets}
        except Exception as error:  # a network, a format, a script: other people's code
            raise DatasetError(
                f"mteb could not load {self.task.metadata.name} ({first_line(error)}); looked for "
                f"{where.get('path')} at {where.get('revision')} on the hub and in the cache of datasets: "
                f"load it once with a network"
            ) from error


def _find(name: str) -> MtebSource:
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
    return MtebSource(task)


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
