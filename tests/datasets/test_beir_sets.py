"""BEIR and its translations as families: every public set by name, and BEIR's archives."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beir_hybrid import list_datasets, load_dataset
from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.datasets.archive_source import ArchiveSource, extract
from beir_hybrid.datasets.family import Family
from beir_hybrid.datasets.hub_source import HubSource
from beir_hybrid.errors import DatasetError, DownloadError

PUBLIC = {
    "arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa", "msmarco", "nfcorpus", "nq", "quora",
    "scidocs", "scifact", "trec-covid", "webis-touche2020",
}  # fmt: skip
FORUMS = {
    "android", "english", "gaming", "gis", "mathematica", "physics", "programmers", "stats", "tex", "unix",
    "webmasters", "wordpress",
}  # fmt: skip


def family(name: str) -> Family:
    source = get_source(name)
    assert isinstance(source, Family)
    return source


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language", "lacking"),
    [("beir", "en", set()), ("beir-nl", "nl", set()), ("beir-pl", "pl", {"climate-fever", "fever"})],
)
def test_every_public_set_is_there(name: str, language: str, lacking: set[str]) -> None:
    """All public sets and the forums of CQADupStack; each is pinned, says its licence, and is in one language."""
    sets = family(name).sets
    assert set(sets) == PUBLIC - lacking | {f"cqadupstack/{forum}" for forum in FORUMS}
    for each, source in sets.items():
        assert source.name == f"{name}/{each}"
        assert get_source(source.name) is source
        assert is_registered(source.name)
        assert source.languages == (language,)
        assert source.licence.name
        if isinstance(source, HubSource):
            assert re.fullmatch("[0-9a-f]{40}", source.revision)
        else:
            assert isinstance(source, ArchiveSource)
            assert re.fullmatch("md5:[0-9a-f]{32}", source.archive.checksum)
            assert source.archive.url.endswith(f"/{each}.zip")


def test_default_splits_are_those_results_are_reported_on() -> None:
    """Test everywhere but on MS MARCO, whose test queries BEIR does not report."""
    sets = family("beir").sets
    assert {name: source.splits[0] for name, source in sets.items() if source.splits[0] != "test"} == {"msmarco": "dev"}
    assert sets["nfcorpus"].splits == ("test", "dev", "train")


def test_names_that_are_typed_wrong() -> None:
    """The set, the family, and a set without its family each get a hint; a family is not loaded as a whole."""
    for name, message in (
        ("beir/scifcat", "beir has no data set 'scifcat'; did you mean 'scifact'?"),
        ("beri/scifact", "'beri/scifact' is neither a folder nor a data set; did you mean 'beir'?"),
        ("scifact", "unknown dataset 'scifact'; did you mean 'beir/scifact'?"),
        ("sample/en", "'sample/en' is neither a folder nor a data set; did you mean 'sample'?"),
        ("beir", "beir is a family of data sets; name one, as beir/arguana; known: arguana, "),
    ):
        with pytest.raises(DatasetError, match=re.escape(message)):
            load_dataset(name)
        assert not is_registered(name) or name in list_datasets()


def zipped(**changes: bytes | None) -> bytes:
    """scifact.zip as BEIR publishes it: one folder, which itself is an entry."""
    files = {
        "corpus.jsonl": b'{"_id": "4983", "title": "Microstructure", "text": "White matter.", "metadata": {}}\n'
        b'{"_id": "5836", "title": "", "text": "Blood.", "metadata": {}}\n',
        "queries.jsonl": b'{"_id": "0", "text": "Biomaterials?", "metadata": {}}\n{"_id": "1", "text": "Marrow?"}\n',
        "qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\t5836\t1\n",
        "qrels/train.tsv": b"query-id\tcorpus-id\tscore\n0\t4983\t1\n",
    } | {name.replace("__", "/").replace("_", "."): body for name, body in changes.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scifact/", b"")
        for name, body in files.items():
            if body is not None:
                archive.writestr(f"scifact/{name}", body)
        archive.writestr("__MACOSX/scifact/._corpus.jsonl", b"junk")
    return out.getvalue()


Publish = Callable[..., ArchiveSource]


@pytest.fixture
def source_of(tmp_path: Path, address_of: Callable[[Path], str]) -> Publish:
    """beir/scifact whose archive is a file of this machine."""

    def publish(content: bytes, md5: str | None = None) -> ArchiveSource:
        found = family("beir").sets["scifact"]
        assert isinstance(found, ArchiveSource)
        (tmp_path / "scifact.zip").write_bytes(content)
        pin = md5 or hashlib.md5(content).hexdigest()
        here = dataclasses.replace(found.archive, url=address_of(tmp_path / "scifact.zip"), checksum=f"md5:{pin}")
        return dataclasses.replace(found, archive=here)

    return publish


def test_an_archive_is_fetched_unpacked_and_removed(source_of: Publish, tmp_path: Path, no_data: Path) -> None:
    """Every split comes with it; the archive does not stay; nothing is fetched twice."""
    source = source_of(zipped())
    dataset = source.load(None, ["en"], "test")
    assert dataset.qrels == {"en-q-1": {"en-p-5836": 1}}
    assert len(dataset.passages["en"]) == 2
    root = no_data / "data" / "beir" / "scifact"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("[!.]*") if path.is_file()) == [
        "corpus.jsonl", "qrels/test.tsv", "qrels/train.tsv", "queries.jsonl",
    ]  # fmt: skip
    (tmp_path / "scifact.zip").unlink()
    assert source.load(None, ["en"], "train").qrels == {"en-q-0": {"en-p-4983": 1}}


def test_unpacking_goes_on_where_it_stopped(
    source_of: Publish, tmp_path: Path, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt between two members keeps the archive and leaves no half file; the next call needs no download."""
    from beir_hybrid.datasets import archive_source as module

    source = source_of(zipped())
    copy = module.shutil.copyfileobj
    copied: list[str] = []

    def stopping(read: Any, write: Any, length: int) -> None:
        copied.append(write.name)
        if len(copied) == 2:
            raise KeyboardInterrupt
        copy(read, write, length)

    monkeypatch.setattr(module, "shutil", SimpleNamespace(copyfileobj=stopping))
    with pytest.raises(KeyboardInterrupt):
        source.load(None, ["en"], "test")
    (tmp_path / "scifact.zip").unlink()
    root = no_data / "data" / "beir" / "scifact"
    assert len([path for path in root.rglob("[!.]*") if path.is_file()]) == 2  # the archive and one member
    assert len(source.load(None, ["en"], "test").qrels) == 1


