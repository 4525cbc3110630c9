"""Converting, opening and searching a generated corpus of any size; each part in a process of its own.

Targets: opened in under a second, at most 200 MB resident for 10 million passages, a look-up at most 20 microseconds.
The search is exact: 100 hits a query, and the ranks of 10 judged passages, which stand near the top (``near``, as
judgments do, for they were pooled from the best of many systems) or anywhere (``anywhere``, the worst case). Its share
is the time of the bare matrix product of the same blocks, with as many threads, over its own. CPU seconds stand beside
the seconds that passed: on a machine that others use as well, they are what can be compared.

    python benchmarks/bench_corpus.py [--sizes 100000,1000000] [--dimension 384] [--queries 512]
    python benchmarks/bench_corpus.py --sizes 1000000,10000000 --without-search [--workers 1,2]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from generate_corpus import generate
from machine import keep

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.processors import processors
from beir_hybrid.retrieval.dense.vector_files import ROWS, VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import search as answers_of

LOOK_UPS = 20_000
MEMORY = 1 << 30


def memory_mb() -> dict[str, float]:
    """Resident memory of this process: all of it, and what is its own (not pages of mapped files)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "resident_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "own_mb": round(int(status["RssAnon"].split()[0]) / 1024, 1),
    }


@contextlib.contextmanager
def own_peak() -> Iterator[list[float]]:
    """This process's own memory in MB, looked at all the time: pages of mapped files, which the system takes back, are
    no part of it."""
    seen, done = [memory_mb()["own_mb"]], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(memory_mb()["own_mb"])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def convert(sources: list[Path], folder: Path, workers: int) -> dict[str, Any]:
    import pyarrow.compute  # noqa: F401  # its import is no part of the rate

    clock = Clock()
    with own_peak() as peak:
        corpus = ArrowCorpus.build(sources, folder, id_prefix="en-p-", id_width=16, id_field="docid", workers=workers)
    took, cpu = clock.read()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += children.ru_utime + children.ru_stime
    return {
        "passages": len(corpus),
        "source_bytes": sum(path.stat().st_size for path in sources),
        "arrow_bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "convert_seconds": round(took, 1),
        "convert_cpu_seconds": round(cpu, 1),
        "convert_passages_a_cpu_second": round(len(corpus) / cpu),
        "convert_passages_a_second": round(len(corpus) / took),
        "convert_peak_mb": max(peak),
        "worker_peak_mb": round(children.ru_maxrss / 1024, 1),
    }


def look_up(folder: Path) -> dict[str, Any]:
    import pyarrow  # noqa: F401  # its import is no part of opening

    before = memory_mb()
    clock = Clock()
    corpus = ArrowCorpus(folder)
    _ = corpus[corpus.ids[0]]
    opened, _ = clock.read()
    after_opening = memory_mb()
    rng = np.random.default_rng(0)
    keys = [corpus.ids[at] for at in rng.integers(0, len(corpus), LOOK_UPS).tolist()]
    cold = cpu_seconds(lambda: [corpus[key] for key in keys])
    warm = min(cpu_seconds(lambda: [corpus[key] for key in keys]) for _ in range(5))
    after = memory_mb()
    whole = cpu_seconds(lambda: [None for text in corpus.texts])
    return {
        "open_seconds": round(opened, 4),
        "opened_mb": {name: round(after_opening[name] - before[name], 1) for name in before},
        "looked_up": LOOK_UPS,
        "look_up_cpu_microseconds": round(warm / LOOK_UPS * 1e6, 1),
        "first_look_up_cpu_microseconds": round(cold / LOOK_UPS * 1e6, 1),
        "after_look_ups_mb": {name: round(after[name] - before[name], 1) for name in before},
        "texts_read_a_cpu_second": round(len(corpus) / whole),
    }


class Clock:
    """Seconds that passed, and those that all threads of this process computed."""

    def __init__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._begin[0], time.process_time() - self._begin[1]


def cpu_seconds(work: Callable[[], object]) -> float:
    clock = Clock()
    work()
    return clock.read()[1]


