"""Converting: what is wrong in a source is named, and whatever interrupts it, a rerun ends as a clean run does."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.corpus import convert, shards, workers
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.errors import BeirHybridError, DatasetError

Numbered = Callable[[int, int], list[dict[str, str]]]


@pytest.fixture
def sources(write_shards: Any, numbered: Numbered, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(shards, "BATCH", 8)
    found: list[Path] = write_shards(numbered(0, 30), numbered(30, 55), numbered(55, 60))
    return found


def content_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the lock; conversion leaves nothing else."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.name != ".lock" and path.is_file()}


def test_the_manifest_records_the_sources(sources: list[Path], tmp_path: Path) -> None:
    """Every source with its checksums and passages, so that a result can be traced to its files."""
    corpus = ArrowCorpus.build(sources, tmp_path / "corpus")
    recorded = corpus.manifest["sources"]
    assert [(s["name"], s["passages"], s["bytes"]) for s in recorded] == [
        (path.name, size, path.stat().st_size) for path, size in zip(sources, (30, 25, 5), strict=True)
    ]
    assert [(s["sha256"], s["md5"]) for s in recorded] == [(sha256_of(p), sha256_of(p, "md5")) for p in sources]


def test_content_is_told_from_other_content(write_shards: Any, numbered: Numbered, tmp_path: Path) -> None:
    """The digest knows every text and id, and not how the file was compressed."""
    contents = []
    for number, change in enumerate(({}, {}, {"text": "other"}, {"title": "other"}, {"docid": "other"})):
        records = numbered(0, 20)
        records[3] |= change
        contents.append(ArrowCorpus.build(write_shards(records), tmp_path / str(number)).content)
    assert contents[0] == contents[1]
    assert len(set(contents)) == 4
    assert ArrowCorpus.build(write_shards(numbered(0, 20)), tmp_path / "prefix", id_prefix="x-").content != contents[0]


# where an interrupt or a full disk can strike: (module, function), and at which call of it
MOMENTS = [
    *((workers, "write_shard", at) for at in (1, 2, 3)), (convert, "write_json", 2), (convert, "write_in_order", 1),
    (shards, "written_whole", 4), (shards, "_rows_of", 1), (convert, "written_whole", 1), (convert, "write_json", 4),
    (shards, "read_records", 2),
]  # fmt: skip


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize(("module", "name", "call"), MOMENTS)
def test_after_an_interrupt_at_any_point_a_rerun_equals_a_clean_run(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int,
    problem: BaseException,
) -> None:  # fmt: skip
    """No half-made corpus can be opened, and what the rerun makes is byte for byte what one run makes."""
    clean = ArrowCorpus.build(sources, tmp_path / "clean")
    original, calls = getattr(module, name), []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == call:
            raise problem
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        with pytest.raises((KeyboardInterrupt, OSError, BeirHybridError)):
            ArrowCorpus.build(sources, tmp_path / "corpus")
    with pytest.raises(DatasetError, match="holds no whole corpus"):
        ArrowCorpus(tmp_path / "corpus")
    assert not list((tmp_path / "corpus").rglob("*.part"))
    again = ArrowCorpus.build(sources, tmp_path / "corpus")
    assert content_of(again.folder) == content_of(clean.folder)


def test_what_was_converted_is_not_converted_again(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun reads the shards that were not finished, and an opened corpus reads none."""
    read: list[str] = []

    def counting(source: Path, *args: Any, **kwargs: Any) -> Any:
        read.append(source.name)
        if len(read) == 3:
            raise KeyboardInterrupt
        return shards.write_shard(source, *args, **kwargs)

    monkeypatch.setattr(workers, "write_shard", counting)
    with pytest.raises(KeyboardInterrupt):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    ArrowCorpus.build(sources, tmp_path / "corpus")
    ArrowCorpus.build(sources, tmp_path / "corpus")
    assert read == ["docs-0.jsonl.gz", "docs-1.jsonl.gz", "docs-2.jsonl.gz", "docs-2.jsonl.gz"]


