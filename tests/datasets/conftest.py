"""The real data sets, each read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid import Dataset, load_dataset


@pytest.fixture(scope="session")
def xquad_r(data_dir: Path) -> Dataset:
    return load_dataset("xquad-r", data_dir)


@pytest.fixture(scope="session")
def mlqa_r(data_dir: Path) -> Dataset:
    return load_dataset("mlqa-r", data_dir)
