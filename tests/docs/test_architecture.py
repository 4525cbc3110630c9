"""The page on the architecture and CONTRIBUTING: what they name is there."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from beir_hybrid import registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DOORS = {registry.DATASETS, registry.RETRIEVERS, registry.ENCODERS, registry.METRICS}


def test_every_module_of_the_architecture_exists() -> None:
    """Modules by their full name, those in the picture by their path below the package."""
    named = set(re.findall(r"`(beir_hybrid(?:\.[a-z_]+)+)`", PAGE)) - DOORS
    named |= {f"beir_hybrid.{path.replace('/', '.')}" for path in re.findall(r">([a-z]+/[a-z_]+)<", PAGE)}
    assert len(named) > 15
    assert [name for name in sorted(named) if importlib.util.find_spec(name) is None] == []


def test_the_doors_are_those_of_the_registry() -> None:
    rows = set(re.findall(r"^\| .* \| `(beir_hybrid\.[a-z]+)` \|", PAGE, re.MULTILINE))
    assert rows == DOORS
    given = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert set(given) <= DOORS


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", "CHANGELOG.md"])
def test_links_of_pages_outside_the_docs_lead_somewhere(page: str) -> None:
    """mkdocs checks the links inside docs/; nothing else checks these."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
