"""A process that converts source files: ``python -m beir_hybrid.corpus.worker``, as `corpus.workers` starts it.

Jobs come in as lines of JSON, what becomes of them goes out as such: ``{"passages": n}`` of progress, then either
``{"done": ...}`` or ``{"error": ..., "message": ...}``. It ends when its input does, that is with the process that
started it, however that one ended.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from beir_hybrid.corpus.shards import write_shard
from beir_hybrid.errors import BeirHybridError


def main() -> None:
    # Ctrl-C reaches every process of a terminal; the one that started this one decides what becomes of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the channel is ours alone: whatever else prints goes to stderr
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.SimpleQueue[dict[str, str | None]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(jobs,), daemon=True).start()
    while True:
        _convert(jobs.get(), channel)


def _receive(jobs: queue.SimpleQueue[dict[str, str | None]]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)  # what is half done is a temporary file, which the next conversion clears away


def _convert(job: dict[str, str | None], channel: TextIO) -> None:
    def say(**message: object) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    try:
        done = write_shard(
            Path(job["source"] or ""), Path(job["target"] or ""), job["id_field"], lambda n: say(passages=n)
        )
    except BeirHybridError as error:
        say(error=type(error).__name__, message=str(error))
    except MemoryError:
        say(error="DatasetError", message=f"{job['source']}: not enough memory to convert it; use fewer workers")
    else:
        say(done={"passages": done.passages, "content": done.content})


if __name__ == "__main__":
    main()
