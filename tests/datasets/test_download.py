"""Files from a hub and a server on this machine: checked, never of two versions, never half under their name."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.download import RemoteFile, download, hub_files, hub_url
from beir_hybrid.errors import DownloadError
from tests.datasets.hub_server import Hub

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several blocks
OTHER = bytes(reversed(CONTENT))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def pinned(algorithm: str = "sha256", content: bytes = CONTENT) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@dataclass
class Server:
    """A server of CONTENT, how it behaves, and how often it was asked."""

    url: str = "http://127.0.0.1:9"
    content: bytes = CONTENT
    break_after: int | None = None
    """Close the connection after so many bytes of the next answer."""
    tagged: bool = False
    """Say what version it is of, and go on where a client left off if that is the same."""
    begun_at: list[int] = field(default_factory=list)
    """The byte at which each answer began."""
    asked: list[str] = field(default_factory=list)

    def file(self, checksum: str = "", path: str = "data.bin") -> RemoteFile:
        return RemoteFile("data.bin", f"{self.url}/{path}", checksum)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            if self.path != "/data.bin":
                self.send_error(404)
                return
            tag = f'"{hashlib.md5(state.content).hexdigest()}"'
            begin = 0
            if state.tagged and self.headers.get("If-Range") == tag:
                begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            state.begun_at.append(begin)
            self.send_response(206 if begin else 200)
            if state.tagged:
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(state.content) - begin))
            self.end_headers()
            cut, state.break_after = state.break_after, None
            self.wfile.write(state.content[begin:][:cut])

        def log_message(self, *_: Any) -> None:
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{host.server_port}"
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    host.shutdown()
    thread.join()
    host.server_close()


@pytest.fixture
def published(hub: Hub) -> Hub:
    hub.repositories["some/set"] = {"a/data.bin": CONTENT}
    return hub


def on_hub(checksum: str = "", revision: str = COMMIT) -> RemoteFile:
    return RemoteFile("a/data.bin", f"{hub_url('some/set', revision)}/a/data.bin", checksum)


def names(folder: Path) -> list[str]:
    """All but the lock, which stays: a lock that is removed can be held twice."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".fetch.lock")


def test_a_file_arrives_whole_and_alone(server: Server, published: Hub, tmp_path: Path) -> None:
    """After a download there is the file, nothing temporary, and no second request for it."""
    for name, file in (("web", server.file(pinned())), ("md5", server.file(pinned("md5"))), ("hub", on_hub(pinned()))):
        target = tmp_path / name / "a" / "data.bin"
        download(file, target)
        download(file, target)
        assert target.read_bytes() == CONTENT
        assert names(target.parent) == ["data.bin"]
    assert len(server.asked) == 2
    assert published.fetched == [f"some/set@{COMMIT}/a/data.bin"]


