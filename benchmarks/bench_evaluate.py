"""Speed and memory of an evaluation, each part against what one would do without this package.

    BEIR_HYBRID_DATA=... python benchmarks/bench_evaluate.py [PART ...]

Parts: settings, beir, encoder, bm25, start. Each runs in a process of its own; results go to
``benchmarks/results/bench_evaluate.json``. XQuAD-R throughout. Two processes never run at once.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np

DIMENSION = 384
MONO_OR_CROSS = ("mono:de", "mono:zh", "cross:de-en", "cross:en-th", "cross:ar-vi")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _vectors(dataset: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Unit vectors in hand: a question is near its answers, so that rankings are neither perfect nor random."""
    rng = np.random.default_rng(0)
    passages = {
        lang: rng.standard_normal((len(dataset.passages[lang]), DIMENSION), np.float32) for lang in dataset.languages
    }
    queries = {}
    for lang in dataset.languages:
        task = dataset.task("multi", lang)
        pool = np.concatenate([passages[other] for other in dataset.languages])
        near = np.zeros((len(task.rows), DIMENSION), np.float32)
        np.add.at(near, task.judged.query, pool[task.judged.passage])
        queries[lang] = near / 11 + 0.3 * rng.standard_normal(near.shape, np.float32)
    for block in (*passages.values(), *queries.values()):
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return queries, passages


def part_settings() -> dict[str, Any]:
    """All 132 settings at full depth from embeddings in hand: ranks, every metric of every query, the bias."""
    from beir_hybrid.datasets import load_dataset
    from beir_hybrid.evaluation.scoring import score_task
    from beir_hybrid.metrics.registered import asked_metrics
    from beir_hybrid.retrieval.dense.vector_scores import VectorScores
    from beir_hybrid.retrieval.search.search import rankings

    dataset = load_dataset("xquad-r")
    queries, passages = _vectors(dataset)
    before = _peak_mb()
    metrics = asked_metrics(None)
    times, cpu, products, product_cpu, searched = [], [], [], [], 0.0
    pool = np.empty(0, np.float32)
    for _ in range(5):
        started, began = time.perf_counter(), time.process_time()
        tasks = dataset.tasks()
        scores = VectorScores(queries, passages)
        scored = [score_task(ranking, metrics) for ranking in rankings(tasks, scores, 10, 1 << 28)]
        times.append(time.perf_counter() - started)
        cpu.append(time.process_time() - began)
        if not searched:
            searched = _peak_mb()
            pool = np.concatenate([passages[lang] for lang in dataset.languages])  # of the product, not of the search
        started, began = time.perf_counter(), time.process_time()
        for lang in dataset.languages:  # in turn with the search: others use the machine as well
            queries[lang] @ pool.T
        products.append(time.perf_counter() - started)
        product_cpu.append(time.process_time() - began)
    return {
        "settings": len(scored),
        "seconds": {"min": min(times), "median": statistics.median(times), "max": max(times)},
        "product_alone_seconds": min(products),
        "cpu_seconds": statistics.median(cpu),
        "product_alone_cpu_seconds": statistics.median(product_cpu),
        "cpu_over_product": statistics.median(cpu) / statistics.median(product_cpu),
        "load_average": os.getloadavg()[0],
        "peak_mb": searched,
        "peak_mb_before": before,
        "dimension": DIMENSION,
    }


def part_beir() -> dict[str, Any]:
    """BEIR's own loop over the same settings with the same vectors in hand, measured on some and extrapolated."""
    import logging

    from beir.retrieval.evaluation import EvaluateRetrieval
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    from beir_hybrid import BeirView, evaluate, load_dataset

    logging.disable(logging.CRITICAL)
    dataset = load_dataset("xquad-r")
    queries, passages = _vectors(dataset)
    vector_of: dict[str, np.ndarray] = {}
    for lang in dataset.languages:
        vector_of.update(
            {f"q{lang}{text}": v for text, v in zip(dataset.queries[lang].texts, queries[lang], strict=True)}
        )
        vector_of.update({f"p{text}": v for text, v in zip(dataset.passages[lang].texts, passages[lang], strict=True)})

    class InHand:
        language = ""

        def encode_queries(self, texts: list[str], **_: Any) -> np.ndarray:
            return np.stack([vector_of[f"q{self.language}{text}"] for text in texts])

        def encode_corpus(self, corpus: list[dict[str, str]], **_: Any) -> np.ndarray:
            return np.stack([vector_of[f"p{record['text']}"] for record in corpus])

    model = InHand()
    seconds: dict[str, float] = {}
    for name in (*MONO_OR_CROSS, "multi:de", "multi:zh"):
        task = dataset.task(name)
        model.language = task.query_language
        started = time.perf_counter()
        corpus, asked, qrels = BeirView(task).load()
        search = EvaluateRetrieval(DenseRetrievalExactSearch(model, show_progress_bar=False))
        search.evaluate(qrels, search.retrieve(corpus, asked), [1, 10, 100, 1000])
        seconds[name] = time.perf_counter() - started
    single = statistics.mean(seconds[name] for name in MONO_OR_CROSS)
    pooled = statistics.mean(seconds[name] for name in ("multi:de", "multi:zh"))
    total = 121 * single + 11 * pooled

    def encode(texts: list[str]) -> np.ndarray:
        return np.stack([found[text] for text in texts])

    found = {key[1:].strip(): v for key, v in vector_of.items() if key[0] == "p"}
    found.update({key[3:]: v for key, v in vector_of.items() if key[0] == "q"})
    ours = []
    for _ in range(3):
        started = time.perf_counter()
        evaluate(dataset, encode)
        ours.append(time.perf_counter() - started)
    return {
        "beir_seconds_of": seconds,
        "beir_seconds_132_settings_extrapolated": total,
        "our_seconds": {"min": min(ours), "median": statistics.median(ours), "max": max(ours)},
        "ratio": total / statistics.median(ours),
        "note": "both with a look-up in place of an encoder, end to end from a loaded data set; BEIR at depth 1000",
    }


