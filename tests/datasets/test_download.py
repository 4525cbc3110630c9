"""Downloads from a local server: resumed, checked, and never half-written under the final name."""

from __future__ import annotations

import errno
import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.download import RemoteFile, download, hub_url
from beir_hybrid.datasets.hub import HubRepository
from beir_hybrid.errors import DownloadError
from tests.datasets.hub_server import Hub

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several blocks


@dataclass
class Server:
    """A server of CONTENT, what it was asked, and how it behaves."""

    url: str = ""
    ranges: bool = True
    break_after: int | None = None
    """Close the connection after so many bytes of the next answer."""
    content: bytes = CONTENT
    etag: str = ""
    asked: list[str | None] = field(default_factory=list)
    """The Range header of every request."""

    def file(self, checksum: str | None = None, path: str = "data.bin") -> RemoteFile:
        right = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        return RemoteFile("data.bin", f"{self.url}/{path}", right if checksum is None else checksum)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if self.path != "/data.bin":
                self.send_error(404)
                return
            begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if begin >= len(state.content):
                self.send_error(416)
                return
            condition = self.headers.get("If-Range")
            begin = begin if condition in (None, state.etag) else 0
            body = state.content[begin:]
            self.send_response(206 if begin else 200)
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut, state.break_after = state.break_after, None
            self.wfile.write(body[:cut])

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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    """After a download there is the file, nothing temporary, and no second request for it."""
    target = tmp_path / "deep" / "data.bin"
    download(server.file(), target)
    download(server.file(), target)
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["data.bin"]
    assert server.asked == [None]


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    """A connection that breaks off leaves a part under another name; the next call asks only for the rest."""
    target = tmp_path / "data.bin"
    server.break_after = 600_000
    with pytest.raises(DownloadError, match=r"no connection .*600,000 of 1,048,576 bytes.*run again"):
        download(server.file(), target)
    assert not target.exists()
    assert (tmp_path / "data.bin.part").stat().st_size == 600_000
    download(server.file(), target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=600000-"]
    assert names(tmp_path) == ["data.bin"]


def test_a_server_without_ranges_is_asked_from_the_start(server: Server, tmp_path: Path) -> None:
    """Where a server ignores the range, the part is replaced, not appended to."""
    server.ranges = False
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    download(server.file(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_a_part_of_another_version_is_thrown_away(server: Server, tmp_path: Path) -> None:
    """What was begun with other content does not match in the end; it is fetched anew, once."""
    (tmp_path / "data.bin.part").write_bytes(b"old" * 1000)
    download(server.file(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.asked == ["bytes=3000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    """The server's 416 for a range beyond the file is not the user's problem."""
    (tmp_path / "data.bin.part").write_bytes(CONTENT + b"more")
    download(server.file(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ["", '"1"', 'W/"1"'])
def test_two_versions_are_never_joined(server: Server, tmp_path: Path, etag: str) -> None:
    """Without a checksum a part goes on only where the server says that it is of the same version."""
    server.etag, server.break_after = etag, 600_000
    with pytest.raises(DownloadError, match="no connection"):
        download(server.file(""), tmp_path / "data.bin")
    server.content = bytes(reversed(CONTENT))
    server.etag = etag.replace("1", "2")
    download(server.file(""), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == server.content
    assert names(tmp_path) == ["data.bin"]
    assert server.asked == [None, "bytes=600000-" if etag == '"1"' else None]


def test_the_same_version_goes_on_without_a_checksum(server: Server, tmp_path: Path) -> None:
    """An ETag that has not changed saves what was fetched before."""
    server.etag, server.break_after = '"1"', 600_000
    with pytest.raises(DownloadError, match="no connection"):
        download(server.file(""), tmp_path / "data.bin")
    download(server.file(""), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=600000-"]


def test_the_hub_is_not_asked_offline(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE holds for files and listings; what is there already is used, other hosts are asked."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    file = RemoteFile("a.tsv", hub_url("some/set", "a.tsv"))
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE is set, .*unset it, or put the file at .*a\.tsv"):
        download(file, tmp_path / "a.tsv")
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE is set, .* the files of some/set; unset it, or put them"):
        HubRepository("some/set").files(tmp_path)
    assert (hub.listed, hub.fetched) == ([], [])
    (tmp_path / "a.tsv").write_text("here")
    download(file, tmp_path / "a.tsv")


def test_a_finished_part_needs_no_server(tmp_path: Path) -> None:
    """An interrupt between the last byte and the rename costs nothing."""
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    download(Server("http://127.0.0.1:9").file(), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_wrong_checksum_is_discarded(server: Server, tmp_path: Path, algorithm: str) -> None:
    """Content that is not the published one never gets its name, and is fetched once, not twice."""
    wrong = hashlib.new(algorithm, b"other").hexdigest()
    got = hashlib.new(algorithm, CONTENT).hexdigest()
    with pytest.raises(DownloadError, match=f"{algorithm} is {got}, expected {wrong}; the download was discarded"):
        download(server.file(f"{algorithm}:{wrong}"), tmp_path / "data.bin")
    assert [name for name in names(tmp_path) if not name.endswith(".lock")] == []
    assert server.asked == [None]


def test_a_missing_file_says_what_the_server_said(server: Server, tmp_path: Path) -> None:
    """404 is named, and so is the place where the file can be put by hand."""
    with pytest.raises(DownloadError, match=r"the server answered 404 Not Found; .* put the file at .*data\.bin"):
        download(server.file(path="gone.bin"), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()


def test_no_connection_is_one_line(tmp_path: Path) -> None:
    """A refused connection is a domain error in one line, with what to do."""
    with pytest.raises(DownloadError, match=r"no connection .*refused.*run again when online") as caught:
        download(Server("http://127.0.0.1:9").file(), tmp_path / "data.bin")
    assert "\n" not in str(caught.value)


def test_a_mirror_without_a_scheme_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HF_ENDPOINT is typed by hand: a missing https:// is said, not thrown as a traceback."""
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.example/")
    url = hub_url("miracl/miracl-corpus", "docs-0.jsonl.gz")
    assert url == "hf-mirror.example/datasets/miracl/miracl-corpus/resolve/main/docs-0.jsonl.gz"
    with pytest.raises(DownloadError, match="must begin with https://"):
        download(RemoteFile("docs-0.jsonl.gz", url), tmp_path / "docs-0.jsonl.gz")


def test_a_full_disk_keeps_what_there_is(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while streaming is told from a lost connection; the file's name stays free."""
    from beir_hybrid.datasets import download as module

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_bar", full)
    with pytest.raises(DownloadError, match=r"could not write .*part: No space left on device; free space"):
        download(server.file(), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()


def test_a_cache_that_cannot_be_written_is_a_domain_error(server: Server, tmp_path: Path) -> None:
    """A file where the cache folder should be ends in a message."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DownloadError, match="could not write"):
        download(server.file(), tmp_path / "taken" / "data.bin")


def test_threads_that_want_one_file_share_it(server: Server, tmp_path: Path) -> None:
    """Two threads at once: one downloads, both have the whole file."""
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
    assert server.asked == [None]
    assert names(tmp_path) == ["data.bin"]


def test_processes_that_want_one_file_share_it(server: Server, tmp_path: Path) -> None:
    """Two processes filling one cache: one downloads, both succeed."""
    code = (
        "import sys; from pathlib import Path; from beir_hybrid.datasets.download import *; "
        "download(RemoteFile('data.bin', *sys.argv[1:3]), Path(sys.argv[3]))"
    )
    file = server.file()
    command = [sys.executable, "-c", code, file.url, file.checksum, str(tmp_path / "data.bin")]
    root = Path(__file__).parents[2]
    children = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(child.communicate()[1], child.returncode) for child in children] == [("", 0), ("", 0)]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.asked == [None]
