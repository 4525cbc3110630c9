"""Converting several source files at once, each in one of a few processes (joblib's loky).

Loky's processes are started afresh and not forked: the caller may hold threads, a GPU or a Java machine, and need not
be a script that can be imported again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.corpus.shards import Naming, Written, write_shard
from beir_hybrid.errors import DatasetError


@dataclass(frozen=True)
class Job:
    """A source file and what it is to become; see `write_shard`."""

    source: Path
    target: Path
    naming: Naming

    def write(self, progress: Callable[[int], object] | None = None) -> Written:
        """Convert the shard here and now; ``progress`` is told of passages as they are written."""
        return write_shard(self.source, self.target, self.naming, progress)


def write_shards(
    jobs: Sequence[Job], workers: int, progress: Callable[[int], object] | None = None
) -> Iterator[tuple[int, Written]]:
    """What was written of each job, by its number, in the order in which they are finished.

    When one fails, those under way are finished and given out, no other is begun, and then the error of the first in
    order is raised. Whatever else ends the iteration ends the processes.

    Raises:
        DatasetError, BeirHybridError: as `write_shard`; or a process crashed or was killed.
    """
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool = ProcessPoolExecutor(min(workers, len(jobs)), initializer=_end_with, initargs=(os.getpid(),))
    try:
        numbers: dict[Future[Written], int] = {pool.submit(job.write): at for at, job in enumerate(jobs)}
        failed: dict[int, BaseException] = {}
        for future in as_completed(numbers):
            if future.cancelled():
                continue
            error, number = future.exception(), numbers[future]
            if error is not None:
                failed[number] = error
                for other in numbers:
                    other.cancel()
            else:
                written = future.result()
                if progress:
                    progress(written.passages)
                yield number, written
        if failed:
            error = failed[min(failed)]
            if isinstance(error, BrokenProcessPool):
                raise _ended(jobs[min(failed)], error) from error
            if isinstance(error, MemoryError):
                raise DatasetError(f"{jobs[min(failed)].source}: not enough memory to convert it; use fewer workers")
            raise error
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _end_with(parent: int) -> None:
    """Let this process end with the one that started it, however that ended: loky's own would wait for work for good.

    What is half done is a temporary file, which the next conversion clears away.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _ended(job: Job, error: BaseException) -> DatasetError:
    """A process that ended without an answer: killed, as the system does for want of memory, or crashed."""
    said = " ".join(str(error).split())
    codes = said.rpartition("{")[2].partition("}")[0] if "{" in said else "unknown"
    killed = "SIGKILL" in codes
    why = "was killed" if killed else "crashed"
    advice = "perhaps for want of memory; run again with fewer workers" if killed else "run again with one worker"
    return DatasetError(
        f"{job.source}, or a source converted beside it: the process that converted it {why} (exit code {codes}), "
        f"{advice}, what was finished is kept"
    )
