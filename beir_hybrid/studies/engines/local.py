"""Cells on this machine: several processes side by side, GPUs shared among them in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from beir_hybrid.processors import processors
from beir_hybrid.studies.child import Child
from beir_hybrid.studies.engines import Engine
from beir_hybrid.studies.store import Job

_PAUSE = 0.1


class LocalEngine(Engine):
    """Works on jobs in processes of this machine.

    Args:
        workers: cells at a time; None: one a GPU, or as many as the cores allow.
        threads: of each.
    """

    def __init__(self, workers: int | None, threads: int) -> None:
        self._gpus = visible_gpus()
        self.workers = workers or len(self._gpus) or max(1, processors() // threads)

    def start(self, job: Job, running: Mapping[Child, Job]) -> Child:
        used = [child.gpu for child in running]
        return Child(job, min(self._gpus, key=used.count, default=None))  # the GPU with the fewest cells

    def wait(self, running: Mapping[Child, Job]) -> list[Child]:
        over = [child for child in running if child.is_over()]
        if not over:
            time.sleep(_PAUSE)
        return over

    def end(self, running: Mapping[Child, Job]) -> None:
        for child in running:
            child.end()


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
