"""A Hugging Face hub on this machine: listings page by page, and raw files, as the real one serves them."""

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
    broken: bytes | None = None
    """Answered instead of a listing."""


def _entry(path: str, content: bytes) -> dict[str, Any]:
    """A file as the hub lists it; small text files have no checksum of their content there."""
    entry: dict[str, Any] = {
        "type": "file",
        "oid": hashlib.sha1(content).hexdigest(),
        "size": len(content),
        "path": path,
    }
    if not path.endswith((".md", ".tsv")):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tree, raw = _TREE.fullmatch(self.path), _RAW.fullmatch(self.path)
            if tree and tree[1] in hub.repositories:
                self._list(tree[1], tree[2], tree[3])
            elif raw and raw[3] in hub.repositories.get(raw[1], {}):
                hub.fetched.append(f"{raw[1]}@{raw[2]}/{raw[3]}")
                self._answer(hub.repositories[raw[1]][raw[3]])
            else:
                self.send_error(404)

        def _list(self, name: str, revision: str, query: str) -> None:
            hub.listed.append((name, revision))
            if hub.broken is not None:
                return self._answer(hub.broken)
            entries = [_entry(path, content) for path, content in sorted(hub.repositories[name].items())]
            entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": "corpus"})
            begin = int(query.partition("cursor=")[2] or 0)
            after = begin + hub.page
            link = f'<{hub.url}/api/datasets/{name}/tree/{revision}?recursive=true&cursor={after}>; rel="next"'
            self._answer(json.dumps(entries[begin:after]).encode(), link if after < len(entries) else "")

        def _answer(self, body: bytes, link: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{host.server_port}"
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
