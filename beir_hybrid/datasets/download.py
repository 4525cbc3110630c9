"""Published files, whole or not there: those of the Hugging Face hub through its own client, others by HTTP.

The hub's client brings tokens, mirrors (``HF_ENDPOINT``), ``HF_HUB_OFFLINE``, its shared cache and repeated attempts;
once it gives up, it begins that file anew. Elsewhere a file goes on where it broke off, also in a later call, if its
ETag is the same: no library does so (pooch begins anew). No file is ever joined of two versions.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from beir_hybrid.disk.files import alone, sha256_of, writing, written_whole
from beir_hybrid.errors import DownloadError
from beir_hybrid.progress import progress

_HUB = "https://huggingface.co"
_ON_HUB = re.compile(rf"{_HUB}/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass(frozen=True)
class RemoteFile:
    """A published file: where it stands below a data set's folder, where it comes from, and its checksum."""

    path: str
    url: str
    checksum: str = ""
    """``sha256:...`` or ``md5:...``; empty: not pinned."""
    about_bytes: int = 0
    """For announcements only: published size tables are not exact."""

    @property
    def algorithm(self) -> str:
        return self.checksum.partition(":")[0] or "sha256"

    @property
    def expected(self) -> str:
        return self.checksum.partition(":")[2]


def hub_url(repository: str, revision: str = "main") -> str:
    """Where the files of a data set repository on the hub are; a mirror in ``HF_ENDPOINT`` is asked in its place."""
    return f"{_HUB}/datasets/{repository}/resolve/{revision}"


def _mirror() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def hub_files(repository: str, revision: str, folder: Path) -> list[RemoteFile]:
    """Every file of a data set repository on the hub; large ones with their sha256.

    Args:
        folder: where they are to be put, for messages.

    Raises:
        DownloadError: no connection, or the hub's refusal.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    with _asking_hub(f"the files of {repository}", repository, f"put the files of the repository into {folder}"):
        api = HfApi(endpoint=_mirror())
        listed = api.list_repo_tree(repository, repo_type="dataset", revision=revision, recursive=True)
        return [
            RemoteFile(
                entry.path, f"{hub_url(repository, revision)}/{entry.path}",
                f"sha256:{entry.lfs.sha256}" if entry.lfs else "", entry.size,
            )
            for entry in listed if isinstance(entry, RepoFile)
        ]  # fmt: skip


def download(file: RemoteFile, target: Path) -> None:
    """Fetch ``file`` to ``target``; does nothing when it is there already.

    Processes that want the same file wait for the first one.

    Raises:
        DownloadError: no connection, an HTTP error, or content that does not match the checksum.
    """
    if target.exists():
        return
    on_hub = _ON_HUB.fullmatch(file.url)
    with alone(target.parent / "fetch", DownloadError), writing(target, DownloadError):
        if target.exists():
            return
        if on_hub:
            _from_hub(file, target, **on_hub.groupdict())
        else:
            _from_elsewhere(file, target)


def _from_hub(file: RemoteFile, target: Path, repo: str, revision: str, path: str) -> None:
    import shutil

    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    advice = f"put the file at {target}"
    with _asking_hub(file.url, repo, advice, offline=True):
        found = try_to_load_from_cache(repo, path, revision=revision, repo_type="dataset")
    if isinstance(found, str):  # fetched by whatever else uses the hub, and so here offline too
        _check(file, Path(found), target)
        with written_whole(target) as part:
            shutil.copyfile(found, part)
        return
    # the client puts a file below a folder under its own path
    kept = target.with_name(f".{target.name}.hub")
    try:
        with _asking_hub(file.url, repo, advice):
            got = hf_hub_download(
                repo, path, repo_type="dataset", revision=revision, local_dir=kept, endpoint=_mirror()
            )
        _check(file, Path(got), target)
        Path(got).replace(target)
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _check(file: RemoteFile, got: Path, target: Path) -> None:
    digest = sha256_of(got, file.algorithm) if file.expected else ""
    if digest != file.expected:
        raise DownloadError(
            f"{file.url}: {file.algorithm} is {digest}, expected {file.expected}; the download was discarded, try "
            f"again later or put the right file at {target}"
        )


@contextlib.contextmanager
def _asking_hub(what: str, repository: str, advice: str, *, offline: bool = False) -> Iterator[None]:
    """Whatever the hub's client raises as one line.

    Args:
        offline: the hub is not asked for it, so that ``HF_HUB_OFFLINE`` does not matter.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    if constants.HF_HUB_OFFLINE and not offline:
        raise DownloadError(f"HF_HUB_OFFLINE is set, so the hub is not asked for {what}; unset it, or {advice}")
    try:
        yield
    except GatedRepoError as error:
        raise DownloadError(
            f"{repository} asks for a login; accept its terms at {_HUB}/datasets/{repository}, run: hf auth login, or "
            f"{advice}"
        ) from error
    except HfHubHTTPError as error:
        answer = f"the server answered {error.response.status_code} {error.response.reason_phrase}"
        raise DownloadError(f"could not download {what}: {answer}; run again when online, or {advice}") from error
    except Exception as error:  # the client's, and those of whatever HTTP library its version stands on
        if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
            raise  # the disk's
        where = _mirror() or _HUB
        raise DownloadError(
            f"could not download {what}: {_unreachable(where, error)}; run again when online, or {advice}"
        ) from error


