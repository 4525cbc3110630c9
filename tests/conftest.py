"""What all tests share: a cache of their own, and the real files where there are some."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from beir_hybrid.locations import CACHE_VARIABLE, DATA_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for this test run, so that no test reads or fills the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the real files; skips with the reason where it is not named."""
    given = os.environ.get(DATA_VARIABLE)
    if not given:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names the folder that holds xquad-r, mlqa-r and miracl")
    if not Path(given).is_dir():
        pytest.skip(f"{DATA_VARIABLE}={given} is not a folder")
    return Path(given)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without data: no data folder named, and an empty cache (which is returned)."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"
