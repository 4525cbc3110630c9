"""A folder for as long as a search lasts, that goes also where the process was killed: with the next one."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from beir_hybrid.disk.files import writing


@contextlib.contextmanager
def passing_folder(base: Path, kind: str) -> Iterator[Path]:
    """A new folder in ``base``, removed in the end; so are those that killed processes of this machine left there.

    Raises:
        BeirHybridError: it cannot be made.
    """
    from filelock import FileLock, Timeout

    with writing(base / kind):
        base.mkdir(parents=True, exist_ok=True)
    # locks of other machines cannot be relied on
    prefix = f"{kind}-{re.sub('[^A-Za-z0-9]+', '-', platform.node())}-"
    for left in base.glob(f"{prefix}*"):
        lock = FileLock(_lock_of(left))
        with contextlib.suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(left, ignore_errors=True)
            _lock_of(left).unlink(missing_ok=True)
    folder = base / f"{prefix}{uuid.uuid4().hex[:12]}"
    with FileLock(_lock_of(folder)):  # held before the folder is there for others to see
        try:
            with writing(folder):
                folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
