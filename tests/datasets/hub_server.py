"""A Hugging Face hub on this machine: listings page by page and raw files with their ETags, as the real one has."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_TREE = re.compile(r"/api/datasets/([^/]+/[^/]+)/tree/([^/?]+)\?(.*)")
_RAW = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Hub:
    """``repositories[name][path]`` is a file's content; any revision is answered with the same."""

    repositories: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    url: str = ""
    page: int = 2
    """Files in one page of a listing."""
    listed: list[tuple[str, str]] = field(default_factory=list)
    """(repository, revision) of every page that was asked for."""
    fetched: list[str] = field(default_factory=list)
    """``repository@revision/path`` of every file that was asked for."""
    begun_at: list[int] = field(default_factory=list)
    """The byte at which each of those began."""
    tokens: list[str] = field(default_factory=list)
    """What each of those was authorized with."""
    break_after: int | None = None
    """Close the connection after so many bytes of the next file."""
    gated: bool = False


def _sha256(path: str, content: bytes) -> str:
    """Small text files have no checksum of their content in a listing."""
    return "" if path.endswith((".md", ".tsv")) else hashlib.sha256(content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    """A file as the hub lists it."""
    oid = hashlib.sha1(content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "oid": oid, "size": len(content), "path": path}
    if sha256 := _sha256(path, content):
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._file()

        def do_GET(self) -> None:
            tree = _TREE.fullmatch(self.path)
            if tree and tree[1] in hub.repositories:
                self._list(tree[1], tree[2], tree[3])
            else:
                self._file()

        def _list(self, name: str, revision: str, query: str) -> None:
            hub.listed.append((name, revision))
            entries = [_entry(path, content) for path, content in sorted(hub.repositories[name].items())]
            entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": "corpus"})
            found = re.search(r"cursor=(\d+)", query)
            begin = int(found[1]) if found else 0
            after = begin + hub.page
            link = f'<{hub.url}/api/datasets/{name}/tree/{revision}?recursive=true&cursor={after}>; rel="next"'
            headers = {"Link": link} if after < len(entries) else {}
            self._answer(200, json.dumps(entries[begin:after]).encode(), headers)

        def _file(self) -> None:
            raw = _RAW.fullmatch(self.path)
            content = hub.repositories.get(raw[1], {}).get(raw[3]) if raw else None
            if hub.gated:
                return self._answer(401, b"", {"X-Error-Code": "GatedRepo"})
            if raw is None or content is None:
                return self._answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "0" * 40})
            begin = 0
            if self.command == "GET":
                begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
                hub.fetched.append(f"{raw[1]}@{raw[2]}/{raw[3]}")
                hub.begun_at.append(begin)
                hub.tokens.append(self.headers.get("Authorization") or "")
            etag = _sha256(raw[3], content) or hashlib.sha1(content).hexdigest()
            commit = raw[2] if re.fullmatch("[0-9a-f]{40}", raw[2]) else "1" * 40
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit}
            if begin:
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self._answer(206 if begin else 200, content[begin:], headers)

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                cut, hub.break_after = (hub.break_after, None) if "ETag" in headers else (None, hub.break_after)
                self.wfile.write(body[:cut])
                self.close_connection = cut is not None

        def log_message(self, *_: Any) -> None:
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.daemon_threads = True
    hub.url = f"http://127.0.0.1:{host.server_port}"
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
