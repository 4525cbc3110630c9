"""Folders that are either whole or not there: built beside their place, renamed when complete."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.errors import RetrieverError

META = "meta.json"


def open_or_build(folder: Path, build: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    """The contents of ``meta.json`` in ``folder``, which is built first if it is not there.

    ``build`` fills the folder it is given and returns what to put into ``meta.json``. When it ends early (an error,
    Ctrl-C, a full disk, a kill) ``folder`` is not there, and the next call gives ``build`` what the last one left: it
    removes what is of no use. Of processes that build the same folder the others wait for the first one.

    Raises:
        RetrieverError: the folder cannot be written, or its ``meta.json`` is damaged.
    """
    from filelock import FileLock

    if not (folder / META).exists():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_name(f".{folder.name}.lock")):
                if not (folder / META).exists():
                    _build(folder, build)
        except OSError as error:
            raise RetrieverError(
                f"could not write {folder}: {error.strerror or error}; free space or choose another cache folder, "
                f"then run again (it goes on)"
            ) from error
    return read_meta(folder)


def read_meta(folder: Path) -> dict[str, Any]:
    """The record of a finished folder.

    Raises:
        RetrieverError: there is none, or it is damaged.
    """
    try:
        loaded = json.loads((folder / META).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RetrieverError(
            f"{folder / META} cannot be read ({error}); delete that folder to build it anew"
        ) from error
    if not isinstance(loaded, dict):
        raise RetrieverError(f"{folder / META} is no record of an index; delete that folder to build it anew")
    return loaded


def _build(folder: Path, build: Callable[[Path], Mapping[str, Any]]) -> None:
    if folder.exists():
        raise RetrieverError(f"{folder} exists and is no whole index; delete that folder to build it anew")
    temporary = folder.with_name(f".{folder.name}.part")
    temporary.mkdir(exist_ok=True)
    try:
        record = build(temporary)
        (temporary / META).write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")
        temporary.rename(folder)
    finally:
        with contextlib.suppress(OSError):  # not empty: the next call goes on from what is finished
            temporary.rmdir()
