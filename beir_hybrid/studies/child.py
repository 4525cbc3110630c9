"""A cell's process as seen from outside: started, watched, ended when it takes too much."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys

from beir_hybrid.errors import StudyError
from beir_hybrid.studies.store import Job

_GRACE = 10.0


class Child:
    """The process of one job.

    Args:
        job: the cell.
        gpu: the only GPU it may see; None: all there are.
    """

    def __init__(self, job: Job, gpu: str | None = None) -> None:
        self.job = job
        self.gpu = gpu
        try:
            job.path.mkdir(parents=True, exist_ok=True)
            job.forget_failure()
            with job.log.open("ab") as log:  # another study may be writing to it, working on the same cell
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "beir_hybrid.studies.cell_process"],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=_environment(job.study.limits.threads, gpu),
                    # Ctrl-C is for the process that watches; this one is ended by it
                    start_new_session=True,
                )
        except OSError as error:
            raise StudyError(
                f"could not start a cell in {job.path}: {error.strerror or error}; free space or memory, then "
                "run the study again"
            ) from error
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(job, self._process.stdin)
                self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_over(self) -> bool:
        """Whether it has ended; ends it where it is beyond a limit. Why it failed is then in the cell's folder."""
        if self._process.poll() is None:
            excess = self._excess()
            if not excess:
                return False
            self._kill()
            self.job.fail(excess)
            return True
        self._close()
        code = self._process.returncode
        if not self.job.missing:
            return True
        if code < 0 or code == 137:
            reason = "killed (out of memory?)" if code in (-9, 137) else f"ended by signal {-code}"
            self.job.fail(f"{reason}; see {self.job.log}")
        elif code and not self.job.read("failure"):
            self.job.fail(f"could not start (exit {code}); see {self.job.log}")
        return True

    def end(self) -> None:
        """End it; what it has finished is kept, and a later run goes on from there."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self.job.end(self.pid)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _excess(self) -> str:
        """What it takes too much of; empty where nothing."""
        limits = self.job.study.limits
        # waiting for another process that has the same cell is no work of this one
        worked = self.job.seconds_of_work(self.pid)
        if limits.minutes_per_cell is not None and worked is not None and worked > 60 * limits.minutes_per_cell:
            return f"took longer than {limits.minutes_per_cell:g} minutes ([limits] minutes_per_cell)"
        if limits.memory_gb is not None:
            used = resident_bytes(self._process.pid) / 1e9
            if used > limits.memory_gb:
                return f"used {used:.1f} GB of memory, more than {limits.memory_gb:g} ([limits] memory_gb)"
        return ""


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 where it has ended."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _environment(threads: int, gpu: str | None) -> dict[str, str]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        # cells share the cores: threads that spin while they wait would take them from the others
        "OMP_WAIT_POLICY": "passive",
    }
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    return environment
