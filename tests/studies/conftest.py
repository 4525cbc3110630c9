"""Small studies of the sample, written to files, and an engine that works in the test's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from beir_hybrid.studies import Study, load_study
from beir_hybrid.studies.engines import Event
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


class InProcess:
    """An engine that works on cells in this process, one after the other, and remembers them."""

    workers = 1

    def __init__(self) -> None:
        self.worked: list[Job] = []

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Event, Job]]:
        from beir_hybrid.studies.cell_process import work_on

        for job in jobs:
            self.worked.append(job)
            yield "begins", job
            work_on(job)
            yield "over", job


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Cells are worked on in this process; the jobs that were."""
    from beir_hybrid.studies import run

    engine = InProcess()
    monkeypatch.setattr(run, "make_engine", lambda *_: engine)
    return engine.worked
