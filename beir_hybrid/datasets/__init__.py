"""Data sets by name: those of this package and those other packages register."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.registry import DATASETS, registered, resolve

if TYPE_CHECKING:
    from beir_hybrid.datasets.dataset import Dataset
    from beir_hybrid.datasets.source import Source

__all__ = ["get_source", "list_datasets", "load_dataset"]


def list_datasets() -> list[str]:
    """Names of every registered data set."""
    return list(registered(DATASETS))


def get_source(name: str) -> Source:
    """The registered source of a data set.

    Raises:
        DatasetError: the name is unknown.
    """
    found: Source = resolve(DATASETS, name, DatasetError)
    return found


def load_dataset(
    name: str,
    data_dir: Path | str | None = None,
    languages: Iterable[str] | str | None = None,
    split: str | None = None,
    **options: Any,
) -> Dataset:
    """Load a data set by name.

    Args:
        name: see `list_datasets`.
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