def search(folder: Path, passages: int, dimension: int, n_queries: int, near: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    for number, begin in enumerate(range(0, 0 if list(folder.iterdir()) else passages, ROWS)):
        vectors = rng.normal(size=(min(ROWS, passages - begin), dimension)).astype(np.float32)
        np.save(folder / f"{number:06d}.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    stored = VectorFiles(folder, passages)
    relevant = np.sort(rng.choice(passages, n_queries, replace=False))
    queries = stored.take(relevant) + rng.normal(scale=dimension**-0.5, size=(n_queries, dimension)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    places = rng.integers(0, passages, (n_queries, 10))
    if near:
        everyone = SearchRequest.of_all(n_queries, 100)
        ((_, best),) = answers_of([everyone], VectorScores({"": queries}, {"": stored}), MEMORY)
        places = best.hits.passages.reshape(n_queries, 100)[:, ::10].astype(np.int64)
    else:
        places[:, 0] = relevant
    places.sort(axis=1)
    rows = np.repeat(np.arange(n_queries), 10)
    asked = SearchRequest("", np.arange(n_queries), {"": 0}, rows, places.ravel(), 100)
    before = memory_mb()["own_mb"]
    clock = Clock()
    ((_, answer),) = answers_of([asked], VectorScores({"": queries}, {"": stored}), MEMORY)
    took, cpu = clock.read()
    after = memory_mb()["own_mb"]
    bare = min(cpu_seconds(lambda: multiply(stored, queries)) for _ in range(2))
    assert answer.ranks.min() == 1
    flops = 2 * passages * n_queries * dimension
    return {
        "queries": n_queries,
        "dimension": dimension,
        "judged_a_query": 10,
        "search_seconds": round(took, 2),
        "search_cpu_seconds": round(cpu, 2),
        "product_cpu_seconds": round(bare, 2),
        "share_of_the_product": round(bare / cpu, 3),
        "gflop_a_cpu_second": round(flops / cpu / 1e9, 1),
        "query_passage_pairs_a_cpu_second": round(passages * n_queries / cpu),
        "search_own_mb": round(max(0.0, after - before), 1),
        "vectors_mb": round(passages * dimension * 4 / 2**20, 1),
    }


def multiply(stored: VectorFiles, queries: np.ndarray[Any, Any]) -> None:
    """The same blocks read and multiplied, and nothing else."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(processors()) as executor:
        for begin in range(0, len(stored), ROWS):
            block = stored.read(begin, min(begin + ROWS, len(stored)))
            parts = [queries[row : row + 256] for row in range(0, len(queries), 256)]
            list(executor.map(lambda part, block=block: (part @ block.T).shape, parts))


def alone(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def measure(passages: int, dimension: int, queries: int, workers: list[int], with_search: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BEIR_HYBRID_CACHE"] = str(folder / "cache")
        sources = generate(folder / "source", passages)
        found: dict[str, Any] = {}
        for number in workers:
            shutil.rmtree(folder / "corpus", ignore_errors=True)
            figures = alone(convert, sources, folder / "corpus", number)
            found |= figures if len(workers) == 1 else {f"workers_{number}": figures}
        found |= alone(look_up, folder / "corpus")
        if not with_search:
            print(found)
            return found
        (folder / "vectors").mkdir()
        for kind in ("near", "anywhere"):
            found[kind] = alone(search, folder / "vectors", passages, dimension, queries, kind == "near")
    print(found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--queries", type=int, default=512)
    parser.add_argument("--workers", default="1", help="processes to convert with; several numbers are compared")
    parser.add_argument("--without-search", action="store_true", help="convert and look up only: conversion.json")
    args = parser.parse_args()
    load = [round(value, 1) for value in os.getloadavg()]
    workers = [int(number) for number in args.workers.split(",")]
    with_search = not args.without_search
    sizes = [measure(int(n), args.dimension, args.queries, workers, with_search) for n in args.sizes.split(",")]
    keep("corpus" if with_search else "conversion", {"load_average_at_start": load, "sizes": sizes})


if __name__ == "__main__":
    main()
