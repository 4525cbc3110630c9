"""What works on cells, several at a time: processes of this machine, or Ray tasks that start them elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Literal

from beir_hybrid.studies.store import Job

ENGINES = ("local", "ray")
Event = Literal["begins", "works", "over"]
_PAUSE = 0.1
_TOLD = 30.0


@dataclass(frozen=True)
class Engine:
    """Works on jobs, each watched by a thread.

    Attributes:
        workers: cells at a time.
        work: works on a job until it is over, done or failed, or until the event is set.
    """

    workers: int
    work: Callable[[Job, threading.Event], None]

    def events(self, jobs: Sequence[Job]) -> Iterator[tuple[Event, Job]]:
        """Each job when it begins, every half minute while it is worked on, and when it is over.

        Closing the iterator ends what is under way.
        """
        stop, begun, told = threading.Event(), set[Future[None]](), time.monotonic()
        with ThreadPoolExecutor(self.workers) as pool:
            left = {pool.submit(self.work, job, stop): job for job in jobs}
            try:
                while left:
                    wait(left, _PAUSE, FIRST_COMPLETED)
                    for task, job in list(left.items()):
                        if task not in begun and (task.running() or task.done()):
                            begun.add(task)
                            yield "begins", job
                        if task.done():
                            task.result()  # raises what is no failure of the cell
                            del left[task]
                            yield "over", job
                    if time.monotonic() - told >= _TOLD:
                        told = time.monotonic()
                        yield from (("works", job) for task, job in left.items() if task in begun)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
