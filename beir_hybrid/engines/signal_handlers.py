"""The handlers of fatal signals, kept while something else puts its own in their place.

Ray installs handlers for crashes when it connects and takes all handlers away when it disconnects. A Java machine in
the same process cannot do without its own: it answers the faults that compiled Java code causes on purpose, and without
them the next BM25 search ends the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
from collections.abc import Iterator

_FATAL = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")
_ROOM = 512
"""Bytes for a C ``struct sigaction``, more than any platform's."""


@contextlib.contextmanager
def kept_handlers() -> Iterator[None]:
    """Fatal signals are handled afterwards as they were before, by whatever library."""
    sigaction = getattr(ctypes.CDLL(None), "sigaction", None) if hasattr(signal, "pthread_kill") else None
    if sigaction is None:
        yield
        return
    kept = {}
    for name in _FATAL:
        number, action = int(getattr(signal, name)), ctypes.create_string_buffer(_ROOM)
        if sigaction(number, None, action) == 0:
            kept[number] = action
    try:
        yield
    finally:
        for number, action in kept.items():
            sigaction(number, action, None)
