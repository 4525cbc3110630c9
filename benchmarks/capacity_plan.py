"""What the whole of MIRACL needs, computed from the committed rates: the tables of docs/capacity.md.

Rates come from ``results/corpus.json`` (its largest corpus) and ``results/bench_evaluate.json``, sizes from the
published file list. What nobody measured here is an assumption, and stands in ``ASSUMED``.

    python benchmarks/capacity_plan.py [--write]
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from readme_tables import filled
from table_parts import RESULTS, markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "capacity.md"

# passages and dev queries of each language, as arXiv 2210.09984 and the corpus's page on the hub list them
MIRACL = {
    "ar": (2_061_414, 2896), "bn": (297_265, 411), "de": (15_866_222, 305), "en": (32_893_221, 799),
    "es": (10_373_953, 648), "fa": (2_207_172, 632), "fi": (1_883_509, 1271), "fr": (14_636_953, 343),
    "hi": (506_264, 350), "id": (1_446_315, 960), "ja": (6_953_614, 860), "ko": (1_486_752, 213),
    "ru": (9_543_918, 1252), "sw": (131_924, 482), "te": (518_079, 828), "th": (542_166, 733),
    "yo": (49_043, 119), "zh": (4_934_368, 393),
}  # fmt: skip

# parameters outside the embedding table (a token costs twice as many operations), and the width of the vectors
ENCODERS = {"MiniLM-L12 (384)": (21e6, 384), "XLM-R base (768)": (86e6, 768), "XLM-R large (1024)": (303e6, 1024)}
ASSUMED = {
    "tokens of a passage": 128,
    "peak of an A100, dense bf16, operations a second": 312e12,
    "peak of an H100 or H200, dense bf16, operations a second": 989e12,
    "share of the peak that encoding reaches": 0.3,
    "megabytes a second from the disk": 1000,
}
_CHIPS = {
    "A100": ASSUMED["peak of an A100, dense bf16, operations a second"],
    "H100 or H200": ASSUMED["peak of an H100 or H200, dense bf16, operations a second"],
}


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def rates() -> dict[str, Any]:
    """The figures of the largest corpus that was measured."""
    found: dict[str, Any] = max(results("corpus")["sizes"], key=lambda size: int(size["passages"]))
    return found


def shard_bytes() -> dict[str, int]:
    """Compressed bytes of each language's shards."""
    table = (ROOT / "beir_hybrid" / "datasets" / "miracl_files.tsv").read_text(encoding="utf-8")
    found = dict.fromkeys(MIRACL, 0)
    for line in table.splitlines():
        path, size, _ = line.split("\t")
        if path.startswith("miracl-corpus"):
            found[path.partition("/")[0].rpartition("-")[2]] += int(size)
    return found


def arrow_bytes(language: str) -> float:
    """Of a converted corpus: the larger of what its passages and what its compressed bytes make expect."""
    measured = rates()
    by_passage = MIRACL[language][0] * measured["arrow_bytes"] / measured["passages"]
    by_bytes = shard_bytes()[language] * measured["arrow_bytes"] / measured["source_bytes"]
    return max(by_passage, by_bytes)


def pairs(setting: str, language: str | None = None) -> float:
    """Scores that an exact search computes: queries times passages."""
    if setting == "multi":
        return float(sum(queries for _, queries in MIRACL.values()) * passages())
    return float(sum(p * q for code, (p, q) in MIRACL.items() if language in (None, code)))


def search_cpu_seconds(setting: str, dimension: int, language: str | None = None) -> float:
    """At the measured rate, in proportion to the dimension."""
    near = rates()["near"]
    return pairs(setting, language) / near["query_passage_pairs_a_cpu_second"] * dimension / near["dimension"]


def gpu_hours(encoder: str, chip: str) -> float:
    operations = passages() * ASSUMED["tokens of a passage"] * 2 * ENCODERS[encoder][0]
    return operations / (_CHIPS[chip] * ASSUMED["share of the peak that encoding reaches"]) / 3600


def passages() -> int:
    return sum(count for count, _ in MIRACL.values())


def gb(size: float) -> str:
    """Decimal gigabytes."""
    return f"{size / 1e9:,.0f}" if size >= 1e10 else f"{size / 1e9:.1f}"


