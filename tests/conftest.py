"""What all tests share: a cache of their own, and the real files where there are some."""

from __future__ import annotations

import functools
import gc
import http.server
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from beir_hybrid.disk.locations import CACHE_VARIABLE, DATA_VARIABLE

# toy tests of ranx run without compiling it; this stands before anything imports numba
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
# while tests are collected nothing is thrown away: looking for it is a third of the time that it takes
gc.disable()


# folders whose tests share what takes long to make: models, results, a Java machine, a browser, Ray
SHARING = {"bm25", "datasets", "encoders", "engines", "report", "st_hybrid_batch", "training"}
LONG = ("slow", "java", "train", "data")


def group_of(nodeid: str) -> str:
    """Which tests stay in one process: those of a sharing folder or, elsewhere, those of a file."""
    file = PurePosixPath(nodeid.partition("::")[0])
    return file.parent.name if file.parent.name in SHARING else str(file)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups with many long tests come first, so that no process is left working alone; a browser is long."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    long = Counter(group_of(item.nodeid) for item in items if any(map(item.get_closest_marker, LONG)))
    items.sort(key=lambda item: -long[group_of(item.nodeid)])


def pytest_collection_finish() -> None:
    """What was loaded stays, and is not looked through again; what tests make is, now and then."""
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests (``-n``), a group stays in one, so that what it shares is made once.

    Marks do not do it: pytest-xdist 3.8 writes a test's group where pytest 9 no longer reads it.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for this test run, so that no test reads or fills the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def frozen_libraries() -> None:
    """What the libraries that train are made of is not looked through for garbage, as every training of transformers
    asks for: that is a third of the short ones here."""
    import sentence_transformers  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def short_trainings(request: pytest.FixtureRequest) -> None:
    """Trainings of tests are short."""
    if request.node.get_closest_marker("train"):
        request.getfixturevalue("frozen_libraries")


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


@pytest.fixture
def address_of(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """A server of the test's folder: the address of a file in it."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield lambda path: f"http://127.0.0.1:{host.server_port}/{path.relative_to(tmp_path).as_posix()}"
    host.shutdown()
    thread.join()
    host.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


TaskValues = Mapping[str, Mapping[str, Sequence[float | None]]]
MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Writes a result folder by hand; see `folder_maker`."""
    return folder_maker(tmp_path)


def folder_maker(root: Path) -> MakeFolder:
    """Writes a result folder by hand: ``make_folder("a", {"mono:de": {"map": [1.0, 0.5]}})``.

    Query ids are ``{language}-q0``, ``-q1``, ... (or those given), their groups ``g0``, ``g1``, ...; tasks are named
    as settings are. ``shuffle`` writes the rows in another order.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from beir_hybrid.evaluation.results import Results
    from beir_hybrid.evaluation.scores import Score, mean_or_none

    def make(
        folder: str, tasks: TaskValues, *, name: str | None = None, queries: Sequence[int] | None = None,
        shuffle: bool = False, dataset: str = "toy", split: str = "test", overall: Mapping[str, float] | None = None,
        inputs: Mapping[str, Any] | None = None, matrix: Mapping[str, Mapping[str, float]] | None = None,
        depth: int | None = None,
    ) -> Path:  # fmt: skip
        rows, scores = [], []
        for task, metrics in tasks.items():
            setting, _, languages = task.partition(":")
            query_language, _, corpus = languages.partition("-")
            corpus = "all" if setting == "multi" else corpus or query_language
            n = len(next(iter(metrics.values())))
            for at, number in enumerate(queries or range(n)):
                row = {"setting": setting, "query_language": query_language, "corpus_language": corpus}
                row |= {"query_id": f"{query_language}-q{number}", "group": f"g{number}", "retrieved": 10}
                rows.append(row | {metric: values[at] for metric, values in metrics.items()})
            key = (setting, query_language, corpus)
            scores += [Score(*key, name, mean_or_none(each), n, depth=depth) for name, each in metrics.items()]
            scores += [Score(*key, metric, value, n) for metric, value in (overall or {}).items()]
        if shuffle:
            rows.reverse()
        names = list(dict.fromkeys(key for row in rows for key in row))
        columns = {key: [row.get(key) for row in rows] for key in names}
        types = {"retrieved": pa.int64()} | dict.fromkeys(names[:5], pa.string())
        path = root / folder
        record = Results(
            name or folder,
            dataset,
            split,
            {"type": "toy"},
            scores,
            matrix=matrix or {},
            inputs={"languages": ["de", "en"], **(inputs or {})},
        )
        record.write(path)
        arrays = {key: pa.array(values, types.get(key, pa.float64())) for key, values in columns.items()}
        pq.write_table(pa.table(arrays), path / "per_query.parquet")
        return path

    return make
