"""Folders that are whole or not there, without Java."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from beir_hybrid.retrieval.bm25 import cache
from beir_hybrid.retrieval.bm25.cache import content_key, open_or_build


def test_the_key_changes_with_every_input() -> None:
    """A changed text, id, order or setting must never find the old index."""
    keys = {
        content_key(["a", "b"], ["x", "y"], {"analyzer": "en"}),
        content_key(["a", "b"], ["x", "z"], {"analyzer": "en"}),
        content_key(["a", "c"], ["x", "y"], {"analyzer": "en"}),
        content_key(["b", "a"], ["y", "x"], {"analyzer": "en"}),
        content_key(["a", "b"], ["x", "y"], {"analyzer": "de"}),
    }
    assert len(keys) == 5


def test_ids_and_texts_do_not_run_together() -> None:
    """("ab", "c") and ("a", "bc") are different passages."""
    assert content_key(["ab"], ["c"], {}) != content_key(["a"], ["bc"], {})


def test_a_complete_folder_is_not_built_again(tmp_path: Path) -> None:
    """The second run reads what the first one wrote."""
    assert open_or_build(tmp_path / "x", lambda folder: {"made": 1}) == {"made": 1}
    assert open_or_build(tmp_path / "x", lambda folder: pytest.fail("built twice")) == {"made": 1}


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError("No space left on device")])
def test_a_build_that_ends_early_leaves_nothing(tmp_path: Path, end: type[BaseException]) -> None:
    """After Ctrl-C or a full disk the folder is empty, and the next run builds from the start."""

    def fail(folder: Path) -> dict[str, int]:
        (folder / "half").write_text("half")
        raise end

    with pytest.raises((KeyboardInterrupt, OSError)):
        open_or_build(tmp_path / "x", fail)
    assert list(tmp_path.iterdir()) == []
    assert open_or_build(tmp_path / "x", lambda folder: {"made": 2}) == {"made": 2}


def test_the_first_of_two_builders_wins(tmp_path: Path) -> None:
    """A process that finds the folder finished by another takes that one and removes its own."""
    target = tmp_path / "x"

    def overtaken(folder: Path) -> dict[str, str]:
        open_or_build(target, lambda other: {"by": "other"})
        return {"by": "us"}

    assert open_or_build(target, overtaken) == {"by": "other"}
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_build_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of dead processes go, that of a living one and that of another host stay."""
    monkeypatch.setattr(cache, "_alive", lambda pid: pid == 1)
    host = cache._host()
    names = [
        f".x.{host}.999.aa.tmp",
        f".x.{host}.1.bb.tmp",
        ".x.elsewhere.999.cc.tmp",
        f".y.{host}.999.dd.tmp",
    ]
    for name in names:
        (tmp_path / name).mkdir()
    open_or_build(tmp_path / "x", lambda folder: {})
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], "x"}


def test_leftovers_of_another_host_go_after_a_week(tmp_path: Path) -> None:
    """On a shared disk nobody can ask whether the other host still builds: age decides."""
    old = tmp_path / ".x.elsewhere.999.cc.tmp"
    old.mkdir()
    os.utime(old, (0, 0))
    open_or_build(tmp_path / "x", lambda folder: {})
    assert not old.exists()


def test_the_record_is_readable_json(tmp_path: Path) -> None:
    """meta.json is for people too: names in their own script."""
    open_or_build(tmp_path / "x", lambda folder: {"name": "ไทย"})
    text = (tmp_path / "x" / cache.META).read_text(encoding="utf-8")
    assert "ไทย" in text
    assert json.loads(text) == {"name": "ไทย"}
