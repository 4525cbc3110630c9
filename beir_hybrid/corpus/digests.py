"""Checksums of big source files, computed once for as long as a file does not change."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from beir_hybrid.disk.files import fingerprint, write_json
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import BeirHybridError, DatasetError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Digests:
    """Checksums of a file's bytes, as hex."""

    sha256: str
    md5: str

    def get(self, algorithm: str) -> str:
        """The hex digest of ``md5`` or ``sha256``."""
        return self.md5 if algorithm == "md5" else self.sha256


def digests_of(path: Path) -> Digests:
    """sha256 and md5 of a file, read once.

    What was computed is kept in the cache folder and taken from there while the file's size, its times of change
    and its inode are the same, so that a corpus of gigabytes is not read again whenever it is opened.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        state = path.stat()
        seen = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        memo = cache_dir() / "corpora" / "digests" / f"{fingerprint(str(path.resolve()))}.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(memo.read_text(encoding="utf-8"))
            if kept["seen"] == seen:
                return Digests(kept["sha256"], kept["md5"])
        found = _read(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    with contextlib.suppress(BeirHybridError):  # where there is no room for a memo it is computed again
        write_json(memo, {"path": str(path.resolve()), "seen": seen, **asdict(found)})
    return found


def _read(path: Path) -> Digests:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
    return Digests(sha256.hexdigest(), md5.hexdigest())