def _unreachable(address: str, error: BaseException) -> str:
    """The host, and the first cause: HTTP libraries put addresses and objects of theirs around it."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, BaseException) and inner not in seen:
        seen.append(inner)
        given = [part for part in inner.args if isinstance(part, BaseException)]
        inner = getattr(inner, "reason", None) or next(iter(given), None) or inner.__cause__ or inner.__context__
    cause = seen[-1]
    said = " ".join(str(getattr(cause, "strerror", None) or cause).split()) or type(cause).__name__
    return f"no connection to {urlsplit(address).netloc or address} ({said})"


def _from_elsewhere(file: RemoteFile, target: Path) -> None:
    import requests

    once_more = f"run again when online, or put the file at {target}"
    part = target.with_name(f".{target.name}.part")
    try:
        _fetch(file.url, part)
    except requests.HTTPError as error:
        got = error.response
        raise DownloadError(
            f"could not download {file.url}: the server answered {got.status_code} {got.reason}; {once_more}"
        ) from error
    except requests.RequestException as error:
        raise DownloadError(f"could not download {file.url}: {_unreachable(file.url, error)}; {once_more}") from error
    try:
        _check(file, part, target)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        _tag_of(part).unlink(missing_ok=True)


def _tag_of(part: Path) -> Path:
    """Where the ETag of a file that is not whole yet is kept: what says that the rest of it is of the same version."""
    return part.with_suffix(".etag")


def _fetch(url: str, part: Path) -> None:
    """A file by HTTP. What broke off goes on where it was, where the server says by its ETag that it is the same file.

    Raises:
        requests.RequestException: it cannot be had, or not the whole of it.
    """
    import requests

    kept = _tag_of(part)
    before = kept.read_text() if part.exists() and kept.exists() else ""
    begin = part.stat().st_size if before else 0
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-", "If-Range": before} if begin else {})
    with requests.get(url, headers=asked, stream=True, timeout=60) as answer:
        tag = answer.headers.get("ETag", "")
        goes_on = answer.status_code == 206 and tag == before
        if begin and not goes_on and answer.status_code in (206, 416):  # another file, or no more of it
            part.unlink()
            return _fetch(url, part)
        answer.raise_for_status()
        lasting = tag if not tag.startswith("W/") else ""  # a weak one says nothing of bytes
        kept.write_text(lasting)
        size = int(answer.headers.get("Content-Length", 0)) + begin * goes_on
        try:
            with (
                part.open("ab" if goes_on else "wb") as out,
                progress(f"fetching {part.name[1:-5]}", size or None, "byte", begin * goes_on, quiet=True) as shown,
            ):
                for block in answer.iter_content(1 << 18):
                    shown.advance(out.write(block))
            # urllib3 2 sees this itself, 1 does not
            if size and "Content-Encoding" not in answer.headers and part.stat().st_size != size:
                raise requests.ConnectionError(f"{part.stat().st_size:,} of {size:,} bytes came")
        except BaseException:
            if not lasting:
                part.unlink()
                kept.unlink()
            raise
    return None
