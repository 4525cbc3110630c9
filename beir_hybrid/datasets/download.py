"""Published files: those of the Hugging Face hub through its own client, others through pooch; whole or not there.

The hub's client brings tokens, mirrors (``HF_ENDPOINT``), ``HF_HUB_OFFLINE``, its shared cache and repeated attempts.
What breaks off begins anew, file by file, so that no file is joined of two versions.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.errors import DownloadError

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


def hub_url(repository: str, path: str, revision: str = "main") -> str:
    """A file of a data set repository on the hub; a mirror named in ``HF_ENDPOINT`` is asked in its place."""
    return f"{_HUB}/datasets/{repository}/resolve/{revision}/{path}"


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
                entry.path, hub_url(repository, entry.path, revision),
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
    from filelock import FileLock

    if target.exists():
        return
    on_hub = _ON_HUB.fullmatch(file.url)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(".fetch.lock")):
            if target.exists():
                return
            if on_hub:
                _from_hub(file, target, **on_hub.groupdict())
            else:
                _from_elsewhere(file, target)
    except OSError as error:
        raise DownloadError(
            f"could not write {target}: {error.strerror or error}; free space or choose another folder, then run again"
        ) from error


def _from_hub(file: RemoteFile, target: Path, repo: str, revision: str, path: str) -> None:
    import shutil

    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    advice = f"put the file at {target}"
    with _asking_hub(file.url, repo, advice, offline=True):
        found = try_to_load_from_cache(repo, path, revision=revision, repo_type="dataset")
    if isinstance(found, str):  # fetched by whatever else uses the hub, and so here offline too
        _check(file, Path(found), target)
        return _copy(Path(found), target)
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
    return None


def _copy(found: Path, target: Path) -> None:
    import shutil

    from beir_hybrid.disk.files import written_whole

    with written_whole(target) as part:
        shutil.copyfile(found, part)


def _check(file: RemoteFile, got: Path, target: Path) -> None:
    digest = file.digest_of(got) if file.expected else ""
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
        cause = " ".join(str(error.__cause__ or error).split())
        raise DownloadError(
            f"could not download {what}: no connection ({cause}); run again when online, or {advice}"
        ) from error


def _from_elsewhere(file: RemoteFile, target: Path) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    once_more = f"run again when online, or put the file at {target}"
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=60, chunk_size=1 << 18)
    try:
        pooch.retrieve(file.url, file.checksum or None, target.name, target.parent, downloader=downloader)
    except requests.HTTPError as error:
        got = error.response
        answer = "no" if got is None else f"{got.status_code} {got.reason}"
        raise DownloadError(f"could not download {file.url}: the server answered {answer}; {once_more}") from error
    except requests.RequestException as error:
        raise DownloadError(f"could not download {file.url}: no connection ({error}); {once_more}") from error
    except ValueError as error:
        raise DownloadError(
            f"{file.url}: {str(error).partition('. ')[0]}; the download was discarded, try again later or put the "
            f"right file at {target}"
        ) from error
