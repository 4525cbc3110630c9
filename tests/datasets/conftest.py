"""The real data sets, each read once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.datasets import miracl
from tests.datasets.hub_server import Hub, serving


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hubs of these tests are on this machine; tests of other folders set HF_HUB_OFFLINE for the whole process."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture(scope="session")
def xquad_r(data_dir: Path) -> Dataset:
    return load_dataset("xquad-r", data_dir)


@pytest.fixture(scope="session")
def mlqa_r(data_dir: Path) -> Dataset:
    return load_dataset("mlqa-r", data_dir)


@pytest.fixture
def hub(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub to fetch from, on a machine without data; its repositories are the test's."""
    with serving(Hub()) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        # its table of published files is made once in a process: not with this machine's addresses
        monkeypatch.delitem(vars(miracl.source), "published", raising=False)
        yield found
        vars(miracl.source).pop("published", None)


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
