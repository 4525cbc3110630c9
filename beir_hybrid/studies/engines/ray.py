"""Cells on a Ray cluster: each is a task that starts the cell's process on the machine it comes to."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping

from beir_hybrid.engines.ray_cluster import ray_cluster, reason_of
from beir_hybrid.studies.engines import Engine
from beir_hybrid.studies.engines.local import run_process
from beir_hybrid.studies.store import Job

_RETRIES = 2
_VARIABLES = ("BEIR_HYBRID_", "HF_")
_PAUSE = 0.2


@contextlib.contextmanager
def ray_engine(address: str | None, workers: int | None, threads: int) -> Iterator[Engine]:
    """Works on jobs as Ray tasks; all machines must see the folder of the cells.

    Args:
        address: of the cluster, as `ray_cluster` takes it; None: Ray on this machine.
        workers: cells at a time at most; None: as many as the cluster has room for.
        threads: of each.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: no cluster answers at the address.
    """
    with ray_cluster(address) as ray:
        room = ray.cluster_resources()
        cores, gpus = int(room.get("CPU", 1)), float(room.get("GPU", 0))
        number = workers or int(gpus) or max(1, cores // threads)
        share = min(1.0, gpus / number) if gpus else 0.0
        remote = ray.remote(_work).options(
            num_cpus=threads, num_gpus=share, max_retries=_RETRIES, name="study cell"
        )  # fmt: skip
        # where data and models are is asked of the same variables on every machine
        variables = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}

        def work(job: Job, stop: threading.Event) -> None:
            job.path.mkdir(parents=True, exist_ok=True)
            task = remote.remote(job, variables)
            while not ray.wait([task], timeout=_PAUSE)[0]:
                if stop.is_set():
                    ray.cancel(task, force=False)
                    return
            try:
                if not ray.get(task):
                    job.fail(f"the machine that got it does not see {job.path}; use a folder all machines share")
            except ray.exceptions.RayError as error:  # a machine was lost more often than a task is retried
                job.fail(f"lost on the cluster after {_RETRIES + 1} attempts: {reason_of(error)[:200]}")

        yield Engine(number, work)


def _work(job: Job, variables: Mapping[str, str]) -> bool:
    """The task: a process as on one machine, with its limits; False where the folder of the cell is not here."""
    if not job.path.is_dir():
        return False
    os.environ.update(variables)
    run_process(job, threading.Event())
    return True
