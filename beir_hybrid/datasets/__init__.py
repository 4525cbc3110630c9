"""Data sets by name: those of this package and those other packages register."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import BeirHybridError, DatasetError, did_you_mean, first_line
from beir_hybrid.records import Licence
from beir_hybrid.registry import DATASETS, provider, registered, resolve

if TYPE_CHECKING:
    from beir_hybrid.datasets.dataset import Dataset
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.source import Source

__all__ = [
    "check_request",
    "get_source",
    "is_registered",
    "list_datasets",
    "load_beir_folder",
    "load_dataset",
    "load_measured",
]


def list_datasets() -> list[str]:
    """Names of every registered data set, and of every family of them (such as ``beir`` for ``beir/scifact``)."""
    return list(registered(DATASETS))


def is_registered(name: str) -> bool:
    """Whether a name is that of a registered data set, or of one of a registered family; folders are not."""
    family = _family_of(name)
    return name in registered(DATASETS) or (family is not None and family.knows(name.partition("/")[2]))


def get_source(name: str) -> Source:
    """The source of a data set: a registered name, ``family/set``, or a BEIR folder's path (also ``folder:path``).

    Raises:
        DatasetError: the name is unknown.
    """
    from beir_hybrid.datasets.folder import folder_source

    if name in registered(DATASETS):
        return _registered_source(name)
    family = _family_of(name)
    if family is not None:
        return family.member(name.partition("/")[2])
    folder = folder_source(name)
    if folder is not None:
        return folder
    for other in _families():
        if name in other.sets:
            raise DatasetError(f"unknown dataset {name!r}; did you mean {f'{other.name}/{name}'!r}?")
    if "/" in name or name.startswith("."):
        if Path(name).is_file():
            raise DatasetError(f"{name!r} is a file; give the folder it is in, with corpus, queries and qrels")
        hint = did_you_mean(name.partition("/")[0], list_datasets())
        raise DatasetError(f"{name!r} is neither a folder nor a data set; {hint}")
    return _registered_source(name)  # which says what is known


_PARTS = ("name", "summary", "languages", "splits", "licence", "load")


def _registered_source(name: str) -> Source:
    """What is registered under a name, seen to be a source."""
    from beir_hybrid.datasets.family import Family

    source: Any = resolve(DATASETS, name, DatasetError)
    with blaming(name, source):
        lacking = [part for part in _PARTS if not hasattr(source, part)]
        if not lacking and not isinstance(source.licence, Licence):
            lacking = ["Licence"]
        if not lacking and not isinstance(source, Family) and not len(source.splits):
            lacking = ["split"]
    if lacking:
        raise DatasetError(
            f"{name!r} of {provider(registered(DATASETS)[name])} has no {', '.join(lacking)}; expected an object as "
            f"beir_hybrid.datasets.source.Source describes it"
        )
    found: Source = source
    return found


@contextlib.contextmanager
def blaming(name: str, source: object) -> Iterator[None]:
    """Whatever another package's code raises as one line that names the package."""
    try:
        yield
    except (BeirHybridError, MemoryError):
        raise
    except Exception as error:
        if type(source).__module__.partition(".")[0] == "beir_hybrid":
            raise
        who = registered(DATASETS).get(name)
        package = provider(who) if who else type(source).__module__
        raise DatasetError(
            f"{name!r} of {package} failed to load: {type(error).__name__}: {first_line(error)}"
        ) from error


def _family_of(name: str) -> Family | None:
    """The registered family a name begins with, as ``beir/scifact`` does."""
    from beir_hybrid.datasets.family import Family

    family, slash, _ = name.partition("/")
    if not slash or family not in registered(DATASETS):
        return None
    source = _registered_source(family)
    return source if isinstance(source, Family) else None


def _families() -> Iterator[Family]:
    from beir_hybrid.datasets.family import Family

    for name in list_datasets():
        with contextlib.suppress(DatasetError):  # another package's that is broken: not what was asked for
            source = resolve(DATASETS, name, DatasetError)
            if isinstance(source, Family):
                yield source


