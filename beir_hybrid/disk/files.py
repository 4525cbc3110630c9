"""Files that are written whole or not at all, and what identifies their content."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from beir_hybrid.disk.locations import CACHE_VARIABLE, cache_dir
from beir_hybrid.errors import BeirHybridError


@contextlib.contextmanager
def writing(path: Path, kind: type[BeirHybridError] = BeirHybridError) -> Iterator[None]:
    """A failing disk (full, read-only, a file where a folder should be) becomes a one-line error naming the file.

    Of a file elsewhere, which was read meanwhile, it is said that it could not be read.

    Raises:
        kind: the disk fails.
    """
    try:
        yield
    except Exception as error:
        failed = _of_disk(error)
        if failed is None:
            raise
        other = Path(os.fsdecode(failed.filename)) if isinstance(failed.filename, str | bytes) else path
        if path.parent not in (other, *other.parents) and other not in path.parents:
            raise kind(f"could not read {other}, to write {path}: {failed.strerror or failed}") from error
        raise kind(f"could not write {path}: {failed.strerror or failed}; {_remedy(failed)}{_whose(path)}") from error


def _of_disk(error: Exception) -> OSError | None:
    """What the system says, which tokenizers and safetensors put into types of their own; None of any other error."""
    if isinstance(error, OSError):
        return error
    told = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(told[1]), os.strerror(int(told[1]))) if told else None


def _whose(path: Path) -> str:
    """How a folder is chosen that no option names."""
    return f"; {CACHE_VARIABLE} says where the cache is" if cache_dir() in path.absolute().parents else ""


def _remedy(error: OSError) -> str:
    """What to do about a disk that fails: only a full one wants space."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free space or choose another folder, then run again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "choose a folder that may be written to"
    return "choose another folder, or see what stands in its way"


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; renamed to ``path`` on success, removed on any failure.

    Raises:
        BeirHybridError: the disk fails.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(
    path: Path, kind: type[BeirHybridError] = BeirHybridError, busy: str | None = None, mark: str = ""
) -> Iterator[None]:
    """One process at a time at work on a file or folder: the others wait, or are refused with the words ``busy``.

    The lock beside it is never removed: another process may have opened it already, and would hold one of its own.

    What processes that were killed have half written in the folder is. Where the user names the folder, that must be
    one of ours.

    Args:
        mark: a file that folders of ours hold, and others do not; empty: the folder is in our cache.

    Raises:
        kind: its folder cannot be made or written, or another process is at work.
    """
    from filelock import FileLock, Timeout

    whole = path.absolute()  # a name of its own also for "."
    lock = FileLock(whole.with_name(f".{whole.name}.lock"))
    with writing(path, kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=-1 if busy is None else 0)
        except Timeout:
            if not Path(lock.lock_file).exists():  # which filelock takes for one that is held
                raise kind(f"could not write {path}: no lock can be kept beside it; choose another folder") from None
            raise kind(str(busy)) from None
    try:
        _clear(path, mark)
        yield
    finally:
        _clear(path, mark)
        lock.release()


def _clear(folder: Path, mark: str) -> None:
    if mark and not (folder / mark).is_file():
        return
    for left in folder.rglob(f".*.{8 * '[0-9a-f]'}.part"):  # as `written_whole` calls them
        with contextlib.suppress(OSError):
            left.unlink()


def build_once(
    folder: Path,
    make: Callable[[Path], object],
    *,
    whole: Callable[[Path], bool] = Path.exists,
    resume: bool = False,
    kind: type[BeirHybridError] = BeirHybridError,
) -> None:
    """A folder that is built where it is not there yet, and appears when it is whole; one process builds it.

    Args:
        make: fills the folder it is given.
        whole: whether a folder is what was built; one that is not is built anew.
        resume: what an interrupted call has left is given to ``make`` again.

    Raises:
        kind: the disk fails.
    """
    if whole(folder):
        return
    with alone(folder, kind):
        if whole(folder):
            return
        part = folder.with_name(f".{folder.name}.part")
        try:
            with writing(folder, kind):
                if not resume and part.exists():
                    shutil.rmtree(part)
                part.mkdir(exist_ok=True)
                make(part)
                if folder.exists():
                    shutil.rmtree(folder)
                part.rename(folder)
        finally:
            if resume:
                with contextlib.suppress(OSError):  # not empty: the next call goes on from what is finished
                    part.rmdir()
            else:
                shutil.rmtree(part, ignore_errors=True)


def refuse_unwritable(path: Path) -> None:
    """A place where no file or folder can be made, said before the work that it would be written after.

    Raises:
        BeirHybridError: what it would lie in is no folder, or may not be written to.
    """
    there = next(folder for folder in path.absolute().parents if folder.exists())
    number = errno.ENOTDIR if not there.is_dir() else 0 if os.access(there, os.W_OK) else errno.EACCES
    with writing(path):
        if number:
            raise OSError(number, os.strerror(number))


def refuse_filled(path: Path) -> None:
    """What `folder_written_whole` will not write to, said before the work that it would be written after.

    Raises:
        BeirHybridError: ``path`` is no folder, or has content, or cannot be made.
    """
    refuse_unwritable(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BeirHybridError(f"{path} exists and is not an empty folder; choose another, or remove it first")


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """The same for a folder; ``path`` must not exist yet, or be empty.

    Raises:
        BeirHybridError: ``path`` has content, or the disk fails.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    with writing(path):
        refuse_filled(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.mkdir()
            yield part
            part.replace(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """``value`` as readable JSON, refused where it holds NaN or infinity (no JSON reader knows them)."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    with written_whole(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def write_json_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """A JSON object on each line, in UTF-8, with line feeds; the caller names and renames the file."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def sha256_of(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fingerprint(*parts: str | bytes) -> str:
    """Hex digest (32 characters) of strings; their boundaries count."""
    return fingerprint_of(parts)


def fingerprint_of(parts: Iterable[str | bytes]) -> str:
    """The same of strings that come one after the other and are too many to be held at once."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
