"""Three small systems on the sample, measured once; and a browser where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.datasets import load_dataset
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.report.page import render_page
from tests.cli.conftest import command
from tests.report.chromium import chromium
from tests.report.golden import comparison, folders
from tests.systems_made import Made, Shallow, letters

__all__ = ["chromium", "command", "comparison", "folders"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """letters-32 (the baseline), letters-8 and the shallow one, in four languages."""
    root = tmp_path_factory.mktemp("systems")
    dataset = load_dataset("sample", languages="ar,de,en,zh")
    for name, retriever in (("wide", letters(32)), ("narrow", letters(8)), ("shallow", Shallow())):
        evaluate(dataset, retriever, out=root / name)
    folders = [root / name for name in ("wide", "narrow", "shallow")]
    return Made(folders, compare(folders, draws=500))


@pytest.fixture(scope="session")
def page(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render_page(made.comparison), encoding="utf-8")
    return path