def test_a_full_disk_is_one_line(sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named, and what to do; nothing half-written stays."""
    import pyarrow as pa

    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pa, "OSFile", lambda path, mode: pa.PythonFile(Full(), mode))
        with pytest.raises(BeirHybridError, match=r"could not write .*docs-0.*No space left.*free space") as error:
            ArrowCorpus.build(sources, tmp_path / "corpus")
    assert "\n" not in str(error.value)
    assert list(content_of(tmp_path / "corpus")) == []
    assert len(ArrowCorpus.build(sources, tmp_path / "corpus")) == 60


def test_what_a_killed_process_left_is_cleared(sources: list[Path], tmp_path: Path) -> None:
    """Temporary files of a process that could not clean up do not stay for ever."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / ".docs-0.arrow.12345678.part").write_bytes(b"half")
    assert ".docs-0.arrow.12345678.part" not in content_of(ArrowCorpus.build(sources, tmp_path / "corpus").folder)


def test_another_revision_of_a_shard_is_refused(
    sources: list[Path], tmp_path: Path, write_shards: Any, numbered: Numbered
) -> None:
    """A folder made from other files is not taken for the corpus of these; which file differs is said."""
    ArrowCorpus.build(sources, tmp_path / "corpus", id_width=9)
    advice = f"choose another folder, or delete {tmp_path / 'corpus'}"
    with pytest.raises(DatasetError, match=rf"docs-2\.jsonl\.gz is not among the files now; {advice}"):
        ArrowCorpus.build(sources[:2], tmp_path / "corpus", id_width=9)
    with pytest.raises(DatasetError, match="was built with id_width 9, not 0"):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    write_shards(numbered(0, 30), numbered(30, 56))
    with pytest.raises(DatasetError, match=rf"another revision of docs-1\.jsonl\.gz: sha256 .*; {advice}"):
        ArrowCorpus.build(sources, tmp_path / "corpus", id_width=9)


def test_a_revision_that_changes_between_two_runs_is_converted_anew(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_shards: Any, numbered: Numbered
) -> None:
    """What an interrupted run converted from an older file is not used."""
    with monkeypatch.context() as patch:
        patch.setattr(convert, "write_in_order", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ArrowCorpus.build(sources, tmp_path / "corpus")
    write_shards(numbered(100, 103))
    corpus = ArrowCorpus.build(sources, tmp_path / "corpus")
    assert len(corpus) == 3 + 25 + 5
    assert "100#2" in corpus and "0#0" not in corpus


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (b'{"docid": "1#0",\n', "docs-1.jsonl.gz:1: not valid JSON"),
        (b'\n{"docid": "1#0"}\n', "docs-1.jsonl.gz:2: 'text' is None; expected a string"),
        (b'{"text": "x"}\n', "docs-1.jsonl.gz:1: the record has no id; expected one of _id, docid"),
        (b'{"docid": "a", "text": "x"}\n{"docid": 7.5, "text": "x"}\n', "docs-1.jsonl.gz:2: 'docid' is 7.5, which is"),
        (b'{"docid": "a", "text": "x", "title": 7}\n', "docs-1.jsonl.gz:1: 'title' is 7"),
        (b'{"docid": "", "text": "x"}\n', "docs-1.jsonl.gz:1: 'docid' is '', which is no id"),
        (b'{"docid": "a", "text": "x"}\n\n{"docid": "b", "text": "\\ud800"}\n', "docs-1.jsonl.gz:3: holds half of"),
        (b'{"docid": "a", "text": "\xff"}\n', "docs-1.jsonl.gz:1: not UTF-8"),
    ],
)
def test_what_is_wrong_is_named_by_line(write_shards: Any, tmp_path: Path, second: bytes, message: str) -> None:
    """Every malformed record is found at path:line, and no corpus comes of it."""
    sources = write_shards([{"docid": "0#0", "text": "x"}], second)
    with pytest.raises(DatasetError, match=re.escape(message)):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    assert not (tmp_path / "corpus" / convert.MANIFEST).exists()


