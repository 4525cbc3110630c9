"""Cells on Ray: the same stored answers, also when a worker dies."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import EngineError
from beir_hybrid.studies import run_study
from beir_hybrid.studies.engines.ray import ray_engine

ROOT = Path(__file__).parents[2]


@pytest.mark.train
@pytest.mark.slow
def test_the_same_answer_though_a_worker_dies(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ray worker killed at its work costs a retry and nothing else; scores are equal to those of one process."""
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "plugins")]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    study = small("[factors]\nalpha = [0.5]")
    alone = run_study(study, tmp_path / "alone", workers=1)
    killed: list[int] = []
    killer = threading.Thread(target=_kill_a_worker, args=(killed,))
    killer.start()
    outcome = run_study(study, tmp_path / "ray", engine="ray", workers=1)
    killer.join()
    assert len(killed) == 1
    assert [cell.status for cell in outcome.cells] == ["done"]
    for one, other in zip(alone.cells, outcome.cells, strict=True):
        ours, theirs = (cell.results["sample"] / "per_query.parquet" for cell in (one, other))
        assert ours.read_bytes() == theirs.read_bytes()


def _kill_a_worker(killed: list[int]) -> None:
    """Kill the first Ray worker that has started a cell of ours."""
    import psutil

    end = time.monotonic() + 60
    while not killed and time.monotonic() < end:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "beir_hybrid.studies.cell_process" in process.cmdline() and _is_ours(process):
                    worker = process.parent()
                    worker.kill()
                    killed.append(worker.pid)
                    return
        time.sleep(0.1)


def _is_ours(process: Any) -> bool:
    return any(parent.pid == os.getpid() for parent in process.parents())


def test_no_cluster() -> None:
    """An address where nothing answers is one line, within seconds."""
    pytest.importorskip("ray")
    with pytest.raises(EngineError, match=r"no Ray cluster answers at .*: Connection refused; give the address"):
        ray_engine("127.0.0.1:1", None, 1).__enter__()
