"""Lucene indexes that others have built: the folders of a machine, and those pyserini and Anserini publish by name."""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import json
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.download import RemoteFile, download
from beir_hybrid.disk.files import build_once
from beir_hybrid.errors import DownloadError, RetrieverError
from beir_hybrid.progress import tell
from beir_hybrid.retrieval.bm25.java import anserini_jar
from beir_hybrid.retrieval.bm25.stored_index import holds_index

PREFIX = "prebuilt:"
_LANGUAGE = "{language}"


@dataclass(frozen=True)
class PrebuiltIndex:
    """A published index: an archive and its md5."""

    name: str
    urls: tuple[str, ...]
    filename: str
    md5: str
    archive_bytes: int


def find_indexes(asked: str, languages: Iterable[str], cache: Path) -> dict[str, Path]:
    """The folders of the indexes of languages' passages; none is downloaded before all of them are known.

    Args:
        asked: a folder that holds an index, or one for each language (``FOLDER/de``); the name of a published index,
            with or without ``prebuilt:`` before it. ``{language}`` stands for the language.
        cache: where published indexes are kept once they are downloaded.

    Raises:
        RetrieverError: there is no such folder, and no published index of that name.
        DownloadError: it cannot be downloaded.
    """
    found = {language: _find(asked.replace(_LANGUAGE, language), language) for language in languages}
    return {key: each if isinstance(each, Path) else fetch_index(each, cache) for key, each in found.items()}


def _find(name: str, language: str) -> Path | PrebuiltIndex:
    folder = Path(name).expanduser()
    if not name.startswith(PREFIX) and folder.is_dir():
        for place in (folder, folder / language):
            if holds_index(place):
                return place
        raise RetrieverError(
            f"{folder} holds no Lucene index: there is no file segments_N in it, nor in {folder / language}"
        )
    name = name.removeprefix(PREFIX)
    known = published_indexes()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise RetrieverError(
            f"{name!r} is neither a folder nor the name of a published index; {hint}pyserini and Anserini publish "
            f"{len(known)} of them, such as 'miracl-v1.0-sw'"
        )
    return known[name]


def fetch_index(index: PrebuiltIndex, cache: Path) -> Path:
    """The folder of a published index: pyserini's own copy where it has one, else downloaded and unpacked.

    Raises:
        DownloadError: it cannot be downloaded from anywhere.
        RetrieverError: the archive holds no index.
        BeirHybridError: the disk fails.
    """
    stem = index.filename.removesuffix(".tar.gz").removesuffix(".tgz")
    theirs = Path(os.environ.get("PYSERINI_CACHE") or Path.home() / ".cache" / "pyserini") / "indexes"
    target = cache / "prebuilt" / f"{stem}.{index.md5[:8]}"
    for place in (target, theirs / f"{stem}.{index.md5}"):
        if holds_index(place):
            return place
    archive = cache / "prebuilt" / index.filename

    def unpack(part: Path) -> None:
        _download(index, archive)
        _unpack(archive, part)

    build_once(target, unpack, whole=holds_index, kind=RetrieverError)
    archive.unlink(missing_ok=True)  # it takes as much room as the index
    return target


def _unpack(archive: Path, part: Path) -> None:
    """The files of the index in an archive, into an empty folder."""
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(part, filter="data")
    except (tarfile.TarError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise RetrieverError(f"{archive} cannot be unpacked ({reason}); delete it and run again") from error
    found = [path.parent for path in sorted(part.rglob("segments_*"))]
    if not found:
        raise RetrieverError(f"{archive} holds no Lucene index; delete it and run again")
    for path in found[0].iterdir() if found[0] != part else ():
        path.rename(part / path.name)


def _download(index: PrebuiltIndex, archive: Path) -> None:
    if not archive.exists():
        tell(f"fetching the index {index.name}: {index.archive_bytes / 1e6:,.0f} MB")
    for place, url in enumerate(index.urls, 1):
        with contextlib.suppress(DownloadError) if place < len(index.urls) else contextlib.nullcontext():
            download(RemoteFile(index.filename, url, f"md5:{index.md5}", index.archive_bytes), archive)
            return


@functools.cache
def published_indexes() -> dict[str, PrebuiltIndex]:
    """Every inverted index that the installed pyserini, or the Anserini in it, knows by name.

    Raises:
        MissingExtraError: pyserini is not installed.
    """
    jar = anserini_jar()
    spec = find_spec("pyserini")
    places = list(spec.submodule_search_locations or ()) if spec else []
    listed = [*_of_anserini(jar), *(entry for place in places for entry in _of_pyserini(Path(place)))]
    return {entry.name: entry for entry in listed if entry.urls}


def _of_pyserini(package: Path) -> Iterator[PrebuiltIndex]:
    """Those in pyserini's table. It is read and not imported: importing it starts Java in pyserini's way."""
    try:
        tree = ast.parse((package / "prebuilt_index_info.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Dict):
            continue
        if not any(isinstance(to, ast.Name) and to.id.startswith("TF_INDEX_INFO") for to in statement.targets):
            continue
        for key, value in zip(statement.value.keys, statement.value.values, strict=True):
            with contextlib.suppress(ValueError, KeyError, TypeError):  # another name for one, or of another shape
                name, record = ast.literal_eval(key) if key else None, ast.literal_eval(value)
                yield _entry(str(name), record, record["size compressed (bytes)"])


def _of_anserini(jar: Path) -> Iterator[PrebuiltIndex]:
    """Those in the tables of Anserini's jar."""
    try:
        with zipfile.ZipFile(jar) as packed:
            tables = [
                json.loads(packed.read(name))
                for name in packed.namelist()
                if name.startswith("prebuilt-indexes/") and name.endswith(".json")
            ]
    except (OSError, zipfile.BadZipFile, ValueError):
        return
    for record in (record for table in tables for record in table):
        with contextlib.suppress(KeyError, TypeError):
            if record["type"] == "inverted":
                yield _entry(record["name"], record, record["compressed_size"])


def _entry(name: str, record: dict[str, Any], size: int) -> PrebuiltIndex:
    return PrebuiltIndex(name, tuple(record["urls"]), record["filename"], record["md5"], int(size))
