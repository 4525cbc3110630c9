"""Listing a hub repository: every page of it, checksums, and what can go wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from beir_hybrid.datasets.hub import HubRepository
from beir_hybrid.errors import DownloadError
from tests.datasets.hub_server import Hub

FILES = {
    "README.md": b"# card",
    "corpus.jsonl": b"{}\n",
    "qrels/dev.tsv": b"a",
    "qrels/test.tsv": b"b",
    "z.jsonl": b"z",
}


def test_every_page_is_read(hub: Hub, tmp_path: Path) -> None:
    """A listing comes in pages; folders are no files; large files have a checksum, small ones none."""
    hub.repositories["some/set"] = FILES
    repository = HubRepository("some/set", "abc")
    listed = {file.path: file for file in repository.files(tmp_path)}
    assert sorted(listed) == sorted(FILES)
    assert hub.listed == [("some/set", "abc")] * 3
    assert listed["corpus.jsonl"].checksum == f"sha256:{hashlib.sha256(FILES['corpus.jsonl']).hexdigest()}"
    assert listed["corpus.jsonl"].url == f"{hub.url}/datasets/some/set/resolve/abc/corpus.jsonl"
    assert listed["corpus.jsonl"].about_bytes == 3
    assert listed["qrels/test.tsv"].checksum == ""


def test_the_hubs_own_client_agrees(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What huggingface_hub reads from the same answers is what is read here."""
    from huggingface_hub import HfApi, constants

    # other tests of this process may have set HF_HUB_OFFLINE, which the client reads when it is imported
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    hub.repositories["some/set"] = FILES
    api = HfApi(endpoint=hub.url, token=False)
    theirs = {
        (entry.path, entry.size, entry.lfs.sha256 if entry.lfs else "")
        for entry in api.list_repo_tree("some/set", repo_type="dataset", revision="abc", recursive=True)
        if hasattr(entry, "size")
    }
    ours = HubRepository("some/set", "abc").files(tmp_path)
    assert {(file.path, file.about_bytes, file.expected) for file in ours} == theirs


def test_what_goes_wrong_is_one_line(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such repository, an answer that is no listing, no connection, a mirror without a scheme."""
    with pytest.raises(
        DownloadError, match=r"could not list no/such at main: the server answered 404 Not Found; .*into"
    ):
        HubRepository("no/such").files(tmp_path)
    hub.repositories["some/set"] = FILES
    for broken, message in ((b"<html>", "Expecting value"), (b'{"error": "gated"}', "answered no list of files")):
        hub.broken = broken
        with pytest.raises(DownloadError, match=message):
            HubRepository("some/set").files(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"no connection .*refused.*; run again when online, or put the files of"):
        HubRepository("some/set").files(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.example")
    with pytest.raises(DownloadError, match="unknown url type"):
        HubRepository("some/set").files(tmp_path)
