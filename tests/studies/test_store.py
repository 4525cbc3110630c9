"""The folder of a cell: damaged records are named, whatever is wrong with them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.studies.cells import plan_cells
from beir_hybrid.studies.job import job_of
from beir_hybrid.studies.store import Store


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
    (cell,) = plan_cells(small("[factors]\nalpha = [0.5]")).cells
    store = Store(tmp_path / "out")
    folder = store.cell(cell.digest)
    folder.path.mkdir(parents=True)
    (folder.path / name).write_bytes(content)
    outcome = store.outcome(cell)
    assert outcome.status == "failed"
    assert outcome.message.startswith(f"{folder.path / name} is damaged (")
    assert outcome.message.endswith(f"; delete {folder.path}, its cell is then run again")


def test_a_record_that_is_a_folder(small: Any, tmp_path: Path) -> None:
    (cell,) = plan_cells(small("[factors]\nalpha = [0.5]")).cells
    (Store(tmp_path).cell(cell.digest).path / "training.json").mkdir(parents=True)
    assert "is damaged" in Store(tmp_path).outcome(cell).message


def test_a_job_takes_what_it_knows_of_its_inputs_along(small: Any, tmp_path: Path) -> None:
    """Digests are not worked out again where the cell is run, which may read the groups from elsewhere."""
    study = small("[factors]\npair_count = [10]")
    job = job_of(plan_cells(study).cells[0], study, Store(tmp_path))
    taken = pickle.loads(pickle.dumps(job)).cell.training
    assert taken.__dict__["groups_digest"] == job.cell.training.groups_digest  # type: ignore[union-attr]
    assert taken.tokenizer_digest == job.cell.training.tokenizer_digest  # type: ignore[union-attr]
