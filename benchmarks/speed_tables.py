"""Tables of speed and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from table_parts import load, markdown


def speed() -> str:
    found = load("bench_evaluate")
    settings, beir, encoder, lucene, start = (found[p] for p in ("settings", "beir", "encoder", "bm25", "start"))
    rows = [
        [
            "132 settings, full depth, embeddings in hand",
            f"{settings['cpu_seconds']:.1f} CPU s, {settings['peak_mb']:.0f} MB",
            f"the matrix product alone: {settings['product_alone_cpu_seconds']:.1f} CPU s",
        ],
        [
            "the same end to end (`evaluate`), vectors from a look-up",
            f"{beir['our_seconds']['median']:.1f} s",
            f"BEIR's search and evaluate in a loop: {beir['beir_seconds_132_settings_extrapolated']:.0f} s, "
            f"{beir['ratio']:.0f} times as long (extrapolated from {len(beir['beir_seconds_of'])} settings)",
        ],
        [
            "`evaluate` with a transformer of MiniLM's size",
            f"{encoder['ratio']:.2f} times",
            "encoding the same texts and one product alone",
        ],
        [
            "BM25, 11 monolingual settings, one thread",
            f"{lucene['our_seconds']:.1f} s",
            f"pyserini called by hand: {lucene['pyserini_seconds']:.1f} s",
        ],
        [
            "`import beir_hybrid`, `beir-hybrid --help`",
            f"{start['import beir_hybrid']['median']:.2f} s, {start['beir-hybrid --help']['median']:.2f} s",
            f"an empty Python process: {start['python -c pass']['median']:.2f} s",
        ],
    ]
    note = f"Measured in one run on {found['machine']['processors']} processors ({found['machine']['processor']})."
    return markdown(["what", "here", "beside it"], rows) + "\n\n" + note


def encoder_step() -> str:
    """What a step of fine-tuning a real encoder takes, by what is trained of it."""
    found = load("encoder_step")["recipes"]
    rows = [
        [
            name,
            str(row["batch_size"]),
            f"{row['seconds_a_step']:.1f}",
            f"{row['steps_an_hour']:,}",
            f"{row['peak_gb']:.1f}",
        ]
        for name, row in found.items()
    ]
    return markdown(["recipe", "pairs a step", "seconds a step", "steps an hour", "GB"], rows)


def sampler() -> str:
    found = load("sampler")
    rows = [
        [
            name.replace("_", " "),
            f"{found[name]['rows'] / 1e6:.0f} million",
            f"{found[name]['set_up_seconds']:.1f} s",
            f"{found[name]['resident_bytes_a_row']:.1f}",
            f"{found[name]['microseconds_a_batch']:.1f}",
        ]
        for name in ("fully_parallel", "partly_parallel")
    ]
    return markdown(["groups", "rows", "set-up", "bytes a row", "microseconds a batch"], rows)


def corpus() -> str:
    """Every size of corpus that was measured, side by side."""
    sizes = load("corpus")["sizes"]
    lines: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("converting, passages a CPU second", lambda size: f"{size['convert_passages_a_cpu_second']:,}"),
        ("converting, peak memory", lambda size: f"{size['convert_peak_mb']:.0f} MB"),
        ("opening", lambda size: f"{size['open_seconds'] * 1000:.1f} ms"),
        ("memory of its own after 20,000 look-ups", lambda size: f"{size['after_look_ups_mb']['own_mb']:.0f} MB"),
        ("a look-up", lambda size: f"{size['look_up_cpu_microseconds']:.1f} microseconds"),
    ]
    for kind in ("near", "anywhere"):
        lines += [
            (f"search, `{kind}`", lambda size, kind=kind: f"{size[kind]['search_cpu_seconds']:.1f} s"),
            (f"share of the product, `{kind}`", lambda size, kind=kind: f"{size[kind]['share_of_the_product']:.2f}"),
        ]
    rows = [[name, *(cell(size) for size in sizes)] for name, cell in lines]
    return markdown(["what", *(f"{size['passages']:,} passages" for size in sizes)], rows)


def dense_scale() -> str:
    """Exact search against faiss and the bare product, in one run."""
    found = load("dense_scale")["compare"]
    names = {
        "ours": "beir-hybrid, from disk, exact ranks",
        "faiss": "faiss `IndexFlatIP`",
        "product": "the bare matrix product",
    }
    rows = [
        [name, f"{found[key]['cpu_seconds']:.2f} s", f"{found[key]['peak_mb']:,.0f} MB"] for key, name in names.items()
    ]
    return markdown(["what", "search, CPU time", "peak memory"], rows)


def dense_growth() -> str:
    """The same search over growing corpora."""
    rows = [
        [
            f"{size['passages']:,}",
            f"{size['disk_mb']:,.0f} MB",
            f"{size['search']['cpu_seconds']:.1f} s",
            f"{size['search']['peak_mb']:.0f} MB",
        ]
        for size in load("dense_scale")["growth"]["sizes"]
    ]
    return markdown(["passages", "vectors on disk", "search, CPU time", "peak memory"], rows)
