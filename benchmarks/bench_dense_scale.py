"""Dense retrieval at scale: exact search against faiss, shares of the matrix-product limit, growth over four sizes.

Each measurement runs in a process of its own. Memory is the peak of what is resident (mapped files included) while a
search runs, the counter having been set back just before it: for faiss that holds its vectors, for us the blocks that
are mapped at the time. Both get the same vectors (float32, unit length, random), queries and threads, take turns, and
their medians are compared; that they find the same is checked. CPU seconds stand beside the seconds that passed: on a
machine that others use as well they are what can be compared, but for libraries whose threads wait busily.

    python benchmarks/bench_dense_scale.py [compare] [limits] [growth] [--passages 1000000] [--dimension 384]
        [--queries 512] [--top-k 100] [--repeats 5] [--sizes 125000,500000,2000000,10000000] [--growth-dimension 128]
        [--folder DIR] [--name dense_scale]

Parts that are not asked for keep the figures they have in results/NAME.json. ``growth`` also draws
docs/assets/NAME.svg.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from machine import RESULTS, keep

from beir_hybrid.processors import processors
from beir_hybrid.retrieval.dense.embeddings import in_turn
from beir_hybrid.retrieval.dense.vector_files import ROWS, VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import search

MEMORY = 1 << 30
DOCS = Path(__file__).parents[1] / "docs" / "assets"


class Clock:
    """Seconds that passed, and those that all threads of this process computed."""

    def __init__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "seconds": round(time.perf_counter() - self._begin[0], 3),
            "cpu_seconds": round(time.process_time() - self._begin[1], 3),
        }


def peak_mb(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``work`` returns, how long it took, and how much was resident at its peak."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    clock = Clock()
    found = work()
    took = clock.read()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return found, {**took, "peak_mb": round(int(status["VmHWM"].split()[0]) / 1024, 1)}


def vectors(folder: Path, passages: int, dimension: int, precision: str = "float32") -> None:
    """Files as `VectorFiles` has them, of random vectors of unit length."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, begin in enumerate(range(0, passages, ROWS)):
        path = folder / f"{number:06d}.npy"
        if not path.exists():
            rng = np.random.default_rng([number, dimension])
            made = rng.standard_normal((min(ROWS, passages - begin), dimension), dtype=np.float32)
            np.save(path, (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(precision))


def queries_of(n: int, dimension: int) -> Any:
    made = np.random.default_rng(7).standard_normal((n, dimension), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def best_of(queries: Any, stored: VectorFiles, top_k: int, threads: int) -> list[Any]:
    scores = VectorScores({"": queries}, {"": stored})
    return list(search([SearchRequest.of_all(len(queries), top_k)], scores, MEMORY, threads))


def ours(
    folder: Path, passages: int, dimension: int, n: int, top_k: int, threads: int, precision: str
) -> dict[str, Any]:
    stored, queries = VectorFiles(folder, passages, precision), queries_of(n, dimension)  # type: ignore[arg-type]
    import threadpoolctl  # noqa: F401  # its import is no part of the search

    import beir_hybrid.retrieval.dense.product
    import beir_hybrid.retrieval.search.dot
    import beir_hybrid.retrieval.search.kernels  # noqa: F401

    answers, figures = peak_mb(
        lambda: list(
            search([SearchRequest.of_all(n, top_k)], VectorScores({"": queries}, {"": stored}), MEMORY, threads)
        )
    )
    return {**figures, "hits": answers[0][1].hits.passages.reshape(n, top_k)}


def faiss_flat(folder: Path, passages: int, dimension: int, n: int, top_k: int, threads: int, _: str) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(dimension)
    for path in sorted(folder.glob("*.npy")):
        index.add(np.load(path))
    queries = queries_of(n, dimension)
    (_, hits), figures = peak_mb(lambda: index.search(queries, top_k))
    return {**figures, "hits": hits}


def product(
    folder: Path, passages: int, dimension: int, n: int, top_k: int, threads: int, precision: str
) -> dict[str, Any]:
    """The matrix product alone, as `search` cuts it up, of vectors that are in memory: the machine's limit."""
    from threadpoolctl import threadpool_limits

    queries = queries_of(n, dimension)
    block = np.load(folder / "000000.npy").astype(np.float32)
    times = -(-passages // ROWS)
    parts = [(row, at) for at in range(0, len(block), 4096) for row in range(0, n, 512)] * times

    def work() -> None:
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as executor:
            list(executor.map(lambda p: (queries[p[0] : p[0] + 512] @ block[p[1] : p[1] + 4096].T).shape, parts))

    return {**peak_mb(work)[1], "hits": None}


def encode(texts: int, dimension: int, threads: int) -> dict[str, Any]:
    """Tokens a second of a transformer of MiniLM's size, and the share of the machine's float32 products it reaches."""
    import torch
    from generate_corpus import records
    from tiny_models import transformer

    torch.set_num_threads(threads)
    some = [record["text"] for record in records(texts, 0)]
    model = transformer(some[:2000], 6, dimension)
    model.encode(some[:64])
    clock = Clock()
    model.encode(some, batch_size=32, show_progress_bar=False)
    took = clock.read()
    lengths = [min(128, len(each)) for each in model.tokenizer(some)["input_ids"]]
    # multiplications and additions of a layer: four projections, two of the wide part, scores and their mix
    layer = sum(2 * length * (4 + 2 * 4) * dimension**2 + 4 * length**2 * dimension for length in lengths)
    left, right = (torch.randn(2048, 2048) for _ in range(2))
    best = 0.0
    for _ in range(5):
        begin = time.perf_counter()
        left @ right
        best = max(best, 2 * 2048**3 / (time.perf_counter() - begin))
    return {
        **took,
        "model": f"BERT, 6 layers, width {dimension}, random weights",
        "texts": texts,
        "texts_a_second": round(texts / took["seconds"], 1),
        "tokens_a_second": round(sum(lengths) / took["seconds"]),
        "gflop_a_second": round(6 * layer / took["seconds"] / 1e9, 1),
        "limit_gflop_a_second": round(best / 1e9, 1),
        "share_of_the_limit": round(6 * layer / took["seconds"] / best, 3),
    }


class Numbered:
    """As many texts as asked for, which take no memory."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return Numbered(self._numbers[index]) if isinstance(index, slice) else str(self._numbers[index])


def grown(folder: Path, passages: int, dimension: int, n: int, top_k: int, threads: int) -> dict[str, Any]:
    """Write vectors by way of `VectorFiles.fill` (of an encoder that costs next to nothing), and search them."""
    table = np.random.default_rng(3).standard_normal((1 << 16, dimension), dtype=np.float32)
    offsets = np.random.default_rng(4).standard_normal((256, dimension), dtype=np.float32)

    def made(texts: list[str]) -> Any:
        numbers = np.array(texts, dtype=np.int64)
        found = table[numbers % len(table)] + offsets[numbers // len(table) % len(offsets)]
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    stored, texts = VectorFiles(folder, passages, "float16"), Numbered(range(passages))
    _, writing = peak_mb(lambda: stored.fill(texts, in_turn(made)))  # type: ignore[arg-type]
    queries = queries_of(n, dimension)
    _, searching = peak_mb(
        lambda: list(
            search([SearchRequest.of_all(n, top_k)], VectorScores({"": queries}, {"": stored}), MEMORY, threads)
        )
    )
    return {
        "passages": passages,
        "disk_mb": round(sum(path.stat().st_size for path in folder.iterdir()) / 2**20, 1),
        "write": writing,
        "search": searching,
        "passages_searched_a_second": round(passages / searching["seconds"]),
    }


def alone(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def compare(folder: Path, args: argparse.Namespace, threads: int) -> dict[str, Any]:
    place = folder / f"float32-{args.passages}-{args.dimension}"
    vectors(place, args.passages, args.dimension)
    given = (place, args.passages, args.dimension, args.queries, args.top_k, threads, "float32")
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "faiss": [], "product": []}
    hits = {}
    for _ in range(args.repeats):
        for name, work in (("ours", ours), ("faiss", faiss_flat), ("product", product)):
            found = alone(work, *given)
            hits[name] = found.pop("hits")
            runs[name].append(found)
            print(name, found, flush=True)
    figures = {name: medians(found) for name, found in runs.items()}
    return {
        "passages": args.passages,
        "dimension": args.dimension,
        "queries": args.queries,
        "top_k": args.top_k,
        "threads": threads,
        "repeats": args.repeats,
        "same_hits": round(float(np.mean(np.sort(hits["ours"], axis=1) == np.sort(hits["faiss"], axis=1))), 5),
        **figures,
        "faiss_seconds_over_ours": round(figures["faiss"]["seconds"] / figures["ours"]["seconds"], 3),
        "faiss_cpu_seconds_over_ours": round(figures["faiss"]["cpu_seconds"] / figures["ours"]["cpu_seconds"], 3),
        "faiss_peak_over_ours": round(figures["faiss"]["peak_mb"] / figures["ours"]["peak_mb"], 2),
        "search_share_of_the_product": round(figures["product"]["cpu_seconds"] / figures["ours"]["cpu_seconds"], 3),
    }


def growth(folder: Path, args: argparse.Namespace, threads: int) -> dict[str, Any]:
    sizes = []
    for size in (int(text) for text in args.sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            place = Path(name) / "vectors"
            place.mkdir()
            sizes.append(alone(grown, place, size, args.growth_dimension, args.queries, args.top_k, threads))
        print(sizes[-1], flush=True)
    return {
        "dimension": args.growth_dimension,
        "precision": "float16",
        "queries": args.queries,
        "top_k": args.top_k,
        "threads": threads,
        "sizes": sizes,
    }


def draw(figures: dict[str, Any], path: Path) -> None:
    """Seconds and memory against the size of the corpus."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dense-scale"
    from matplotlib import pyplot

    sizes = figures["sizes"]
    passages = [size["passages"] for size in sizes]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    for name, label in (("write", "writing the vectors"), ("search", f"searching {figures['queries']} queries")):
        left.plot(passages, [size[name]["cpu_seconds"] for size in sizes], marker="o", label=label)
    slope = sizes[-1]["search"]["cpu_seconds"] / passages[-1]
    left.plot(passages, [slope * n for n in passages], linestyle=":", color="grey", label="proportional")
    left.set_ylabel("CPU seconds")
    right.plot(passages, [size["disk_mb"] for size in sizes], marker="o", label="vectors on disk")
    right.plot(passages, [size["search"]["peak_mb"] for size in sizes], marker="o", label="resident while searching")
    right.set_ylabel("MB")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(passages, [f"{n / 1e6:g} M" for n in passages])
        axes.minorticks_off()
        axes.set_xlabel(f"passages ({figures['dimension']} dimensions, {figures['precision']})")
        axes.legend(frameon=False)
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="compare, limits, growth (default: all)")
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--queries", type=int, default=512)
    parser.add_argument("--top-k", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--texts", type=int, default=2000, help="encoded for the share of the limit")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--sizes", default="125000,500000,2000000,10000000")
    parser.add_argument("--growth-dimension", type=int, default=128)
    parser.add_argument("--folder", type=Path, help="where vectors are written (default: a temporary folder)")
    parser.add_argument("--name", default="dense_scale", help="of the results and the plot")
    args = parser.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL"):  # read when the processes start
        os.environ[f"{library}_NUM_THREADS"] = str(args.threads)
    kept = RESULTS / f"{args.name}.json"
    figures = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    figures.pop("machine", None)
    parts = args.parts or ["compare", "limits", "growth"]
    if args.folder:
        args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = args.folder or Path(name)
        for part in parts:
            load = [round(value, 1) for value in os.getloadavg()]
            if part == "compare":
                found = compare(folder, args, args.threads)
            elif part == "limits":
                found = {"encode": alone(encode, args.texts, args.dimension, args.threads)}
            elif part == "growth":
                found = growth(folder, args, args.threads)
                draw(found, DOCS / f"{args.name}.svg")
            else:
                parser.error(f"unknown part {part!r}; known: compare, limits, growth")
            figures[part] = {"load_average_at_start": load, **found}
            keep(args.name, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
