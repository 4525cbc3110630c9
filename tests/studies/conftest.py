"""Small studies of the sample, written to files, and an engine that works in the test's own process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from beir_hybrid.studies import Study, load_study
from beir_hybrid.studies.engines import Engine
from beir_hybrid.studies.store import Job

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

TRAIN = """[train]
groups = "sample"
from_scratch = "static"
languages = ["de", "en", "zh"]
vocabulary = 500
width = 16
steps = 4
batch_size = 8
"""
EVALUATE = """[evaluate]
datasets = ["sample"]
languages = ["de", "en"]
metrics = ["map"]
"""

WriteStudy = Callable[..., Path]


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    """Writes a study file: ``write_study("[factors]\\nalpha = [0.0]")``, with the common parts unless given."""

    def write(
        factors: str, *, top: str = 'name = "small"\nseeds = [1]', train: str = TRAIN, evaluate: str = EVALUATE
    ) -> Path:
        path = tmp_path / "small.toml"
        path.write_text("\n".join([top, train, factors, evaluate]), encoding="utf-8")
        return path

    return write


@pytest.fixture
def small(write_study: WriteStudy) -> Callable[..., Study]:
    """The same, loaded."""
    return lambda *args, **kwargs: load_study(write_study(*args, **kwargs))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Cells are worked on in this process, one after the other; the jobs that were."""
    from beir_hybrid.studies import run
    from beir_hybrid.studies.cell_process import work_on

    worked: list[Job] = []

    def work(job: Job, stop: threading.Event) -> None:
        worked.append(job)
        work_on(job)

    monkeypatch.setattr(run, "make_engine", lambda *_: contextlib.nullcontext(Engine(1, work)))
    return worked
