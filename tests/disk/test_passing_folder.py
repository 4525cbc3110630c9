"""Folders that last as long as a search."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beir_hybrid.disk.passing_folder import passing_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from beir_hybrid.disk.passing_folder import passing_folder
with passing_folder(Path(sys.argv[1]), "vectors") as folder:
    (folder / "large").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    """Neither folder nor lock, also where the search failed."""
    with pytest.raises(KeyError), passing_folder(tmp_path / "cache", "vectors") as folder:
        (folder / "large").write_text("x")
        raise KeyError
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    """A folder that is still used stays; one whose process is gone does not, nor any that is another's."""
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("vectors-*"))) == 1
    (tmp_path / "vectors-of-mine").mkdir()
    with passing_folder(tmp_path, "vectors") as first, passing_folder(tmp_path, "vectors") as second:
        assert {first, second, tmp_path / "vectors-of-mine"} == set(tmp_path.glob("vectors-*"))
    assert [path.name for path in tmp_path.iterdir()] == ["vectors-of-mine"]
