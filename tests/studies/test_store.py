"""The folder of a cell: damaged records are named, whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.studies.cells import plan_cells
from beir_hybrid.studies.store import Job


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training.json", b"{"),
        ("training.json", b"\xff\xfe"),
        ("training.json", b"[]"),
        ("training.json", b'{"languages": 3}'),
        ("training.json", b'{"seconds": "long"}'),
        ("training.json", b'{"begun_with": null}'),
        ("failure.json", b"3"),
    ],
)
def test_a_damaged_record_is_a_failed_cell(small: Any, tmp_path: Path, name: str, content: bytes) -> None:
    """One line with the file and what deleting it means; nothing is raised."""
    study = small("[factors]\nalpha = [0.5]")
    (cell,) = plan_cells(study)
    (tmp_path / name).write_bytes(content)
    outcome = Job(cell, study, tmp_path).outcome()
    assert outcome.status == "failed"
    assert outcome.message.startswith(f"{tmp_path / name} is damaged (")
    assert outcome.message.endswith(f"; delete {tmp_path}, its cell is then run again")


def test_a_record_that_is_a_folder(small: Any, tmp_path: Path) -> None:
    study = small("[factors]\nalpha = [0.5]")
    (tmp_path / "training.json").mkdir()
    assert "is damaged" in Job(plan_cells(study)[0], study, tmp_path).outcome().message
