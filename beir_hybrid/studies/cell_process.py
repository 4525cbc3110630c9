"""``python -m beir_hybrid.studies.cell_process``: one cell in a process of its own.

The job comes pickled on stdin, which then stays open: when it ends, whoever asked for the cell is gone, and so is
this process. What fails is written into the cell's folder, and the exit status is 1.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable

from beir_hybrid.errors import BeirHybridError, first_line
from beir_hybrid.studies.store import Job

_PAUSE = 0.1


def main() -> int:
    """Work on the cell of stdin; the exit status."""
    job: Job = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    limits = threading.Thread(target=_end_beyond_limits, args=(job,), daemon=True)
    return 0 if work_on(job, limits.start) else 1


def work_on(job: Job, begins: Callable[[], object] = lambda: None) -> bool:
    """Whether the cell was worked on without a failure; why not is then in its folder.

    Args:
        begins: is called when the work begins: waiting for another process on the same cell is none.
    """
    from beir_hybrid.studies.perform import perform

    try:
        perform(job, begins)
    except BeirHybridError as error:
        job.fail(str(error))
    except Exception as error:  # noqa: BLE001  # whatever a cell dies of, the others go on
        traceback.print_exc()
        message = f"{type(error).__name__}: {first_line(error)}"
        if isinstance(error, MemoryError) or ("memory" in message and ("alloc" in message or "out of" in message)):
            message = f"out of memory: {message}"
        job.fail(f"{message}; see {job.log}")
    else:
        return True
    return False


def _end_with_the_asker() -> None:
    # the bare descriptor: a thread that waits in a buffered read would hold its lock when the process ends
    while os.read(0, 4096):
        pass
    os._exit(130)


def _end_beyond_limits(job: Job) -> None:
    import psutil

    limits, began, process = job.study.limits, time.monotonic(), psutil.Process()
    while True:
        excess, used = "", process.memory_info().rss / 1e9
        if limits.minutes_per_cell is not None and time.monotonic() - began > 60 * limits.minutes_per_cell:
            excess = f"took longer than {limits.minutes_per_cell:g} minutes ([limits] minutes_per_cell)"
        if limits.memory_gb is not None and used > limits.memory_gb:
            excess = f"used {used:.1f} GB of memory, more than {limits.memory_gb:g} ([limits] memory_gb)"
        if excess:
            job.fail(excess)
            os._exit(1)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    raise SystemExit(main())
