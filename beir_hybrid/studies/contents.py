"""What the inputs of a study hold: facts and digests of groups files, data sets, models and other files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import fingerprint, sha256_of
from beir_hybrid.errors import StudyError
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.studies.study import Evaluation, Study


@dataclass(frozen=True)
class GroupsContent:
    """What a study needs to know of training groups without reading them again.

    Attributes:
        name: the file, or a registered data set.
        digest: of every record, whatever the file is compressed with.
        counts: how many groups there are of each (split, source, languages they can be trained in).
    """

    name: str
    digest: str
    counts: Mapping[tuple[str | None, str | None, frozenset[str]], int]

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({code for _, _, codes in self.counts for code in codes}))

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({source for _, source, _ in self.counts if source is not None}))

    def training_groups(self, languages: frozenset[str], sources: tuple[str, ...]) -> int:
        """How many groups of the training part have one of the languages and are of one of the sources."""
        return sum(
            count
            for (split, source, codes), count in self.counts.items()
            if split in (None, "train") and (not sources or source in sources) and codes & languages
        )


def records_of(name: str) -> Iterator[dict[str, Any]]:
    """The groups of a JSON Lines file, or of a registered data set that has training groups, as they are written.

    Raises:
        StudyError: neither, or a line that is no group (``path:line``).
    """
    path = Path(name)
    if not path.is_file():
        yield from _registered(name)
        return
    for number, record in read_json_lines(path, error=StudyError):
        if "id" not in record or not all(isinstance(record.get(side), dict) for side in ("query", "passage")):
            raise StudyError(f'{path}:{number}: expected an object with "id", "query" and "passage"')
        yield record


def _registered(name: str) -> Iterator[dict[str, Any]]:
    from beir_hybrid.datasets import get_source, list_datasets

    records = getattr(get_source(name), "training_groups", None) if name in list_datasets() else None
    if records is None:
        raise StudyError(f'{name} does not exist; expected groups as JSON Lines, plain or gzipped, or "sample"')
    yield from records()


def groups_place(study: Study, given: str) -> str:
    """Groups as training takes them: the name of a registered data set as it is, else the path."""
    from beir_hybrid.datasets import list_datasets

    path = study.path(given)
    return given if given in list_datasets() and not Path(path).is_file() else path


def model_place(study: Study, given: str) -> str:
    """A model as training and retrieval take it: a registered name as it is, a folder that is there by its path."""
    from beir_hybrid.encoders import list_encoders

    path = study.path(given)
    return path if given not in list_encoders() and Path(path).exists() else given


def languages_of(record: Mapping[str, Any]) -> frozenset[str]:
    """The languages a group can be trained in: those with both a query and a passage."""
    query, passage = record["query"], record["passage"]
    return frozenset(code for code in query if query[code] is not None and passage.get(code) is not None)


@cache
def groups_content(name: str) -> GroupsContent:
    """The facts of training groups; read once.

    Raises:
        StudyError: as `records_of`.
    """
    digest = hashlib.blake2b(digest_size=16)
    counts: Counter[tuple[str | None, str | None, frozenset[str]]] = Counter()
    for record in records_of(name):
        digest.update(json.dumps(record, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        counts[record.get("split"), record.get("source"), languages_of(record)] += 1
    return GroupsContent(name, digest.hexdigest(), dict(counts))


@cache
def path_digest(path: str) -> str:
    """A digest of a file, or of every file of a folder."""
    if Path(path).is_file():
        return sha256_of(Path(path))[:32]
    parts: list[str] = []
    for file in sorted(Path(path).rglob("*")):
        if file.is_file() and file.suffix != ".md":  # a model card says when a model was made
            parts += [str(file.relative_to(path)), sha256_of(file)]
    return fingerprint(*parts)


def known_by(given: str) -> str:
    """What identifies a file, a folder or a model: the digest of what is there, of a name the name.

    Paths are absolute: a folder that happens to be called as a model is none.
    """
    return path_digest(given) if Path(given).is_absolute() and Path(given).exists() else given


@dataclass(frozen=True)
class DatasetContent:
    """A data set as a cell is measured on it: its digest and its tasks."""

    fingerprint: str
    languages: tuple[str, ...]
    tasks: tuple[str, ...]


@cache
def dataset_content(evaluation: Evaluation) -> DatasetContent:
    """The content of an evaluation's data set; loaded once.

    Raises:
        DatasetError, SettingError: it cannot be loaded, or has no such setting.
    """
    dataset = load_evaluated(evaluation)
    tasks = tuple(task.name for task in dataset.tasks(evaluation.settings))
    return DatasetContent(dataset.fingerprint, dataset.languages, tasks)


def load_evaluated(evaluation: Evaluation) -> Any:
    """The data set of an evaluation."""
    from beir_hybrid.datasets import load_dataset

    return load_dataset(
        evaluation.dataset, evaluation.data_dir, evaluation.languages, evaluation.split, **evaluation.options
    )


def is_here(evaluation: Evaluation) -> bool:
    """Whether a data set can be loaded without a download."""
    from beir_hybrid.datasets import get_source
    from beir_hybrid.datasets.source import FileSource, check_selection

    source = get_source(evaluation.dataset)
    languages, split = check_selection(source, evaluation.languages, evaluation.split)
    if not isinstance(source, FileSource):
        return True
    root = source.root(evaluation.data_dir)
    return root.kind != "cache" or not source.missing(root.path, languages, split)
