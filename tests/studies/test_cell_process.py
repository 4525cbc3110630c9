"""Cells in processes of their own: limits, deaths and interrupts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from beir_hybrid.studies import run_study
from beir_hybrid.studies.cells import plan_cells
from beir_hybrid.studies.engines import local
from beir_hybrid.studies.engines.local import local_engine, run_process, visible_gpus
from beir_hybrid.studies.store import Job
from tests.studies.conftest import TRAIN

pytestmark = [pytest.mark.train, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes import the package these tests import."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "plugins")]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_cells_side_by_side(small: Any, tmp_path: Path) -> None:
    """Two processes at once: one cell fails with the message of its training, and the other is done."""
    factors = "[factors]\nbatch_size = [8, 128]"
    said: list[str] = []
    outcome = run_study(small(factors), tmp_path / "out", workers=2, say=said.append)
    assert [cell.status for cell in outcome.cells] == ["done", "failed"]
    assert "128" in outcome.cells[1].message and "see" not in outcome.cells[1].message
    assert len([line for line in said if "begins, " in line or line.startswith("[")]) == 4


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("memory_gb = 0.05", r"used 0\.\d GB of memory, more than 0.05 \(\[limits\] memory_gb\)"),
        ("minutes_per_cell = 0.001", r"took longer than 0.001 minutes \(\[limits\] minutes_per_cell\)"),
    ],
)
def test_limits(small: Any, tmp_path: Path, limit: str, message: str) -> None:
    """A cell beyond its memory or time is ended, and says which limit it was."""
    outcome = run_study(small(f"[factors]\nalpha = [0.5]\n[limits]\n{limit}"), tmp_path / "out")
    (cell,) = outcome.cells
    assert cell.status == "failed"
    assert re.fullmatch(message, cell.message)
    _assert_free(tmp_path / "out")


def _assert_free(out: Path) -> None:
    for lock in out.glob("cells/*/.lock"):
        with FileLock(lock, timeout=0):
            pass


def test_a_killed_process(small: Any, tmp_path: Path) -> None:
    """What the system kills, as it does when memory runs out, is a failure of its cell in one line."""
    import psutil

    study = small("[factors]\nalpha = [0.5]")
    job = Job(plan_cells(study)[0], study, tmp_path / "cell")
    watched = threading.Thread(target=run_process, args=(job, threading.Event()))
    watched.start()

    def children() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if "beir_hybrid.studies.cell_process" in each.cmdline()]

    wait_for(lambda: bool(children()))
    children()[0].kill()
    watched.join()
    assert job.read("failure")["message"] == f"killed (out of memory?); see {job.log}"


def test_waiting_is_no_part_of_the_time(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a cell begins when no other process works on it any more, and waiting is said."""
    from beir_hybrid.studies import perform

    said: list[str] = []
    monkeypatch.setattr(perform, "tell", said.append)
    monkeypatch.setattr(perform, "_train", lambda *_: None)
    monkeypatch.setattr(perform, "_measure", lambda *_: None)
    study = small("[factors]\nalpha = [0.5]")
    job, begun = Job(plan_cells(study)[0], study, tmp_path), threading.Event()
    with FileLock(tmp_path / ".lock"):
        waiting = threading.Thread(target=perform.perform, args=(job, begun.set))
        waiting.start()
        wait_for(lambda: said == ["waiting for another process that works on the same cell"])
        assert not begun.wait(0.2)
    waiting.join()
    assert begun.is_set()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command(write_study: Any, tmp_path: Path, sent: signal.Signals) -> None:
    """Ctrl-C, and even a kill, ends the cells under way; nobody is left working, and the next run completes."""
    path = write_study("[factors]\nalpha = [0.5]", train=TRAIN.replace("steps = 4", "steps = 100000"))
    command = [sys.executable, "-m", "beir_hybrid", "study", str(path), "--out", str(tmp_path / "out")]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # in the background, shells have it ignored
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=heard)
    wait_for(lambda: any((tmp_path / "out").glob("cells/*/models/*/*/checkpoints")))
    process.send_signal(sent)
    out, err = process.communicate(timeout=300)
    assert out == ""
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert err.endswith("interrupted; what was finished is kept, the same command goes on from there\n")
    (lock,) = (tmp_path / "out").glob("cells/*/.lock")

    def is_free() -> bool:
        try:
            with FileLock(lock, timeout=0):
                return True
        except Timeout:
            return False

    wait_for(is_free, 30)
    if sent == signal.SIGINT:
        return
    path.write_text(path.read_text().replace("steps = 100000", "steps = 4"))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_gpus_are_shared_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell a GPU unless more are asked for, which are spread evenly."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert visible_gpus() == ["2", "5"]
    assert local_engine(None, 1).workers == 2
    used: list[str] = []
    monkeypatch.setattr(local, "run_process", lambda job, stop, gpu: (used.append(gpu), all_begun.wait()))
    all_begun, jobs = threading.Barrier(4), [object()] * 4
    over = [event for event, _ in local_engine(4, 1).events(jobs)]  # type: ignore[arg-type]  # nobody looks at them
    assert sorted(used) == ["2", "2", "5", "5"] and over.count("over") == 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []
