"""Cells on a Ray cluster: each is a task that starts the cell's process on the machine it comes to."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from beir_hybrid.engines.ray_cluster import ray_cluster, reason_of
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
        address: of the cluster, as `ray_cluster` takes it; None: Ray on this machine.
        workers: cells at a time at most; None: as many as the cluster has room for.
        threads: of each.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: no cluster answers at the address.
    """

    def __init__(self, address: str | None, workers: int | None, threads: int) -> None:
        self._connection = contextlib.ExitStack()
        self._ray = self._connection.enter_context(ray_cluster(address))
        room = self._ray.cluster_resources()
        cores, gpus = int(room.get("CPU", 1)), float(room.get("GPU", 0))
        self.workers = workers or int(gpus) or max(1, cores // threads)
        share = min(1.0, gpus / self.workers) if gpus else 0.0
        task = self._ray.remote(_work)
        self._task = task.options(num_cpus=threads, num_gpus=share, max_retries=_RETRIES, name="study cell")

    def start(self, job: Job, running: Mapping[Any, Job]) -> Any:
        job.path.mkdir(parents=True, exist_ok=True)
        # where data and models are is asked of the same variables on every machine
        return self._task.remote(job, {name: v for name, v in os.environ.items() if name.startswith(_VARIABLES)})

    def wait(self, running: Mapping[Any, Job]) -> list[Any]:
        over, _ = self._ray.wait(list(running), num_returns=1, timeout=_WAIT)
        for task in over:
            job = running[task]
            try:
                if not self._ray.get(task):
                    job.fail(f"the machine that got it does not see {job.path}; use a folder all machines share")
            except self._ray.exceptions.RayError as error:  # a machine was lost more often than a task is retried
                job.fail(f"lost on the cluster after {_RETRIES + 1} attempts: {reason_of(error)[:200]}")
        return list(over)

    def end(self, running: Mapping[Any, Job]) -> None:
        for task in running:
            self._ray.cancel(task, force=False)
        self._connection.close()


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
