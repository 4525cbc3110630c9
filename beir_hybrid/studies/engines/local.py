"""Cells on this machine: each a process of its own, several side by side, GPUs shared among them in turn."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading

from beir_hybrid.errors import StudyError
from beir_hybrid.processors import processors
from beir_hybrid.studies.engines import Engine
from beir_hybrid.studies.store import Job

_GRACE = 10.0
_PAUSE = 0.1


def local_engine(workers: int | None, threads: int) -> Engine:
    """Works on jobs in processes of this machine.

    Args:
        workers: cells at a time; None: one a GPU, or as many as the cores allow.
        threads: of each.
    """
    gpus: list[str | None] = [*visible_gpus()]
    number = workers or len(gpus) or max(1, processors() // threads)
    free = queue.SimpleQueue[str | None]()
    for at in range(number):
        free.put(gpus[at % len(gpus)] if gpus else None)

    def work(job: Job, stop: threading.Event) -> None:
        gpu = free.get()
        try:
            run_process(job, stop, gpu)
        finally:
            free.put(gpu)

    return Engine(number, work)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def run_process(job: Job, stop: threading.Event, gpu: str | None = None) -> None:
    """Work on a cell in a process of its own; why it failed is then in its folder.

    Args:
        stop: ends it when it is set. What it has finished is kept, and a later run goes on from there.
        gpu: the only GPU it may see; None: all there are.

    Raises:
        StudyError: no process can be started.
    """
    process = _started(job, gpu)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(pickle.dumps(job))  # type: ignore[union-attr]  # it is a pipe
            process.stdin.flush()  # type: ignore[union-attr]
        while process.poll() is None:
            if stop.wait(_PAUSE):
                return
        code = process.returncode
        if job.missing and (code < 0 or code == 137):
            reason = "killed (out of memory?)" if code in (-9, 137) else f"ended by signal {-code}"
            job.fail(f"{reason}; see {job.log}")
        elif job.missing and code and not job.read("failure"):
            job.fail(f"could not start (exit {code}); see {job.log}")
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.terminate()
            process.wait(_GRACE)
        process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.communicate()


def _started(job: Job, gpu: str | None) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(job.study.limits.threads),
        # cells share the cores: threads that spin while they wait would take them from the others
        "OMP_WAIT_POLICY": "passive",
        **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}),
    }
    try:
        job.path.mkdir(parents=True, exist_ok=True)
        job.forget_failure()
        with job.log.open("ab") as log:  # another study may be writing to it, working on the same cell
            # Ctrl-C is for the process that watches; this one, of a session of its own, is ended by it
            return subprocess.Popen(
                [sys.executable, "-m", "beir_hybrid.studies.cell_process"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise StudyError(
            f"could not start a cell in {job.path}: {error.strerror or error}; free space or memory, then run the "
            "study again"
        ) from error
