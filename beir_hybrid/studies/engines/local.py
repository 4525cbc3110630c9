"""Cells on this machine: several processes side by side, GPUs shared among them in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from beir_hybrid.processors import processors
from beir_hybrid.studies.child import Child
from beir_hybrid.studies.engines import Event
from beir_hybrid.studies.job import Job

_PAUSE = 0.1
_TOLD = 30.0


class LocalEngine:
    """Works on jobs in processes of this machine.

    Args:
        workers: cells at a time; None: one a GPU, or as many as the cores allow.
        threads: of each.
    """

    def __init__(self, workers: int | None, threads: int) -> None:
        self._gpus = visible_gpus()
        self.workers = workers or len(self._gpus) or max(1, processors() // threads)

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Event, Job]]:
        waiting, running, told = list(jobs), list[Child](), time.monotonic()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    running.append(Child(waiting.pop(0), self._free_gpu(running)))
                    yield "begins", running[-1].job
                over = [child for child in running if child.is_over()]
                running = [child for child in running if child not in over]
                for child in over:
                    yield "over", child.job
                if time.monotonic() - told >= _TOLD:
                    told = time.monotonic()
                    for child in running:
                        yield "works", child.job
                if not over:
                    time.sleep(_PAUSE)
        finally:
            for child in running:
                child.end()

    def _free_gpu(self, running: Sequence[Child]) -> str | None:
        """The GPU with the fewest cells."""
        used = [child.gpu for child in running]
        return min(self._gpus, key=used.count, default=None)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
