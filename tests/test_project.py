"""The project as a whole: one version."""

from __future__ import annotations

import tomllib
from pathlib import Path

import beir_hybrid

ROOT = Path(__file__).parents[1]


def test_one_version() -> None:
    """Package, metadata and citation name the same version, and the changelog knows it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert beir_hybrid.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace(" - ", "\n")
