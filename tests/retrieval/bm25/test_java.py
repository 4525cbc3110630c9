"""The JVM in this process, and in child processes where it has to be another."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from beir_hybrid.errors import JavaError, MissingExtraError
from beir_hybrid.retrieval.bm25 import java
from beir_hybrid.retrieval.bm25.bridge import java_text
from beir_hybrid.retrieval.bm25.java import HEAP_VARIABLE, asked_heap, start_jvm
from beir_hybrid.retrieval.bm25.runtimes import Jvm

ROOT = Path(__file__).parents[3]


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python code in a fresh process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_importing_the_package_starts_nothing() -> None:
    """The modules can be imported without Java, pyserini, torch or BEIR."""
    run = child(
        """
        import sys
        import beir_hybrid.retrieval.bm25.index
        heavy = {"jnius", "pyserini", "pythainlp", "torch", "beir"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
        """
    )
    assert run.returncode == 0, run.stderr


def test_a_missing_pyserini_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the user is told what to type."""
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "beir-hybrid\[bm25\]"'):
        java.anserini_jar()


def test_half_a_surrogate_pair_is_replaced() -> None:
    """pyjnius raises on it, and one broken web page must not end a run; whole characters stay."""
    assert java_text("a\ud83d b") == "a\ufffd b"
    assert java_text("ναι 你好 \U0001f600") == "ναι 你好 \U0001f600"


@pytest.mark.java
def test_starting_twice_is_starting_once(jvm: Jvm) -> None:
    """Every part of the package may call start_jvm."""
    assert start_jvm() is start_jvm()
    assert jvm.version >= 21


@pytest.mark.java
def test_nothing_is_printed_and_the_environment_stays(jvm: Jvm, tmp_path: Path) -> None:
    """stdout is data: neither Java nor Lucene writes a line from start to hits."""
    run = child(
        f"""
        import os
        from pathlib import Path
        before = dict(os.environ)
        from beir_hybrid.retrieval.bm25.analyzers import language_analyzer
        from beir_hybrid.retrieval.bm25.index import LuceneIndex
        from beir_hybrid.retrieval.bm25.java import start_jvm
        analyzer = language_analyzer("de", start_jvm())
        index = LuceneIndex.open_or_build(["a"], ["Haus"], analyzer, cache_dir=Path({str(tmp_path)!r}))
        assert index.search(["Häuser Haus"], 5).passages.tolist() == [0]
        assert dict(os.environ) == before
        """,
        BEIR_HYBRID_JVM_HEAP="256m",
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.java
def test_ctrl_c_stays_with_python(jvm: Jvm) -> None:
    """Java must not take SIGINT: an interrupted run has to clean up."""
    run = child(
        """
        import os, signal, sys, time
        from beir_hybrid.retrieval.bm25.java import start_jvm
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits SIGINT ignored
        start_jvm()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert run.stdout == "interrupted\n", run.stderr


@pytest.mark.java
def test_python_goes_as_deep_as_before(jvm: Jvm) -> None:
    """Java guards the stack of the thread that starts it: where that leaves 1 MB, Python dies of deep recursion in C,
    which 3.12 and later allow to a depth of 10,000."""
    run = child(
        """
        import json, sys
        from beir_hybrid.retrieval.bm25.java import start_jvm
        start_jvm()
        sys.setrecursionlimit(20_000)
        try:
            json.loads("[" * 9_000)
        except ValueError as error:
            print(error)
        """
    )
    assert run.stdout.startswith("Expecting value"), (run.returncode, run.stderr)


@pytest.mark.java
def test_a_foreign_jvm_without_the_jar_is_an_error_with_the_remedy(jvm: Jvm) -> None:
    """Whoever started Java first without Anserini learns the order of things instead of a Java trace."""
    run = child(
        """
        import jnius
        from beir_hybrid.errors import JavaError
        from beir_hybrid.retrieval.bm25.java import start_jvm
        try:
            start_jvm()
        except JavaError as error:
            print(error)
        """,
        JAVA_HOME=str(jvm.home),
        JVM_PATH=str(java.jvm_library(jvm.home)),
    )
    assert "before anything else starts Java" in run.stdout, run.stderr
    assert len(run.stdout.splitlines()) == 1


@pytest.mark.java
def test_a_jvm_started_by_something_else_is_used(jvm: Jvm) -> None:
    """pyserini imported first is no obstacle."""
    run = child(
        """
        import jnius_config
        from beir_hybrid.retrieval.bm25.java import anserini_jar, start_jvm
        jnius_config.add_classpath(str(anserini_jar()))
        import jnius
        print(start_jvm().source)
        """,
        JAVA_HOME=str(jvm.home),
        JVM_PATH=str(java.jvm_library(jvm.home)),
    )
    assert run.stdout == "already running\n", run.stderr


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ("lots", "is 'lots'; expected a number with k, m or g, as in 8g"),
        ("0g", "expected a number"),
        ("8", "expected a number"),
        ("-1g", "expected a number"),
        ("2m", "is 2m; Lucene needs at least 64m"),
        ("900000g", "is 900000g, and this machine has .*g; ask for less"),
    ],
)
def test_a_bad_heap_is_refused_before_java_sees_it(monkeypatch: pytest.MonkeyPatch, size: str, problem: str) -> None:
    """A JVM that fails to start ends the process with a message of its own."""
    with pytest.raises(JavaError, match=f"the memory for Java {problem}" if "expected" not in problem else problem):
        asked_heap(size)
    monkeypatch.setenv(HEAP_VARIABLE, size)
    with pytest.raises(JavaError, match=HEAP_VARIABLE):
        asked_heap()


def test_the_heap_asked_for_comes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option is nearer than a variable; without both Java chooses."""
    monkeypatch.setenv(HEAP_VARIABLE, "128M")
    assert asked_heap("64m") == "64m"
    assert asked_heap() == "128m"
    monkeypatch.delenv(HEAP_VARIABLE)
    assert asked_heap() is None


@pytest.mark.java
def test_a_running_jvm_keeps_its_heap(jvm: Jvm) -> None:
    """What can no longer be had is said, and not passed over."""
    with pytest.raises(JavaError, match=r"Java runs in this process already, with .*; 77m can be given to a new"):
        start_jvm("77m")


@pytest.mark.java
def test_too_little_memory_is_one_line(jvm: Jvm, tmp_path: Path) -> None:
    """A passage that does not fit into Java's heap names what to give; nothing half-written stays."""
    run = child(
        f"""
        from pathlib import Path
        from beir_hybrid.errors import RetrieverError
        from beir_hybrid.retrieval.bm25.analyzers import standard_analyzer
        from beir_hybrid.retrieval.bm25.index import LuceneIndex
        from beir_hybrid.retrieval.bm25.java import start_jvm
        start_jvm("64m")
        text, folder = "word " * 20_000_000, Path({str(tmp_path)!r})
        try:
            LuceneIndex.open_or_build(["a"], [text], standard_analyzer(), cache_dir=folder)
        except RetrieverError as error:
            print(error)
        """
    )
    assert "OutOfMemoryError" in run.stdout, run.stderr
    assert "give Java more memory, as in --java-memory 8g" in run.stdout
    assert len(run.stdout.splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
