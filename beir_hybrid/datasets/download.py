"""Downloads that resume, are checked while they stream, and appear under their name only when whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.errors import DownloadError

_BLOCK = 1 << 18
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class RemoteFile:
    """A published file: where it stands below a data set's folder, where it comes from, and its checksum."""

    path: str
    url: str
    checksum: str = ""
    """``sha256:...`` or ``md5:...``; empty: not pinned."""
    about_bytes: int = 0
    """For announcements only: published size tables are not exact."""

    def digest_of(self, file: Path) -> str:
        """The digest of a local file in the algorithm this file is pinned with."""
        from beir_hybrid.disk.files import sha256_of

        return sha256_of(file, self.algorithm)

    @property
    def algorithm(self) -> str:
        return self.checksum.partition(":")[0] or "sha256"

    @property
    def expected(self) -> str:
        return self.checksum.partition(":")[2]


def hub_endpoint() -> str:
    """Where the Hugging Face hub is; ``HF_ENDPOINT`` names a mirror, as in its own tools."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def refuse_offline(what: str, advice: str) -> None:
    """Say that the hub is not asked where ``HF_HUB_OFFLINE`` forbids it.

    Raises:
        DownloadError: it does.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise DownloadError(f"HF_HUB_OFFLINE is set, so the hub is not asked for {what}; unset it, or {advice}")


def hub_url(repository: str, path: str, revision: str = "main") -> str:
    """A raw file of a Hugging Face data set repository."""
    return f"{hub_endpoint()}/datasets/{repository}/resolve/{revision}/{path}"


def download(file: RemoteFile, target: Path) -> None:
    """Fetch ``file`` to ``target``; does nothing when it is there already.

    An interrupted download continues where it stopped (HTTP range). Processes that want the same file wait
    for the first one.

    Raises:
        DownloadError: no connection, an HTTP error, or content that does not match the checksum.
    """
    from filelock import FileLock

    if target.exists():
        return
    if file.url.startswith(f"{hub_endpoint()}/"):
        refuse_offline(file.url, f"put the file at {target}")
    part = target.with_name(target.name + ".part")
    lock = Path(f"{part}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            if not target.exists():
                _fetch(file, part, target)
        lock.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        raise DownloadError(_hand_advice(file, target, f"the server answered {error.code} {error.reason}")) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(_hand_advice(file, target, f"no connection ({reason})")) from error
    except OSError as error:
        raise DownloadError(
            f"could not write {part}: {error.strerror or error}; free space, then run again (it continues)"
        ) from error


def _fetch(file: RemoteFile, part: Path, target: Path) -> None:
    resuming = part.exists()
    got = _stream(file, part)
    if file.expected and got != file.expected and resuming:
        # the part may stem from another version of the file: once more, from the start
        part.unlink()
        got = _stream(file, part)
    if file.expected and got != file.expected:
        part.unlink()
        _version_of(part).unlink(missing_ok=True)
        raise DownloadError(
            f"{file.url}: {file.algorithm} is {got}, expected {file.expected}; the download was discarded, "
            f"try again later or put the right file at {target}"
        )
    part.replace(target)
    _version_of(part).unlink(missing_ok=True)


def _version_of(part: Path) -> Path:
    """Where the version (ETag) of the file that a part was begun of is kept."""
    return part.with_name(f"{part.name}.etag")


def _hand_advice(file: RemoteFile, target: Path, reason: str) -> str:
    return f"could not download {file.url}: {reason}; run again when online, or put the file at {target}"


def _stream(file: RemoteFile, part: Path) -> str:
    """Append what is missing to ``part``; the digest of the whole."""
    digest = hashlib.new(file.algorithm)
    have, version = 0, _version_of(part).read_text(encoding="utf-8") if _version_of(part).exists() else ""
    if part.exists() and not (file.expected or version):
        part.unlink()  # nothing would tell whether the rest is of the same version
    if part.exists():
        with part.open("rb") as old:
            while block := old.read(_BLOCK):
                digest.update(block)
        have = part.stat().st_size
        if digest.hexdigest() == file.expected:
            return file.expected
    try:
        request = urllib.request.Request(file.url, headers={"User-Agent": "beir-hybrid"})
    except ValueError as error:  # a mirror named without https://
        raise DownloadError(f"{file.url!r} is no address ({error}); it must begin with https://") from error
    if have:
        request.add_header("Range", f"bytes={have}-")
        if version:  # another version is then answered as a whole
            request.add_header("If-Range", version)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()  # the part is longer than the file: it is not a part of it
        return _stream(file, part)
    with response:
        resumed = have and response.status == 206
        if not resumed:
            _keep_version(part, response.headers.get("ETag", ""))
            digest = hashlib.new(file.algorithm)
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumed else "wb") as out, _bar(file, have, total) as bar:
            for block in _blocks(response):
                out.write(block)
                digest.update(block)
                bar.update(len(block))
        got = part.stat().st_size
    if total is not None and got < total:
        raise ConnectionError(f"it ended after {got:,} of {total:,} bytes")
    return digest.hexdigest()


def _keep_version(part: Path, version: str) -> None:
    if version and not version.startswith("W/"):  # a weak one says nothing about bytes
        _version_of(part).write_text(version, encoding="utf-8")
    else:
        _version_of(part).unlink(missing_ok=True)


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body; a connection that breaks off is told from a disk that fails."""
    try:
        while block := response.read(_BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(f"it broke off: {error}") from error


def _bar(file: RemoteFile, have: int, total: int | None):  # type: ignore[no-untyped-def]  # tqdm is untyped
    from tqdm import tqdm

    return tqdm(
        desc=Path(file.path).name, initial=have, total=total, unit="B", unit_scale=True,
        file=sys.stderr, disable=None, leave=False,
    )  # fmt: skip
