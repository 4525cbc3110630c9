"""The project as a whole: one version, modules that stay small, nothing written twice."""

from __future__ import annotations

import importlib.util
import tomllib
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import beir_hybrid

ROOT = Path(__file__).parents[1]
BLOCK = 8


def _weight() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weight", ROOT / "benchmarks" / "weight.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_version() -> None:
    """Package, metadata and citation name the same version, and the changelog knows it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert beir_hybrid.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace(" - ", "\n")


def test_modules_stay_small() -> None:
    """No module owns two nouns: the median is at most 120 lines, the longest at most 400."""
    weight = _weight()
    assert weight.median() <= 120
    assert {path: lines for path, lines in weight.files().items() if lines > 400} == {}


def test_nothing_is_written_twice() -> None:
    """No block of eight lines of code stands in two places of the packages."""
    places = defaultdict[tuple[str, ...], list[str]](list)
    for path in _weight().files():
        lines = [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
        code = [
            (number, line)
            for number, line in enumerate(lines, 1)
            if line and not line.startswith(("#", "import ", "from "))
        ]
        for at in range(len(code) - BLOCK + 1):
            block = code[at : at + BLOCK]
            places[tuple(line for _, line in block)].append(f"{path}:{block[0][0]}")
    assert [found for found in places.values() if len(found) > 1] == []
