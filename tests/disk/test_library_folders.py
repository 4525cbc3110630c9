"""Libraries write where it may be written, be they and the home read-only."""

from __future__ import annotations

import os
from pathlib import Path

import numba
import pytest

from beir_hybrid.disk.library_folders import give_libraries_folders


@pytest.fixture
def unsaid(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nobody has said where libraries write."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("IR_DATASETS_HOME", "")
    monkeypatch.delenv("IR_DATASETS_HOME")
    return monkeypatch


@pytest.fixture
def read_only(unsaid: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which neither the libraries nor the home may be written to."""
    unsaid.setattr(os, "access", lambda path, mode: False)
    return unsaid


def test_where_they_do_by_themselves(unsaid: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unsaid.setenv("HOME", str(tmp_path / "not made yet"))
    give_libraries_folders()
    assert not numba.config.CACHE_DIR
    assert "IR_DATASETS_HOME" not in os.environ


def test_in_the_cache_folder_else(read_only: pytest.MonkeyPatch, no_data: Path) -> None:
    give_libraries_folders()
    assert Path(numba.config.CACHE_DIR) == no_data / "compiled"
    assert Path(os.environ["IR_DATASETS_HOME"]) == no_data / "ir_datasets"
    assert sorted(each.name for each in no_data.iterdir()) == ["compiled", "ir_datasets"]


def test_anywhere_where_there_is_no_cache(read_only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    read_only.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "file" / "cache"))
    read_only.setattr("tempfile.tempdir", str(tmp_path))
    give_libraries_folders()
    assert Path(numba.config.CACHE_DIR).parent == tmp_path
    assert Path(os.environ["IR_DATASETS_HOME"]).is_dir()


def test_where_the_user_says(read_only: pytest.MonkeyPatch) -> None:
    read_only.setattr(numba.config, "CACHE_DIR", "/theirs")
    read_only.setenv("IR_DATASETS_HOME", "/theirs too")
    give_libraries_folders()
    assert (numba.config.CACHE_DIR, os.environ["IR_DATASETS_HOME"]) == ("/theirs", "/theirs too")