def hours(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def disk() -> str:
    rows = [
        ["shards as published (222 files)", gb(sum(shard_bytes().values())), "the published list of files"],
        ["converted corpora", gb(sum(map(arrow_bytes, MIRACL))), "measured bytes, by passage or by compressed byte"],
    ]
    for encoder, (_, width) in ENCODERS.items():
        for precision, size in (("float32", 4), ("float16", 2)):
            rows.append([f"vectors, {encoder}, {precision}", gb(passages() * width * size), "passages x width x bytes"])
    return markdown(["what", "GB", "computed from"], rows, (0, 2))


def memory() -> str:
    small, large = sorted(results("corpus")["sizes"], key=lambda size: int(size["passages"]))[-2:]
    grown = (large["convert_peak_mb"] - small["convert_peak_mb"]) / (large["passages"] - small["passages"])
    english = large["convert_peak_mb"] + grown * (MIRACL["en"][0] - large["passages"])
    rows = [
        ["converting English, the largest", f"{english:,.0f} MB", "measured peaks of two sizes, in a straight line"],
        ["an open corpus, after look-ups", f"{large['after_look_ups_mb']['own_mb']:.0f} MB", "measured"],
        ["search, beside the limit of `--memory`", f"{large['near']['search_own_mb']:.0f} MB", "measured"],
        [
            "vectors of all 13,495 dev queries (1024)",
            f"{sum(q for _, q in MIRACL.values()) * 1024 * 4 / 1e6:.0f} MB", "queries x width x 4",
        ],
    ]  # fmt: skip
    return markdown(["what", "memory", "computed from"], rows, (0, 2))


def cpu() -> str:
    convert = passages() / rates()["convert_passages_a_cpu_second"]
    encoder = results("bench_evaluate")["encoder"]
    fastest = min(round_["alone_seconds"] for round_ in encoder["rounds"])
    slow = passages() / encoder["texts"] * fastest
    processors = results("bench_evaluate")["machine"]["processors"]
    rows = [
        ["converting all shards", hours(convert), "measured passages a CPU second"],
        *(
            [f"exact search, {setting}, width {width}", hours(search_cpu_seconds(setting, width)),
             "measured pairs a CPU second, in proportion to the width"]
            for setting in ("mono", "multi")
            for width in (384, 768, 1024)
        ),
        [
            f"encoding with a MiniLM-size model on {processors} processors", f"{slow / 86400:.1f} days",
            "measured on XQuAD-R's sentences, which are shorter than passages",
        ],
    ]  # fmt: skip
    return markdown(["what", "CPU time", "computed from"], rows, (0, 2))


def gpu() -> str:
    rows = []
    for encoder in ENCODERS:
        for chip in _CHIPS:
            needed = gpu_hours(encoder, chip)
            rows.append([encoder, chip, f"{needed:.1f}", str(math.ceil(needed / 24)), str(math.ceil(needed))])
    return markdown(["encoder (width)", "chip", "GPU hours", "GPUs for one day", "GPUs for one hour"], rows, (0, 1))


def nodes() -> str:
    """Eight GPUs and 64 cores a node, an XLM-R of base size."""
    encoder, width = "XLM-R base (768)", 768
    vectors = passages() * width * 2
    rows = []
    for count in (1, 2, 4):
        encoding = gpu_hours(encoder, "A100") / (8 * count) * 3600
        cores = 64 * count
        mono, multi = (search_cpu_seconds(setting, width) / cores for setting in ("mono", "multi"))
        reading = vectors / count / (ASSUMED["megabytes a second from the disk"] * 1e6)
        rows.append([str(count), hours(encoding), hours(mono), hours(multi), hours(reading), gb(vectors / count)])
    return markdown(
        ["nodes", "encoding", "search, mono", "search, multi", "reading the vectors once", "GB of vectors a node"], rows
    )


def languages() -> str:
    rows = [
        [
            language, f"{count:,}", f"{queries:,}", gb(shard_bytes()[language]), gb(arrow_bytes(language)),
            gb(count * 768 * 2), hours(count / rates()["convert_passages_a_cpu_second"]),
            hours(search_cpu_seconds("mono", 768, language)),
        ]
        for language, (count, queries) in MIRACL.items()
    ]  # fmt: skip
    heads = ["language", "passages", "dev queries", "shards GB", "converted GB", "vectors GB (768, float16)",
             "converting", "search, mono (768)"]  # fmt: skip
    return markdown(heads, rows)


def assumptions() -> str:
    return markdown(["assumed", "value"], [[name, f"{value:,.6g}"] for name, value in ASSUMED.items()])


def measured() -> str:
    found, near = rates(), rates()["near"]
    machine = results("corpus")["machine"]
    rows = [
        ["corpus of the measurement", f"{found['passages']:,} generated passages in MIRACL's format"],
        ["machine", f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gb']:.0f} GB"],
        ["converting", f"{found['convert_passages_a_cpu_second']:,} passages a CPU second"],
        ["converted size", f"{found['arrow_bytes'] / found['passages']:.0f} bytes a passage"],
        [
            f"exact search, width {near['dimension']}, {near['queries']} queries",
            f"{near['query_passage_pairs_a_cpu_second'] / 1e6:.0f} million scores a CPU second, "
            f"{near['share_of_the_product']:.0%} of the matrix product's rate",
        ],
    ]  # fmt: skip
    return markdown(["measured", "value"], rows, (0, 1))


TABLES: dict[str, Callable[[], str]] = {
    "capacity-measured": measured,
    "capacity-assumed": assumptions,
    "capacity-disk": disk,
    "capacity-memory": memory,
    "capacity-cpu": cpu,
    "capacity-gpu": gpu,
    "capacity-nodes": nodes,
    "capacity-languages": languages,
}


def main(arguments: list[str]) -> None:
    if arguments == ["--write"]:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
        return
    for name, table in TABLES.items():
        print(f"{name}\n\n{table()}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
