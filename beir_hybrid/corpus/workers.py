"""Converting several source files at once, each in one of a few processes.

They are started by name and not forked: the caller may hold threads, a GPU or a Java machine, and need not be a script
that can be imported again (as `multiprocessing` wants it).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import beir_hybrid
from beir_hybrid import errors
from beir_hybrid.corpus.shards import Written
from beir_hybrid.errors import DatasetError


@dataclass(frozen=True)
class Job:
    """A source file and what it is to become; see `write_shard`."""

    source: Path
    target: Path
    id_field: str | None = None


def write_shards(
    jobs: Sequence[Job], workers: int, progress: Callable[[int], object] | None = None
) -> Iterator[tuple[int, Written]]:
    """What was written of each job, by its number, in the order in which they are finished.

    When one fails, those under way are finished and given out, no other is begun, and then the error of the first in
    order is raised. Whatever else ends the iteration ends the processes.

    Raises:
        DatasetError, BeirHybridError: as `write_shard`; or a process was killed.
    """
    lock, stop = threading.Lock(), threading.Event()
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def told(passages: int) -> None:
        with lock:
            if progress:
                progress(passages)

    def write(job: Job) -> Written | None:
        if stop.is_set():
            return None
        worker = idle.get()
        try:
            return worker.write(job, told)
        except BaseException:
            stop.set()
            raise
        finally:
            idle.put(worker)

    started = [_Worker() for _ in range(min(workers, len(jobs)))]
    pool = ThreadPoolExecutor(len(started))
    try:
        for worker in started:
            idle.put(worker)
        numbers: dict[Future[Written | None], int] = {pool.submit(write, job): at for at, job in enumerate(jobs)}
        failed: dict[int, BaseException] = {}
        for future in as_completed(numbers):
            error = future.exception()
            if error is not None:
                failed[numbers[future]] = error
            elif (written := future.result()) is not None:
                yield numbers[future], written
        if failed:
            raise failed[min(failed)]
    finally:
        stop.set()
        for worker in started:
            worker.end()
        pool.shutdown()


class _Worker:
    """A process of `beir_hybrid.corpus.worker`, one job at a time."""

    def __init__(self) -> None:
        # the very package that runs here, wherever it was imported from
        home = str(Path(next(iter(beir_hybrid.__path__))).parent)
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "beir_hybrid.corpus.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def write(self, job: Job, told: Callable[[int], object]) -> Written:
        channel, answers = self._process.stdin, self._process.stdout
        record = {"source": str(job.source), "target": str(job.target), "id_field": job.id_field}
        try:
            if channel and answers:
                channel.write(json.dumps(record) + "\n")
                channel.flush()
                for line in answers:
                    message = json.loads(line)
                    if "passages" in message:
                        told(message["passages"])
                    elif "done" in message:
                        return Written(**message["done"])
                    else:
                        raise getattr(errors, message["error"])(message["message"])
        except BrokenPipeError:
            pass
        raise DatasetError(
            f"{job.source}: the process that converted it was ended from outside (status {self._process.wait()}), "
            f"perhaps for want of memory; run again with fewer workers, what was finished is kept"
        )

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