def test_archives_that_are_wrong(source_of: Publish, tmp_path: Path, no_data: Path) -> None:
    """Another checksum, no zip at all, a cut one, and one without the judgments."""
    with pytest.raises(DownloadError, match=r"md5 is .*, expected 0000\d+; the download was disc"):
        source_of(zipped(), "0" * 32).load(None, ["en"], "test")
    with pytest.raises(DatasetError, match=r"scifact\.zip is no whole zip archive .*; delete it and fetch it again"):
        source_of(b"<html>").load(None, ["en"], "test")
    (no_data / "data" / "beir" / "scifact" / "scifact.zip").unlink()
    lacking = source_of(zipped(qrels__test_tsv=None))
    with pytest.raises(
        DatasetError, match="holds no corpus, queries and qrels of split 'test'; it has the splits: train"
    ):
        lacking.load(None, ["en"], "test")
    damaged = bytearray(zipped())
    damaged[110] ^= 255
    (tmp_path / "damaged.zip").write_bytes(bytes(damaged))
    with pytest.raises(DatasetError, match="is no whole zip archive"):
        extract(tmp_path / "damaged.zip", lambda members: {"scifact/corpus.jsonl": tmp_path / "corpus.jsonl"})
    assert not (tmp_path / "corpus.jsonl").exists()
    (tmp_path / "good.zip").write_bytes(zipped())
    with pytest.raises(DatasetError, match=r"good\.zip holds no nothing; it holds scifact/, scifact/corpus\.jsonl"):
        extract(tmp_path / "good.zip", lambda members: {"nothing": tmp_path / "nothing"})


def test_a_folder_beir_downloaded_is_found(tmp_path: Path, no_data: Path) -> None:
    """--data-dir may be the folder that BEIR's own download_and_unzip fills, or the set's folder itself."""
    for member, body in (
        ("corpus.jsonl", b'{"_id": "d", "title": "", "text": "x"}\n'),
        ("queries.jsonl", b'{"_id": "q", "text": "y"}\n'),
        ("qrels/test.tsv", b"query-id\tcorpus-id\tscore\nq\td\t1\n"),
    ):
        path = tmp_path / "datasets" / "scifact" / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    expected = {"en-q-q": {"en-p-d": 1}}
    for data_dir in (tmp_path / "datasets", tmp_path / "datasets" / "scifact"):
        assert load_dataset("beir/scifact", data_dir).qrels == expected
    with pytest.raises(DatasetError, match=r"holds no beir/nfcorpus: expected .*run: beir-hybrid fetch beir/nfcorpus"):
        load_dataset("beir/nfcorpus", tmp_path / "datasets")


def test_an_archive_with_a_password_is_one_line(tmp_path: Path) -> None:
    """Its first member says that it is encrypted."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("member", "text")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(DatasetError, match=r"a\.zip is no whole zip archive \(.*encrypted"):
        extract(tmp_path / "a.zip", lambda members: {"member": tmp_path / "out"})
    assert not (tmp_path / "out").exists()


def test_a_set_is_told_which_queries_are_passages(source_of: Publish, no_data: Path) -> None:
    """As a folder is: ids alone where it is asked for, and what was asked for stands in the results."""
    queries = b'{"_id": "0", "text": "Biomaterials?"}\n{"_id": "5836", "text": "Marrow?"}\n'
    source = source_of(zipped(queries_jsonl=queries, qrels__test_tsv=b"query-id\tcorpus-id\tscore\n5836\t4983\t1\n"))
    assert source.load(None, ["en"], "test").own_passages == {}
    told = source.load(None, ["en"], "test", own_passages=True)
    assert (told.own_passages, told.options) == ({"en-q-5836": "en-p-5836"}, {"own_passages": True})
