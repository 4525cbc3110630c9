"""Cells on a Ray cluster: each is a task that starts the cell's process on the machine it comes to."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from beir_hybrid.engines.signal_handlers import kept_handlers
from beir_hybrid.errors import MissingExtraError, StudyError, first_line
from beir_hybrid.studies.child import Child
from beir_hybrid.studies.engines import Engine
from beir_hybrid.studies.store import Job

_RETRIES = 2
_VARIABLES = ("BEIR_HYBRID_", "HF_")
_PAUSE = 0.2
_WAIT = 5.0


class RayEngine(Engine):
    """Works on jobs as Ray tasks; all machines must see the folder of the cells.

    Args:
        address: of the cluster, as ``ray.init`` takes it; None: Ray on this machine.
        workers: cells at a time at most; None: as many as the cluster has room for.
        threads: of each.

    Raises:
        MissingExtraError: Ray is not installed.
        StudyError: no cluster answers at the address.
    """

    def __init__(self, address: str | None, workers: int | None, threads: int) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingExtraError("--engine ray", error.name or "ray", "ray") from error
        self._ray = ray
        self._jobs: dict[Any, Job] = {}
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                with kept_handlers():
                    ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
                raise StudyError(f"no Ray cluster answers at {address!r}: {first_line(error)}") from error
        room = ray.cluster_resources()
        cores, gpus = int(room.get("CPU", 1)), float(room.get("GPU", 0))
        self.workers = workers or int(gpus) or max(1, cores // threads)
        share = min(1.0, gpus / self.workers) if gpus else 0.0
        self._task = ray.remote(_work).options(
            num_cpus=threads, num_gpus=share, max_retries=_RETRIES, name="study cell"
        )  # fmt: skip

    def start(self, job: Job, running: Sequence[Any]) -> Any:
        job.path.mkdir(parents=True, exist_ok=True)
        # where data and models are is asked of the same variables on every machine
        variables = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}
        task = self._task.remote(job, variables)
        self._jobs[task] = job
        return task

    def wait(self, running: Sequence[Any]) -> list[Any]:
        over, _ = self._ray.wait(running, num_returns=1, timeout=_WAIT)
        for task in over:
            self._collect(task, self._jobs.pop(task))
        return list(over)

    def end(self, running: Collection[Any]) -> None:
        for task in running:
            self._ray.cancel(task, force=False)
        if self._ours:
            with kept_handlers():
                self._ray.shutdown()

    def _collect(self, task: Any, job: Job) -> None:
        """What a task says; a machine that was lost more often than a task is retried is a failure of the cell."""
        try:
            seen = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            said = " ".join(str(error).split())[:200]
            job.fail(f"lost on the cluster after {_RETRIES + 1} attempts: {said}")
            return
        if not seen:
            job.fail(f"the machine that got it does not see {job.path}; use a folder all machines share")


def _work(job: Job, variables: Mapping[str, str]) -> bool:
    """The task: a process as on one machine, with its limits; False where the folder of the cell is not here."""
    if not job.path.is_dir():
        return False
    os.environ.update(variables)
    child = Child(job)
    try:
        while not child.is_over():
            time.sleep(_PAUSE)
    finally:
        child.end()
    return True
