"""Calling Java from Python through pyjnius: classes, texts, errors, threads."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25.java import HEAP_VARIABLE, start_jvm

_HALVES = re.compile("[\ud800-\udfff]")


_classes: dict[str, Any] = {}
_making = threading.RLock()  # two threads that look the same class up at once would crash the process


def java_class(name: str) -> Any:
    """The Java class of that full name, callable as its constructor. Starts the JVM if none runs.

    Its methods belong to one thread at a time, see `own_class`.
    """
    with _making:
        if name not in _classes:
            start_jvm()
            from jnius import autoclass

            _classes[name] = autoclass(name)
        return _classes[name]


def own_class(name: str, constructor: str, **methods: str) -> Any:
    """The Java class of that full name with just these methods, which no other user of the class shares.

    pyjnius keeps the object that a method is called on in the method, and all objects of a class have the same
    methods: of two threads that call one on two objects, one may reach the object of the other. A thread that
    makes its objects of a class of its own cannot.

    Args:
        constructor: its signature as the JVM writes it, as ``(Ljava/lang/String;I)V``.
        methods: signatures by name.
    """
    with _making:
        start_jvm()
        from jnius import JavaClass, JavaMethod, MetaJavaClass

        made = {
            "__javaclass__": name.replace(".", "/"),
            "__javaconstructor__": [(constructor, False)],
            **{method: JavaMethod(signature) for method, signature in methods.items()},
        }
        # the last argument keeps it apart from what autoclass gives to others, pyserini among them
        return MetaJavaClass.__new__(MetaJavaClass, name, (JavaClass,), made, ("beir_hybrid",))


@contextmanager
def one_thread() -> Iterator[None]:
    """For calls that several threads make through classes they share; nothing long should be done in it."""
    with _making:
        yield


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
            reason += f"; give Java more memory, as in --java-memory 8g or {HEAP_VARIABLE}=8g"
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
