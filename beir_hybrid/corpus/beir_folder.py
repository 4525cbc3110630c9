"""A plain BEIR folder, of any size, as a data set of one language."""

from __future__ import annotations

from pathlib import Path

from beir_hybrid.corpus.beir_shaped import read_part
from beir_hybrid.corpus.parts import Parts, local_parts, local_paths, splits_of
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.records import LoadedFile


def load_beir_folder(folder: Path | str, language: str, split: str | None = None, name: str | None = None) -> Dataset:
    """``corpus.jsonl``, ``queries.jsonl`` (either may be ``.gz`` or ``.parquet``) and ``qrels/{split}.tsv``.

    That is how BEIR publishes its sets and ``beir-hybrid export`` writes them; the layouts of the hub are read too
    (see `beir_hybrid.corpus.parts`). The corpus is converted into the cache folder at the first call. Ids get the
    language put before them, those of the files are kept as ``source_ids``; queries without a judgment are left out.

    Args:
        split: of the judgments; default: ``test``, or the first there is.
        name: what results call the data set; default: the folder's name.

    Raises:
        DatasetError: a file is missing, damaged or malformed (``path:line``), or the qrels name an unknown id.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder")
    split = split or folder_splits(folder)[0]
    parts = _complete(folder, split)
    read = read_part(folder, parts, language, strict=True)
    small = [*parts.queries, *parts.judgments]
    return Dataset(
        name or folder.resolve().name,
        split,
        {language: read.passages},
        {language: read.queries},
        read.qrels,
        files=[LoadedFile(path, sha256_of(folder / path)) for path in small],
    )


def folder_splits(folder: Path) -> list[str]:
    """The splits a folder (or the one beside it that holds its judgments) has; ``test`` if it has none."""
    beside = folder.parent / f"{folder.name}-qrels"
    return splits_of(local_paths(folder)) or splits_of(local_paths(beside)) or ["test"]


def _complete(folder: Path, split: str) -> Parts:
    parts = local_parts(folder, split)
    for name, found in (("corpus", parts.corpus), ("queries", parts.queries)):
        if not found:
            endings = (".jsonl", ".jsonl.gz", ".parquet")
            raise DatasetError(f"{folder} holds no {' or '.join(name + ending for ending in endings)}")
    if not parts.judgments:
        splits = folder_splits(folder)
        others = f"; it has no split {split!r}; {did_you_mean(split, splits)}" if split not in splits else ""
        raise DatasetError(f"{folder / 'qrels' / split}.tsv is missing: judgments of the queries{others}")
    for path in parts.all:
        if not (folder / path).exists():
            raise DatasetError(f"{folder / path} is missing; it is one of several numbered files")
    return parts
