"""Checksums of what is kept on disk, by which bytes that have changed since are found before anything is made of them.

A folder has them in one file beside what it keeps; vectors, of which files are added all the time, at the end of each
(`disk.arrays`); a corpus has one a record batch more, for it is never read as a whole (`corpus.arrow_corpus`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import BeirHybridError

CHECKSUMS_FILE = "checksums.json"


def checksum(parts: Iterable[Any]) -> bytes:
    """Sixteen bytes of buffers one after the other (xxh3, which reads as fast as memory does)."""
    import xxhash

    found = xxhash.xxh3_128()
    for part in parts:
        found.update(part)
    return found.digest()


def write_checksums(folder: Path, names: Sequence[str]) -> None:
    """Those of files of a folder, which are whole by now.

    Raises:
        BeirHybridError: the disk fails.
    """
    write_json(folder / CHECKSUMS_FILE, {name: checksum(_blocks(folder / name)).hex() for name in names})


def checked(path: Path, kind: type[BeirHybridError], advice: str) -> Path:
    """``path``, where it is what was written; also where that is not known, or there is no such file.

    Args:
        advice: what is to be done about a damaged one.

    Raises:
        kind: it is damaged.
    """
    place = path.parent / CHECKSUMS_FILE
    try:
        if not place.exists() or not path.is_file():
            return path
        known = json.loads(place.read_text(encoding="utf-8"))
        state = path.stat()
        if path.name in known and known[path.name] != _of_file(path, state.st_mtime_ns, state.st_size):
            raise kind(f"{path} is damaged: it is not what was written; {advice} (if you changed it, delete {place})")
    except (OSError, ValueError, TypeError) as error:
        raise kind(f"{place} or {path.name} beside it cannot be read ({error}); {advice}") from error
    return path


@functools.cache
def _of_file(path: Path, changed: int, size: int) -> str:
    """Of a file as it was at a time: a folder's is asked for with every task."""
    return checksum(_blocks(path)).hex()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from blocks_of(file, path.stat().st_size)


def blocks_of(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The next so many bytes of a file, some at a time; fewer where it ends before."""
    while size and (block := file.read(min(1 << 20, size))):
        yield block
        size -= len(block)
