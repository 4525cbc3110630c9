"""Calling Java from Python through pyjnius: classes, texts, errors, threads."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25.java import HEAP_VARIABLE, start_jvm

_HALVES = re.compile("[\ud800-\udfff]")


@functools.cache
def java_class(name: str) -> Any:
    """The Java class of that full name, callable as its constructor. Starts the JVM if none runs."""
    start_jvm()
    from jnius import autoclass

    return autoclass(name)


def cast(name: str, value: Any) -> Any:
    """``value`` seen as the class or interface ``name``: pyjnius needs it to choose among overloads."""
    import jnius

    return jnius.cast(name, value)


@contextmanager
def java_errors(doing: str) -> Iterator[None]:
    """Turn what Java throws into a RetrieverError of one line. The JVM must be running."""
    from jnius import JavaException

    try:
        yield
    except JavaException as error:
        reason = str(error).splitlines()[0].removeprefix("JVM exception occurred: ")
        if "OutOfMemoryError" in str(error):
            reason += f"; give Java more memory, as in {HEAP_VARIABLE}=8g"
        raise RetrieverError(f"{doing}: {reason}") from error


def detach_thread() -> None:
    """Let go of the JVM in the calling thread: what a worker thread does before it ends."""
    import jnius

    jnius.detach()


def java_text(text: str) -> str:
    """``text`` as pyjnius can pass it on: half a surrogate pair, which it raises on, becomes U+FFFD.

    pyjnius 1.9 passes the rest unharmed where Java expects a ``String`` (not where it expects ``char[]``).
    """
    return text if text.isascii() else _HALVES.sub("\ufffd", text)
