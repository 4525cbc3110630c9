"""Data sets by name: those of this package and those other packages register."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.registry import DATASETS, registered, resolve

if TYPE_CHECKING:
    from beir_hybrid.datasets.dataset import Dataset
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.source import Source

__all__ = ["get_source", "is_registered", "list_datasets", "load_dataset"]


def list_datasets() -> list[str]:
    """Names of every registered data set, and of every family of them (such as ``beir`` for ``beir/scifact``)."""
    return list(registered(DATASETS))


def is_registered(name: str) -> bool:
    """Whether a name is that of a registered data set, or of one of a registered family; folders are not."""
    if name in registered(DATASETS):
        return True
    family = _family_of(name)
    return family is not None and name.partition("/")[2] in family.sets


def get_source(name: str) -> Source:
    """The source of a data set: a registered name, ``family/set``, or a BEIR folder's path (also ``folder:path``).

    Raises:
        DatasetError: the name is unknown.
    """
    from beir_hybrid.datasets.folder import folder_source

    if name not in registered(DATASETS):
        family = _family_of(name)
        folder = folder_source(name)
        if family is not None:
            return family.member(name.partition("/")[2])
        if folder is not None:
            return folder
        _refuse_unknown(name)
    found: Source = resolve(DATASETS, name, DatasetError)
    return found


def _family_of(name: str) -> Family | None:
    """The registered family a name begins with, as ``beir/scifact`` does."""
    from beir_hybrid.datasets.family import Family

    family, slash, _ = name.partition("/")
    if not slash or family not in registered(DATASETS):
        return None
    source = resolve(DATASETS, family, DatasetError)
    return source if isinstance(source, Family) else None


def _refuse_unknown(name: str) -> None:
    """Names that the registry's own message would not help with: a set without its family, a path to nothing."""
    for family in _families():
        if name in family.sets:
            raise DatasetError(f"unknown dataset {name!r}; did you mean {f'{family.name}/{name}'!r}?")
    if "/" in name or name.startswith("."):
        hint = did_you_mean(name.partition("/")[0], list_datasets())
        raise DatasetError(f"{name!r} is neither a folder nor a data set; {hint}")


def _families() -> Iterator[Family]:
    from beir_hybrid.datasets.family import Family

    for name in list_datasets():
        with contextlib.suppress(DatasetError):  # another package's that is broken: not what was asked for
            source = resolve(DATASETS, name, DatasetError)
            if isinstance(source, Family):
                yield source


def load_dataset(
    name: str,
    data_dir: Path | str | None = None,
    languages: Iterable[str] | str | None = None,
    split: str | None = None,
    **options: Any,
) -> Dataset:
    """Load a data set by name.

    Args:
        name: see `get_source`.
        data_dir: where its files are; the only place looked at if given. Else ``$BEIR_HYBRID_DATA``, else the
            cache, into which missing files are downloaded.
        languages: ISO 639-1 codes (iterable or comma-separated); the pool then holds only these. Default: all.
        split: default: the data set's first.
        options: the data set's own, such as ``with_paragraph=True`` for XQuAD-R and MLQA-R.

    Raises:
        DatasetError: unknown name, split or option; a missing, damaged or malformed file.
        SettingError: an unknown language.
        DownloadError: a file could not be downloaded.
    """
    from beir_hybrid.datasets.source import check_selection

    source = get_source(name)
    chosen, chosen_split = check_selection(source, languages, split)
    reader = getattr(source, "read", source.load)
    known = [p.name for p in inspect.signature(reader).parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise DatasetError(f"{name} has no option {option!r}; {did_you_mean(option, known)}")
    return source.load(data_dir, chosen, chosen_split, **options)
