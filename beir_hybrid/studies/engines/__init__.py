"""What works on cells: processes of this machine, or Ray."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from beir_hybrid.studies.store import Job

ENGINES = ("local", "ray")
Event = Literal["begins", "works", "over"]
_TOLD = 30.0


class Engine(ABC):
    """Works on jobs, several at a time."""

    workers: int
    """Cells at a time."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Event, Job]]:
        """Yields each job when it begins, every half minute while it is worked on, and when it is over, done or failed.

        Closing the iterator ends what is under way.
        """
        waiting, running, told = list(jobs), dict[Any, Job](), time.monotonic()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    job = waiting.pop(0)
                    running[self.start(job, running)] = job
                    yield "begins", job
                for task in self.wait(running):
                    yield "over", running.pop(task)
                if time.monotonic() - told >= _TOLD:
                    told = time.monotonic()
                    for job in running.values():
                        yield "works", job
        finally:
            self.end(running)

    @abstractmethod
    def start(self, job: Job, running: Mapping[Any, Job]) -> Any:
        """Start on a job, beside the tasks that run; its task."""

    @abstractmethod
    def wait(self, running: Mapping[Any, Job]) -> list[Any]:
        """Wait a moment; the tasks that are over."""

    @abstractmethod
    def end(self, running: Mapping[Any, Job]) -> None:
        """End the tasks that run, and the engine."""
