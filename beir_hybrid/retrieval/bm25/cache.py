"""Folders that are either whole or not there: built under a temporary name, renamed when complete."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

META = "meta.json"
_STALE_AFTER = 7 * 24 * 3600.0  # seconds; a build elsewhere (another host, a shared disk) is left alone that long


def content_key(ids: Sequence[str], texts: Sequence[str], settings: Mapping[str, Any]) -> str:
    """The sha256 of settings, ids and texts, in order; lengths too, so that no two inputs run together."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for passage_id, text in zip(ids, texts, strict=True):
        for value in (passage_id, text):
            raw = value.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw))
            digest.update(raw)
    return digest.hexdigest()


def open_or_build(folder: Path, build: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    """The contents of ``meta.json`` in ``folder``, which is built first if it is not there.

    ``build`` fills the temporary folder it is given and returns what to put into ``meta.json``. Whatever
    ends it (an error, Ctrl-C, a full disk), nothing of it stays. Of two processes that build the same
    folder the first to finish wins and the other takes its result.
    """
    meta = folder / META
    if not meta.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        temporary = folder.with_name(f".{folder.name}.{_host()}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")
        temporary.mkdir()
        try:
            record = build(temporary)
            (temporary / META).write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")
            _install(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    loaded: dict[str, Any] = json.loads(meta.read_text(encoding="utf-8"))
    return loaded


def _install(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / META).exists():  # not another process's complete build
            raise


def _remove_stale(folder: Path) -> None:
    """Delete what builds of this folder left behind when they were killed outright."""
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        host, pid = left.name.split(".")[-4:-2]
        ours = host == _host() and pid.isdigit()
        if (ours and not _alive(int(pid))) or _age(left) > _STALE_AFTER:
            shutil.rmtree(left, ignore_errors=True)


def _host() -> str:
    return socket.gethostname().replace(".", "-") or "host"


def _alive(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _age(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime
    return 0.0
