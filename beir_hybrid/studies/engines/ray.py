"""Cells on a Ray cluster: each is a task that starts the cell's process on the machine it comes to."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beir_hybrid.engines.signal_handlers import kept_handlers
from beir_hybrid.errors import MissingExtraError, StudyError, first_line
from beir_hybrid.studies.child import Child
from beir_hybrid.studies.engines import Event
from beir_hybrid.studies.job import Job

_RETRIES = 2
_VARIABLES = ("BEIR_HYBRID_", "HF_")
_PAUSE = 0.2
_TOLD = 30.0


class RayEngine:
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
        self._threads = threads
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
        self._share = min(1.0, gpus / self.workers) if gpus else 0.0

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Event, Job]]:
        ray = self._ray
        task = ray.remote(_work).options(
            num_cpus=self._threads, num_gpus=self._share, max_retries=_RETRIES, name="study cell"
        )
        # where data and models are is asked of the same variables on every machine
        variables = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}
        waiting, running = list(jobs), dict[Any, Job]()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    job = waiting.pop(0)
                    job.folder.path.mkdir(parents=True, exist_ok=True)
                    running[task.remote(job, variables)] = job
                    yield "begins", job
                over, _ = ray.wait(list(running), num_returns=1, timeout=_TOLD)
                if not over:
                    for job in running.values():
                        yield "works", job
                for one in over:
                    job = running.pop(one)
                    self._collect(one, job)
                    yield "over", job
        finally:
            for one in running:
                ray.cancel(one, force=False)
            if self._ours:
                with kept_handlers():
                    ray.shutdown()

    def _collect(self, task: Any, job: Job) -> None:
        """What a task says; a machine that was lost more often than a task is retried is a failure of the cell."""
        try:
            seen = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            said = " ".join(str(error).split())[:200]
            job.folder.fail(f"lost on the cluster after {_RETRIES + 1} attempts: {said}")
            return
        if not seen:
            job.folder.fail(f"the machine that got it does not see {job.folder.path}; use a folder all machines share")


def _work(job: Job, variables: Mapping[str, str]) -> bool:
    """The task: a process as on one machine, with its limits; False where the folder of the cell is not here."""
    if not job.folder.path.is_dir():
        return False
    os.environ.update(variables)
    child = Child(job)
    try:
        while not child.is_over():
            time.sleep(_PAUSE)
    finally:
        child.end()
    return True
