"""Folders that are whole or not there, without Java."""

from __future__ import annotations

import errno
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25 import cache
from beir_hybrid.retrieval.bm25.cache import open_or_build


def test_a_complete_folder_is_not_built_again(tmp_path: Path) -> None:
    """The second run reads what the first one wrote."""
    assert open_or_build(tmp_path / "x", lambda folder: {"made": 1}) == {"made": 1}
    assert open_or_build(tmp_path / "x", lambda folder: pytest.fail("built twice")) == {"made": 1}


def visible(folder: Path) -> list[Path]:
    """What is in a folder but lock files, which stay."""
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_build_that_ends_early_is_not_there(tmp_path: Path, end: BaseException) -> None:
    """After Ctrl-C or a full disk there is no folder; the next run gets what was left, and decides about it."""

    def fail(folder: Path) -> dict[str, int]:
        (folder / "half").write_text("half")
        raise end

    with pytest.raises((KeyboardInterrupt, RetrieverError)):
        open_or_build(tmp_path / "x", fail)
    assert not (tmp_path / "x").exists()

    def go_on(folder: Path) -> dict[str, int]:
        assert (folder / "half").read_text() == "half"
        return {"made": 2}

    assert open_or_build(tmp_path / "x", go_on) == {"made": 2}
    assert visible(tmp_path) == [tmp_path / "x"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Whatever could not be written, the line says where and what to do; an empty folder is not left."""

    def fail(folder: Path) -> dict[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RetrieverError, match=r"could not write .*/x: No space left on device; free space or choose"):
        open_or_build(tmp_path / "x", fail)
    assert visible(tmp_path) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where the cache folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RetrieverError, match=r"could not write .*file/x"):
        open_or_build(tmp_path / "file" / "x", lambda folder: {})


def test_of_two_builders_one_builds(tmp_path: Path) -> None:
    """The second waits for the first and takes what it made."""
    target, begun, told = tmp_path / "x", threading.Event(), []

    def build(folder: Path) -> dict[str, str]:
        told.append("built")
        begun.set()
        time.sleep(0.2)
        return {"by": "first"}

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(open_or_build, target, build)
        begun.wait()
        second = pool.submit(open_or_build, target, build)
        assert first.result() == second.result() == {"by": "first"}
    assert told == ["built"]


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_record_says_what_to_delete(tmp_path: Path, text: str) -> None:
    """A folder whose record cannot be read is not taken for an index, nor deleted without asking."""
    open_or_build(tmp_path / "x", lambda folder: {})
    (tmp_path / "x" / cache.META).write_text(text)
    with pytest.raises(RetrieverError, match=r"x/meta\.json .*; delete that folder to build it anew"):
        open_or_build(tmp_path / "x", lambda folder: pytest.fail("built over it"))


def test_the_record_is_readable_json(tmp_path: Path) -> None:
    """meta.json is for people too: names in their own script."""
    open_or_build(tmp_path / "x", lambda folder: {"name": "ไทย"})
    text = (tmp_path / "x" / cache.META).read_text(encoding="utf-8")
    assert "ไทย" in text
    assert json.loads(text) == {"name": "ไทย"}
