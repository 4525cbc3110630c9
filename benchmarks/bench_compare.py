"""Speed of a comparison: ten systems on the 132 settings of XQuAD-R, and what ranx costs to start.

    python benchmarks/bench_compare.py [PART ...]

Parts: compare, ranx. No data are needed: folders of XQuAD-R's shape are made up. Results go to
``benchmarks/results/bench_compare.json``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
QUERIES, SYSTEMS, DRAWS = 1190, 10, 10_000
RANKING = ("map", "ndcg@10", "recall@1", "recall@10", "recall@100", "mrr@10")
BIAS = ("rank_distance", "rank_distance_excess", "worst_rank", "same_language_share@10", "same_language_lift@10")
TASKS = [
    *(("mono", x, x) for x in LANGUAGES),
    *(("cross", x, y) for x in LANGUAGES for y in LANGUAGES if x != y),
    *(("multi", x, "all") for x in LANGUAGES),
]


def _folder(path: Path, system: int) -> Path:
    """A result folder of XQuAD-R's shape: how hard a question is, how good the system, and chance."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from beir_hybrid.evaluation.results import Results
    from beir_hybrid.evaluation.scores import Score

    hard = np.random.default_rng(0).random(QUERIES)
    rng = np.random.default_rng([1, system])
    tables, scores = [], []
    for setting, query, corpus in TASKS:
        columns: dict[str, Any] = {
            "setting": [setting] * QUERIES, "query_language": [query] * QUERIES, "corpus_language": [corpus] * QUERIES,
            "query_id": [f"{query}-q-{at:04}" for at in range(QUERIES)],
            "group": [f"g{at:04}" for at in range(QUERIES)], "retrieved": [1000] * QUERIES,
        }  # fmt: skip
        for metric in (*RANKING, *BIAS):
            values = np.clip(hard + 0.01 * system + 0.3 * rng.standard_normal(QUERIES), 0, 1)
            values = np.round(values) if metric.startswith("recall") else values
            if metric in BIAS:
                values = np.round(300 * values) if setting == "multi" else np.full(QUERIES, np.nan)
            columns[metric] = pa.array(values, from_pandas=True)
            if setting == "multi" or metric in RANKING:
                scores.append(Score(setting, query, corpus, metric, float(values.mean()), QUERIES))
        tables.append(pa.table(columns))
    Results(f"system {system}", "xquad-r", "test", {"type": "made up"}, scores).write(path)
    pq.write_table(pa.concat_tables(tables), path / "per_query.parquet")
    return path


def part_compare() -> dict[str, Any]:
    """All systems against the first: every metric, permutation tests and bootstrap intervals, in a fresh process."""
    found: dict[str, Any] = {"systems": SYSTEMS, "settings": len(TASKS), "draws": DRAWS}
    with tempfile.TemporaryDirectory() as name:
        folders = [_folder(Path(name) / str(system), system) for system in range(SYSTEMS)]
        for test in ("permutation", "student", "tukey"):
            command = [sys.executable, "-m", "beir_hybrid", "compare", *map(str, folders), "--test", test]
            if test == "tukey":
                command += ["--metrics", "map"]
            started = time.perf_counter()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            rows = json.loads(subprocess.run([*command, "--format", "json"], capture_output=True, check=True).stdout)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found[test] = {
                "seconds": time.perf_counter() - started,
                "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                "rows": len(rows["rows"]),
                "metrics": sorted({row["metric"] for row in rows["rows"]}),
            }
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found


_FUSE = """
import numpy as np
from beir_hybrid.metrics.ranx_backend import fuse_hits
from beir_hybrid.records import Hits
rng = np.random.default_rng(0)
n, k = 1190, 100
runs = [Hits.sorted(n, np.repeat(np.arange(n), k), np.concatenate([rng.permutation(13014)[:k] for _ in range(n)]),
                    rng.random(n * k)) for _ in range(2)]
fuse_hits(runs, "wsum", "min-max", {"weights": [0.5, 0.5]})
"""


def part_ranx() -> dict[str, Any]:
    """One fusion of two runs (1,190 queries, 100 hits) in a fresh process: an installation's first, and the next."""
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", _FUSE], env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True)
            seconds.append(time.perf_counter() - started)
    return {"first_seconds": seconds[0], "next_seconds": min(seconds[1:])}


PARTS = {"compare": part_compare, "ranx": part_ranx}


def main() -> None:
    path = machine.RESULTS / "bench_compare.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        figures[name] = PARTS[name]()
        print(name, json.dumps(figures[name], indent=1))
    machine.keep("bench_compare", {name: figures[name] for name in PARTS if name in figures})


if __name__ == "__main__":
    main()
