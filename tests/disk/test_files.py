"""Files are written whole or not at all, whatever happens in between."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.disk.files import (
    alone,
    build_once,
    fingerprint,
    folder_written_whole,
    sha256_of,
    write_json,
    written_whole,
)
from beir_hybrid.errors import BeirHybridError


def test_a_file_appears_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """Until the block ends there is nothing under the final name; afterwards there is nothing but it."""
    path = tmp_path / "new" / "runs.txt"
    with written_whole(path) as part:
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_interrupt_leaves_the_old_file(tmp_path: Path, interruption: type[BaseException]) -> None:
    """What was there before an interrupted rewrite is there afterwards, and nothing else."""
    path = tmp_path / "runs.txt"
    path.write_text("before")
    with pytest.raises(interruption), written_whole(path) as part:
        part.write_text("half")
        raise interruption
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    """A folder is not there at all until it is complete."""
    with pytest.raises(KeyboardInterrupt), folder_written_whole(tmp_path / "out") as part:
        (part / "qrels").mkdir()
        (part / "qrels" / "test.tsv").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "choose a folder that may be written to"),
        (errno.EROFS, "choose a folder that may be written to"),
        (errno.ENAMETOOLONG, "choose another folder, or see what stands in its way"),
    ],
)
def test_only_a_full_disk_wants_space(tmp_path: Path, number: int, remedy: str) -> None:
    """What to do depends on what failed."""
    with pytest.raises(BeirHybridError) as caught, written_whole(tmp_path / "out"):
        raise OSError(number, "no")
    assert str(caught.value) == f"could not write {tmp_path / 'out'}: no; {remedy}"


def test_a_cache_that_cannot_be_written_says_how_to_have_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No option names the cache: in a container whose user has no home, the variable is what helps."""
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))
    with (
        pytest.raises(BeirHybridError, match=r"BEIR_HYBRID_CACHE says where the cache is$"),
        written_whole(tmp_path / "cache" / "new" / "out"),
    ):
        raise OSError(errno.EACCES, "no")


def test_a_disk_that_fails_a_library_in_rust_is_one_line(tmp_path: Path) -> None:
    """tokenizers and safetensors raise types of their own, with the system's number in the text."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    with pytest.raises(BeirHybridError) as caught, folder_written_whole(tmp_path / "out") as part:
        Tokenizer(BPE()).save(str(part / "no folder" / "tokenizer.json"))
    assert str(caught.value) == (
        f"could not write {tmp_path / 'out'}: No such file or directory; choose another folder, or see what stands in "
        f"its way"
    )


@pytest.mark.parametrize("writer", [written_whole, folder_written_whole])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, writer: Any) -> None:
    """ENOSPC in the middle of writing names the file and what to do; the half that was written is gone."""
    with pytest.raises(BeirHybridError) as caught, writer(tmp_path / "out") as part:
        (part if writer is written_whole else part / "corpus.jsonl").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    message = str(caught.value)
    assert str(tmp_path / "out") in message
    assert "No space left on device" in message
    assert "free space" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [written_whole, folder_written_whole])
def test_a_place_that_cannot_be_written_is_a_domain_error(tmp_path: Path, writer: Any) -> None:
    """A file where a folder is needed ends in a message, not in a traceback."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(BeirHybridError, match=r"could not write .*taken/deep/out"), writer(tmp_path / "taken/deep/out"):
        pytest.fail("there is no place to write to")


def test_a_folder_in_the_way_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A folder with content stays as it is; a file of that name as well."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("out", "file"):
        with pytest.raises(BeirHybridError, match="not an empty folder"), folder_written_whole(tmp_path / name):
            pytest.fail("it is in the way")
    assert (tmp_path / "out" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"


def test_json_is_readable_by_everyone(tmp_path: Path) -> None:
    """Texts stay readable, and NaN, which is no JSON, is refused before the file is touched."""
    path = tmp_path / "results.json"
    write_json(path, {"query": "天气", "map": 0.5})
    assert "天气" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == {"query": "天气", "map": 0.5}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"map": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["map"] == 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_digests(tmp_path: Path) -> None:
    """File digests are the published algorithms'; a fingerprint tells where one part ends and the next begins."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(path, "md5") == "900150983cd24fb0d6963f7d28e17f72"
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("é") == fingerprint("é".encode())
    assert len(fingerprint()) == 32


def test_a_file_that_cannot_be_read_is_not_said_to_be_unwritable(tmp_path: Path) -> None:
    """What is copied from elsewhere may be at fault: that file is named, and no space is asked for."""
    (tmp_path / "to").mkdir()
    with (
        pytest.raises(BeirHybridError, match=r"^could not read .*from/nix, to write .*to/out: No such file") as caught,
        written_whole(tmp_path / "to" / "out"),
    ):
        (tmp_path / "from" / "nix").read_bytes()
    assert "free space" not in str(caught.value)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_is_built_once_and_whole(tmp_path: Path, resume: bool) -> None:
    """An interrupted build leaves no folder; the next goes on from what is finished, or from nothing, as it asks."""
    folder, given = tmp_path / "new" / "index", []

    def make(part: Path) -> None:
        given.append(sorted(path.name for path in part.iterdir()))
        (part / "first").write_text("whole")
        if len(given) == 1:
            raise KeyboardInterrupt
        (part / "second").write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        build_once(folder, make, resume=resume)
    assert not folder.exists()
    for _ in range(2):  # the second time it is there
        build_once(folder, make, resume=resume)
    assert given == [[], ["first"] if resume else []]
    assert sorted(path.name for path in folder.iterdir()) == ["first", "second"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [".index.lock", "index"]


def test_a_folder_that_is_not_what_was_built_is_built_anew(tmp_path: Path) -> None:
    """What its owner calls damaged goes when the new one is whole, not before."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("half")

    def whole(folder: Path) -> bool:
        return (folder / "digest").exists()

    def fails(part: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BeirHybridError, match=r"could not write .*model: No space left on device; free space"):
        build_once(tmp_path / "model", fails, whole=whole)
    assert (tmp_path / "model" / "old").exists()
    build_once(tmp_path / "model", lambda part: (part / "digest").touch(), whole=whole)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["digest"]


def test_what_killed_processes_left_half_written_goes_with_the_next(tmp_path: Path) -> None:
    """Under the lock nobody else is at work on the folder; the lock itself stays."""
    (tmp_path / "vectors" / "deep").mkdir(parents=True)
    (tmp_path / "vectors" / "deep" / ".000003.npy.12345678.part").write_text("half")
    with alone(tmp_path / "vectors"):
        assert list((tmp_path / "vectors" / "deep").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".vectors.lock", "vectors"]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """A folder that a user names by mistake keeps what a browser, or another evaluation below it, is writing."""
    theirs = [tmp_path / ".film.mkv.part", tmp_path / "results" / ".runs.parquet.12345678.part"]
    theirs[1].parent.mkdir()
    for path in theirs:
        path.write_text("half")
    with alone(tmp_path, mark="inputs.json"):
        assert all(path.exists() for path in theirs)
    (tmp_path / "inputs.json").write_text("{}")
    with alone(tmp_path, mark="inputs.json"):
        assert [path.exists() for path in theirs] == [True, False]