def part_encoder() -> dict[str, Any]:
    """A transformer of MiniLM's size (random weights): evaluation against encoding and one product alone."""
    from sentence_transformers import SentenceTransformer
    from tiny_models import transformer

    from beir_hybrid import DenseRetriever, evaluate, load_dataset

    dataset = load_dataset("xquad-r", languages="de,en")
    texts = [text for lang in dataset.languages for text in dataset.passages[lang].texts]
    model: SentenceTransformer = transformer(texts, layers=6, width=384)
    asked = [text for lang in dataset.languages for text in dataset.queries[lang].texts]
    rounds = []
    model.encode(texts[:256], show_progress_bar=False)  # the first batches of a process are slow
    for _ in range(3):
        started = time.perf_counter()
        unique = list(dict.fromkeys(texts)), list(dict.fromkeys(asked))
        left, right = (model.encode(part, convert_to_numpy=True, show_progress_bar=False) for part in unique)
        right @ left.T
        alone = time.perf_counter() - started
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            evaluate(dataset, DenseRetriever(model, cache=Path(folder) / "cache"), out=Path(folder) / "out")
        rounds.append({"alone_seconds": alone, "evaluate_seconds": time.perf_counter() - started})
    ratios = [r["evaluate_seconds"] / r["alone_seconds"] for r in rounds]
    return {
        "rounds": rounds,
        "ratio": statistics.median(ratios),
        "texts": len(texts) + len(asked),
        "languages": list(dataset.languages),
    }


def part_bm25() -> dict[str, Any]:
    """Indexing and searching the 11 monolingual settings: ours against pyserini called by hand, one thread each."""
    from beir_hybrid import BM25Retriever, evaluate, load_dataset

    dataset = load_dataset("xquad-r")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        evaluate(dataset, BM25Retriever(threads=1, cache=folder), settings="mono", top_k=1000)
        ours = time.perf_counter() - started
    os.environ.setdefault("OPENAI_API_KEY", "unused")  # pyserini builds a client when it is imported
    from pyserini.index.lucene import LuceneIndexer
    from pyserini.search.lucene import LuceneSearcher

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for lang in dataset.languages:
            where = f"{folder}/{lang}"
            indexer = LuceneIndexer(where, args=["-index", where, "-language", lang])
            block = dataset.passages[lang]
            indexer.add_batch_dict(
                [{"id": key, "contents": text} for key, text in zip(block.ids, block.texts, strict=True)]
            )
            indexer.close()
            searcher = LuceneSearcher(where)
            searcher.set_language(lang)
            searcher.set_bm25(0.9, 0.4)
            run = {}
            for key, text in zip(dataset.queries[lang].ids, dataset.queries[lang].texts, strict=True):
                run[key] = [(hit.docid, hit.score) for hit in searcher.search(text, k=1000)]
        by_hand = time.perf_counter() - started
    return {"our_seconds": ours, "pyserini_seconds": by_hand, "ratio": ours / by_hand, "settings": 11}


def part_start() -> dict[str, Any]:
    """Time to import the package and to print the help, whole processes."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import beir_hybrid": [sys.executable, "-c", "import beir_hybrid"],
        "beir-hybrid --help": [sys.executable, "-m", "beir_hybrid", "--help"],
    }
    figures = {}
    for name, command in commands.items():
        times = []
        for _ in range(9):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        figures[name] = {"min": min(times), "median": statistics.median(times), "max": max(times)}
    return figures


PARTS = {"settings": part_settings, "beir": part_beir, "encoder": part_encoder, "bm25": part_bm25, "start": part_start}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--inside"]:
        print(json.dumps(PARTS[arguments[1]]()))
        return
    file = machine.RESULTS / "bench_evaluate.json"
    figures = json.loads(file.read_text()) if file.exists() else {}
    for part in arguments or PARTS:
        print(part, flush=True)
        child = subprocess.run(
            [sys.executable, __file__, "--inside", part], check=True, stdout=subprocess.PIPE, text=True
        )
        figures[part] = json.loads(child.stdout.splitlines()[-1])
        figures.pop("machine", None)
        machine.keep("bench_evaluate", figures)


if __name__ == "__main__":
    main(sys.argv[1:])
