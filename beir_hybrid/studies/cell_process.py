"""``python -m beir_hybrid.studies.cell_process``: one cell in a process of its own.

The job comes pickled on stdin, which then stays open: when it ends, whoever asked for the cell is gone, and so is
this process. What fails is written into the cell's folder, and the exit status is 1.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback

from beir_hybrid.errors import BeirHybridError, first_line
from beir_hybrid.studies.store import Job


def main() -> int:
    """Work on the cell of stdin; the exit status."""
    job: Job = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_asker, args=(job,), daemon=True).start()
    return 0 if work_on(job) else 1


def work_on(job: Job) -> bool:
    """Whether the cell was worked on without a failure; why not is then in its folder."""
    from beir_hybrid.studies.perform import perform

    try:
        perform(job)
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


def _end_with_the_asker(job: Job) -> None:
    # the bare descriptor: a thread that waits in a buffered read would hold its lock when the process ends
    while os.read(0, 4096):
        pass
    job.end()
    os._exit(130)


if __name__ == "__main__":
    raise SystemExit(main())