def test_a_docid_in_two_shards_is_named_twice(write_shards: Any, numbered: Numbered, tmp_path: Path) -> None:
    """Both places are said, line by line, blank lines counted."""
    twice = b'{"docid": "z", "text": "x"}\n\n' + json.dumps(numbered(7, 8)[0]).encode() + b"\n"
    sources = write_shards(numbered(0, 10), twice)
    message = f"{sources[1]}:3: docid '7#0' appeared before, at {sources[0]}:3"
    with pytest.raises(DatasetError, match=re.escape(message)):
        ArrowCorpus.build(sources, tmp_path / "corpus")


def test_a_truncated_shard_is_refused(sources: list[Path], tmp_path: Path) -> None:
    """Half a shard does not pass for a small one, wherever it was cut."""
    whole = sources[1].read_bytes()
    for cut in (0, 5, len(whole) // 2, len(whole) - 4):
        sources[1].write_bytes(whole[:cut])
        with pytest.raises(DatasetError, match=r"docs-1\.jsonl\.gz.*truncated or damaged"):
            ArrowCorpus.build(sources, tmp_path / "corpus")
    sources[1].write_bytes(whole)
    assert len(ArrowCorpus.build(sources, tmp_path / "corpus")) == 60


def test_a_missing_shard_is_named(sources: list[Path], tmp_path: Path) -> None:
    """A file that is not there stops before anything is written."""
    sources[1].unlink()
    with pytest.raises(DatasetError, match=r"docs-1\.jsonl\.gz is missing; a corpus is converted from all its files"):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_two_sources_of_one_name_are_refused(sources: list[Path], tmp_path: Path) -> None:
    """The manifest tells sources by their names."""
    with pytest.raises(DatasetError, match=r"two sources are called 'docs-0\.jsonl\.gz'"):
        ArrowCorpus.build([sources[0], sources[0]], tmp_path / "corpus")


def test_a_folder_that_cannot_be_made_is_one_line(sources: list[Path], tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"could not write .*file/corpus"):
        ArrowCorpus.build(sources, tmp_path / "file" / "corpus")


def test_a_whole_corpus_is_opened_where_nothing_can_be_written(sources: list[Path], tmp_path: Path) -> None:
    """A shared cache may be one that is only read: no lock is taken of what is finished."""
    ArrowCorpus.build(sources, tmp_path / "corpus")
    (tmp_path / ".corpus.lock").unlink()
    (tmp_path / ".corpus.lock").mkdir()  # root may write to any folder, but not to this
    assert len(ArrowCorpus.build(sources, tmp_path / "corpus")) == 60


def test_a_file_is_read_for_its_digests_only_when_it_changed(
    sources: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gigabytes are not hashed whenever a corpus is opened; a changed file is noticed all the same."""
    from beir_hybrid.corpus import digests

    read: list[Path] = []
    original = digests._read
    monkeypatch.setattr(digests, "_read", lambda path: read.append(path) or original(path))
    assert digests_of(sources[0]) == digests_of(sources[0])
    assert len(read) == 1
    sources[0].write_bytes(sources[0].read_bytes()[::-1])
    assert digests_of(sources[0]).sha256 == sha256_of(sources[0])
    assert len(read) == 2


def _build(sources: list[Path], folder: Path) -> int:
    return len(ArrowCorpus.build(sources, folder))


@pytest.mark.slow
def test_two_processes_build_one_corpus(sources: list[Path], tmp_path: Path) -> None:
    """The second waits for the first and finds its corpus."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_build, [(sources, tmp_path / "corpus")] * 2) == [60, 60]
    assert not list((tmp_path / "corpus").glob(".*.part"))


def test_another_id_field_is_another_corpus(tmp_path: Path) -> None:
    """A folder is not opened as something that it was not built as: not with the old ids under a new field."""
    (tmp_path / "docs.jsonl").write_text('{"docid": "a", "other": "b", "text": "x"}\n')
    assert list(ArrowCorpus.build([tmp_path / "docs.jsonl"], tmp_path / "corpus", id_field="docid")) == ["a"]
    with pytest.raises(DatasetError, match="was built with id_field 'docid', not 'other'; choose another folder"):
        ArrowCorpus.build([tmp_path / "docs.jsonl"], tmp_path / "corpus", id_field="other")