def test_a_connection_that_breaks_off_is_tried_again(published: Hub, tmp_path: Path) -> None:
    """By the hub's client, which counts the bytes."""
    published.break_after = 600_000
    download(on_hub(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(published.fetched) == 2


def test_two_versions_are_never_joined(
    server: Server, published: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a checksum too: what was begun of one version is no part of another, on the hub or elsewhere."""
    from huggingface_hub.utils import _http

    published.break_after = 600_000

    def other_version(seconds: float) -> None:
        published.repositories["some/set"] = {"a/data.bin": OTHER}

    monkeypatch.setattr(_http.time, "sleep", other_version)  # while the client waits to try again
    with contextlib.suppress(DownloadError):
        download(on_hub(revision="main"), tmp_path / "data.bin")
    if (tmp_path / "data.bin").exists():
        assert (tmp_path / "data.bin").read_bytes() in (CONTENT, OTHER)
    download(on_hub(revision="main"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == OTHER
    server.break_after = 600_000
    with pytest.raises(DownloadError, match=r"could not download .*data\.bin: no connection .*run again when online"):
        download(server.file(), tmp_path / "web.bin")
    assert names(tmp_path) == ["data.bin"]
    server.content = OTHER
    download(server.file(), tmp_path / "web.bin")
    assert (tmp_path / "web.bin").read_bytes() == OTHER


@pytest.mark.parametrize("checksum", ["", pinned()])
def test_a_download_goes_on_in_a_later_call(server: Server, tmp_path: Path, checksum: str) -> None:
    """Gigabytes are not fetched twice, where the server says that it is the same file still."""
    server.tagged = True
    for broken in (600_000, 300_000):
        server.break_after = broken
        with pytest.raises(DownloadError, match="run again when online"):
            download(server.file(checksum), tmp_path / "data.bin")
        assert not (tmp_path / "data.bin").exists()
    download(server.file(checksum), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.begun_at[0] == 0 < server.begun_at[1] < server.begun_at[2]
    assert names(tmp_path) == ["data.bin"]


def test_a_download_begins_anew_with_another_version(server: Server, tmp_path: Path) -> None:
    """What was begun of one version is no part of the next, with no checksum to tell."""
    server.tagged, server.break_after = True, 600_000
    with pytest.raises(DownloadError, match="run again when online"):
        download(server.file(), tmp_path / "data.bin")
    assert names(tmp_path) != []
    server.content = OTHER
    download(server.file(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == OTHER
    assert server.begun_at == [0, 0]
    assert names(tmp_path) == ["data.bin"]


def test_a_part_is_not_taken_for_the_whole(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where the HTTP library does not count: old ones end a broken answer as if it were whole."""
    import requests

    monkeypatch.setattr(requests.Response, "iter_content", lambda self, size: iter([b"half"]))
    with pytest.raises(
        DownloadError, match=r"no connection to 127.0.0.1:\d+ \(4 of 1,048,576 bytes came\); run again when online"
    ):
        download(server.file(), tmp_path / "data.bin")
    assert names(tmp_path) == []


def test_a_wrong_checksum_is_discarded(server: Server, published: Hub, tmp_path: Path) -> None:
    """Content that is not the published one never gets its name."""
    wrong = pinned(content=OTHER)
    for file in (server.file(wrong), on_hub(wrong)):
        with pytest.raises(DownloadError, match=r"(?s)expected .*; the download was discarded, try again .*data\.bin"):
            download(file, tmp_path / "data.bin")
        assert names(tmp_path) == []


def test_the_hub_is_not_asked_offline(published: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE holds for files and listings; what is there, or in the hub's own cache, is used."""
    from huggingface_hub import constants, hf_hub_download

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE is set, .*; unset it, or put the file at .*data\.bin"):
        download(on_hub(), tmp_path / "data.bin")
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE is set, .* the files of some/set; unset it, or put the"):
        hub_files("some/set", COMMIT, tmp_path)
    assert (published.listed, published.fetched) == ([], [])
    (tmp_path / "here.bin").write_text("here")
    download(on_hub(), tmp_path / "here.bin")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    cache = constants.HF_HUB_CACHE
    hf_hub_download(
        "some/set", "a/data.bin", repo_type="dataset", revision=COMMIT, endpoint=published.url, cache_dir=cache
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    download(on_hub(pinned()), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(published.fetched) == 1


def test_the_environment_reaches_the_client(published: Hub, tmp_path: Path) -> None:
    """HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, as a user sets them before the command is started."""
    code = (
        "import sys; from pathlib import Path; from beir_hybrid.datasets.download import *; "
        "download(RemoteFile('a/data.bin', sys.argv[1]), Path(sys.argv[2]))"
    )
    settings = {"HF_ENDPOINT": published.url, "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path / "home")}
    for offline, target in (("0", tmp_path / "got"), ("1", tmp_path / "refused")):
        done = subprocess.run(
            [sys.executable, "-c", code, on_hub().url, str(target)], capture_output=True, text=True, check=False,
            cwd=Path(__file__).parents[2], env={**os.environ, **settings, "HF_HUB_OFFLINE": offline},
        )  # fmt: skip
        assert target.exists() == (offline == "0"), done.stderr
    assert "DownloadError: HF_HUB_OFFLINE is set" in done.stderr
    assert published.tokens == ["Bearer hf_secret"]


def test_refusals_say_what_the_server_said(server: Server, hub: Hub, tmp_path: Path) -> None:
    """404, a login, no such repository: named, and so is the place where the file can be put by hand."""
    with pytest.raises(DownloadError, match=r"the server answered 404 Not Found; .* put the file at .*data\.bin"):
        download(server.file(path="gone.bin"), tmp_path / "data.bin")
    with pytest.raises(DownloadError, match=r"the server answered 404 Not Found; .* put the file at .*data\.bin"):
        download(on_hub(), tmp_path / "data.bin")
    with pytest.raises(DownloadError, match="could not download the files of no/such: the server answered 404 Not Fou"):
        hub_files("no/such", COMMIT, tmp_path)
    hub.gated = True
    with pytest.raises(DownloadError, match=r"some/set asks for a login; accept its terms at .*hf auth login, or put "):
        download(on_hub(), tmp_path / "data.bin")
    assert names(tmp_path) == []


def test_no_connection_is_one_line(tmp_path: Path) -> None:
    """A refused connection is a domain error in one line, with what to do."""
    for file in (Server().file(), on_hub()):
        with pytest.raises(DownloadError) as caught:
            download(file, tmp_path / "data.bin")
        where = r"no connection to 127\.0\.0\.1:\d+ \(\D*refused\); run again when online, or put the file at \S+"
        assert re.fullmatch(rf"could not download \S+: {where}", str(caught.value))
    with pytest.raises(DownloadError, match=r"files of some/set: no connection .*; run again .* put the files of"):
        hub_files("some/set", COMMIT, tmp_path)


def test_an_address_without_a_scheme_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_ENDPOINT is typed by hand: a missing https:// is said, not thrown as a traceback."""
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.example")
    with pytest.raises(DownloadError, match=r"(?i)protocol"):
        download(on_hub(), tmp_path / "data.bin")


def test_every_page_of_a_listing_is_read(hub: Hub, tmp_path: Path) -> None:
    """A listing comes in pages; folders are no files; large files have a checksum, small ones none."""
    hub.repositories["some/set"] = {
        "README.md": b"# card", "corpus.jsonl": b"{}\n", "qrels/dev.tsv": b"a", "qrels/test.tsv": b"b",
    }  # fmt: skip
    listed = {file.path: file for file in hub_files("some/set", COMMIT, tmp_path)}
    assert sorted(listed) == ["README.md", "corpus.jsonl", "qrels/dev.tsv", "qrels/test.tsv"]
    assert hub.listed == [("some/set", COMMIT)] * 3
    assert listed["corpus.jsonl"].checksum == pinned(content=b"{}\n")
    assert listed["corpus.jsonl"].about_bytes == 3
    assert listed["qrels/test.tsv"].checksum == ""


def test_a_cache_that_cannot_be_written_is_a_domain_error(server: Server, tmp_path: Path) -> None:
    """A file where the cache folder should be ends in a message."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DownloadError, match="could not write"):
        download(server.file(), tmp_path / "taken" / "data.bin")


def test_all_that_want_one_file_share_it(server: Server, tmp_path: Path) -> None:
    """Four threads at once: one downloads, all have the whole file."""
    failures: list[Exception] = []

    def fetch() -> None:
        try:
            download(server.file(), tmp_path / "data.bin")
            assert (tmp_path / "data.bin").read_bytes() == CONTENT
        except Exception as error:  # noqa: BLE001  # whatever happens in a thread must reach the test
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.asked) == 1
    assert names(tmp_path) == ["data.bin"]