def load_dataset(
    name: str | Path,
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
    from beir_hybrid.datasets.dataset import Dataset

    source, chosen, chosen_split = check_request(name, languages, split, options)
    name = str(name)
    with blaming(name, source):
        loaded = source.load(data_dir, chosen, chosen_split, **options)
        if not isinstance(loaded, Dataset):
            raise TypeError(f"load gave {loaded!r:.80}; expected a beir_hybrid.Dataset")
    return loaded


def check_request(
    name: str | Path, languages: Iterable[str] | str | None, split: str | None, options: Mapping[str, Any] | None = None
) -> tuple[Source, list[str], str]:
    """The source of a data set, the languages and the split, where it has these: known before anything of it is read.

    Raises:
        DatasetError, SettingError: see `load_dataset`.
    """
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.source import check_selection

    name = str(name)
    source = get_source(name)
    if isinstance(source, Family):
        source.refuse()
    chosen, chosen_split = check_selection(source, languages, split)
    _refuse_halves(source, chosen)
    reader = getattr(source, "read", source.load)
    parameters = inspect.signature(reader).parameters
    known = {key: each.annotation for key, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY}
    for option, value in (options or {}).items():
        if option not in known:
            raise DatasetError(f"{name} has no option {option!r}; {did_you_mean(option, known)}")
        _check_option(option, value, str(known[option]))
    return source, chosen, chosen_split


def load_beir_folder(
    folder: Path | str,
    languages: Iterable[str] | str | None = None,
    split: str | None = None,
    name: str | None = None,
    **options: Any,
) -> Dataset:
    """A BEIR folder as a data set, see `load_dataset` and, for its layout, `beir_hybrid.datasets.folder.FolderSource`.

    The corpus is converted into the cache folder at the first call.

    Args:
        languages: the language of a folder that does not say it; else those to load (default: all).
        split: of the judgments; default: ``test``, or the first there is.
        name: what results call the data set; default: the folder's name.
        options: ``own_passages``, see `beir_hybrid.datasets.beir_shaped.join`.

    Raises:
        DatasetError: a file is missing, damaged or malformed (``path:line``), or nothing is judged.
        SettingError: an unknown language.
    """
    from beir_hybrid.datasets.folder import PREFIX

    dataset = load_dataset(f"{PREFIX}{folder}", None, languages, split, **options)
    return dataset if name is None else replace(dataset, name=name)


def _check_option(option: str, value: Any, annotation: str) -> None:
    """Values come as JSON or text from a command line: ``maybe`` would count as true."""
    for kind, wanted in ((bool, "true or false"), (str, "a text")):
        if annotation.removesuffix(" | None") in (kind.__name__, str(kind)) and not isinstance(value, kind | None):
            raise DatasetError(f"the option {option} is {value!r}; expected {wanted}")


def _refuse_halves(source: Source, languages: Iterable[str]) -> None:
    """Languages in which a cross-lingual data set has only queries or only passages: say what to add."""
    for kind in ("passage", "query"):
        there = getattr(source, f"{kind}_languages", None)
        if there and not set(there) & set(languages):
            things = "passages" if kind == "passage" else "queries"
            raise DatasetError(
                f"{source.name} has no {things} in {', '.join(languages)}; add to --languages one of those it has "
                f"{things} in: {', '.join(there)}"
            )


def load_measured(
    dataset: str,
    split: str,
    inputs: Mapping[str, Any],
    data_dir: Path | str | None = None,
    languages: Iterable[str] | str | None = None,
) -> Dataset:
    """The data set that results were measured on, loaded as it was then: a folder by its path, with all options.

    Args:
        dataset, split, inputs: of the results.
        data_dir: see `load_dataset`; of a folder given by path: where it is now, if it was moved.
        languages: only these; default: those that were measured.

    Raises:
        DatasetError: it cannot be loaded any more.
    """
    name, folder = dataset, inputs.get("dataset_folder")
    if folder:
        moved = data_dir is not None and Path(data_dir).is_dir() and not Path(folder).is_dir()
        if not moved and not Path(folder).is_dir():
            raise DatasetError(f"{folder}, which was measured, is gone; name where it is now with --data-dir")
        name, data_dir = f"folder:{data_dir if moved else folder}", None
    chosen = inputs.get("languages") if languages is None else languages
    loaded = load_dataset(name, data_dir, chosen, split, **inputs.get("dataset_options", {}))
    # a folder may have another name by now, which is part of what results are told apart by
    return replace(loaded, name=dataset) if loaded.name != dataset else loaded
