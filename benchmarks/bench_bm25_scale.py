"""Indexing and searching a generated corpus with BM25, by number of threads; each part in a process of its own.

Passages go from memory-mapped Arrow to Lucene one at a time: nothing is written in between, and what a process holds is
Java's heap (``--java-memory``) and little more. CPU seconds stand beside those that passed: on a machine that others
use as well they are what can be compared. Hits are compared between the numbers of threads, and must be equal.

    python benchmarks/bench_bm25_scale.py [--sizes 200000] [--threads 1,2] [--queries 500] [--java-memory 512m]
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from generate_corpus import generate
from machine import keep

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus

TOP_K = 1000


class Clock:
    """Seconds that passed, and those that all threads of this process computed."""

    def __init__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._begin[0], time.process_time() - self._begin[1]


def measure(corpus_folder: Path, cache: Path, threads: int, n_queries: int, java_memory: str) -> dict[str, Any]:
    from beir_hybrid.retrieval.bm25.analyzers import language_analyzer
    from beir_hybrid.retrieval.bm25.index import LuceneIndex
    from beir_hybrid.retrieval.bm25.java import start_jvm

    corpus = ArrowCorpus(corpus_folder)
    passages = corpus.passages("en")
    analyzer = language_analyzer("en", start_jvm(java_memory))
    clock = Clock()
    index = LuceneIndex.open_or_build(
        passages.ids, passages.lazy_full_texts(), analyzer, cache_dir=cache, content=corpus.content, threads=threads
    )
    took, cpu = clock.read()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clock = Clock()
    LuceneIndex.open_or_build(
        passages.ids, passages.lazy_full_texts(), analyzer, cache_dir=cache, content=corpus.content
    ).close()
    opened, _ = clock.read()
    rng = np.random.default_rng(0)
    texts = [passages.texts[at].split() for at in rng.integers(0, len(passages), n_queries).tolist()]
    queries = [" ".join(words[: 3 + at % 8]) for at, words in enumerate(texts)]
    index.search(queries[:50], TOP_K, threads=threads)  # Java compiles what it runs often
    clock = Clock()
    hits = index.search(queries, TOP_K, threads=threads)
    searched, search_cpu = clock.read()
    return {
        "index_seconds": round(took, 1),
        "index_cpu_seconds": round(cpu, 1),
        "passages_a_second": round(len(passages) / took),
        "passages_a_cpu_second": round(len(passages) / cpu),
        "index_bytes": sum(path.stat().st_size for path in index.folder.rglob("*") if path.is_file()),
        "peak_resident_mb": round(peak, 1),
        "open_seconds": round(opened, 3),
        "search_queries": len(queries),
        "queries_a_second": round(len(queries) / searched, 1),
        "search_cpu_milliseconds_a_query": round(search_cpu / len(queries) * 1000, 2),
        "hits": hashlib.sha256(hits.passages.tobytes() + hits.scores.tobytes()).hexdigest()[:16],
    }


def alone(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def of_size(passages: int, threads: list[int], queries: int, java_memory: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BEIR_HYBRID_CACHE"] = str(folder / "cache")
        sources = generate(folder / "source", passages)
        ArrowCorpus.build(sources, folder / "corpus", id_prefix="en-p-", id_width=16, id_field="docid")
        text_bytes = sum(path.stat().st_size for path in (folder / "corpus").glob("*.arrow"))
        found: dict[str, Any] = {"passages": passages, "arrow_bytes": text_bytes}
        for number in threads:
            shutil.rmtree(folder / "bm25", ignore_errors=True)
            found[f"threads_{number}"] = alone(
                measure, folder / "corpus", folder / "bm25", number, queries, java_memory
            )
            print(number, found[f"threads_{number}"])
    hits = {found[f"threads_{number}"].pop("hits") for number in threads}
    assert len(hits) == 1, "another number of threads found other hits"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="200000")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--java-memory", default="512m")
    args = parser.parse_args()
    load = [round(value, 1) for value in os.getloadavg()]
    threads = [int(number) for number in args.threads.split(",")]
    sizes = [of_size(int(size), threads, args.queries, args.java_memory) for size in args.sizes.split(",")]
    keep("bm25_scale", {"load_average_at_start": load, "java_memory": args.java_memory, "sizes": sizes})


if __name__ == "__main__":
    main()
