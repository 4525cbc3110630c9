"""The real data sets, each read once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from tests.datasets.hub_server import Hub, serving


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub of these tests is on this machine, or nowhere; its client reads some of the environment only once."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf-token"))
    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)  # between its attempts


@pytest.fixture(scope="session")
def xquad_r(data_dir: Path) -> Dataset:
    return load_dataset("xquad-r", data_dir)


@pytest.fixture(scope="session")
def mlqa_r(data_dir: Path) -> Dataset:
    return load_dataset("mlqa-r", data_dir)


@pytest.fixture
def hub(no_data: Path, online: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub to fetch from, on a machine without data; its repositories are the test's."""
    with serving(Hub()) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found


@pytest.fixture
def parquet() -> Callable[..., bytes]:
    """Columns as the bytes of a parquet file."""

    def made(**columns: Any) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = io.BytesIO()
        pq.write_table(pa.table(columns), out)
        return out.getvalue()

    return made
