"""Arrays in a file: what was written is read, what is cut short is named and holds no descriptor."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.disk.arrays import opened_arrays, write_arrays


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"metric map": np.arange(3), "text": np.array("é")})
    with opened_arrays(tmp_path / "a.npz") as found:
        assert {name: array.tolist() for name, array in found.items()} == {"metric map": [0, 1, 2], "text": "é"}


@pytest.mark.parametrize("size", [0, 1, 40, 200], ids=lambda size: f"{size} bytes left")
@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_file_cut_short_is_named_and_closed(tmp_path: Path, size: int) -> None:
    """numpy's own `load` leaves it open: the warning then ended whatever test came next."""
    path = tmp_path / "a.npz"
    write_arrays(path, {"rows": np.arange(100)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=re.escape(f"{path} is damaged (")), opened_arrays(path) as found:
        found["rows"]
    gc.collect()


def test_a_missing_array_or_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_arrays(tmp_path / "a.npz"):
        pass
    write_arrays(tmp_path / "a.npz", {"rows": np.arange(3)})
    with pytest.raises(ValueError, match="is damaged"), opened_arrays(tmp_path / "a.npz") as found:
        found["others"]
