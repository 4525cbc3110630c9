"""Size and build time of the page and of the figures.

    BEIR_HYBRID_DATA=... python benchmarks/bench_report.py DIR [DIR ...]

DIRs are result folders of one data set (five systems on XQuAD-R for the figures that are kept); they are compared
first, which is not counted. Writes ``benchmarks/results/bench_report.json``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import machine

from beir_hybrid.comparison import compare
from beir_hybrid.report.figures import write_figures
from beir_hybrid.report.page import render_page


def main(folders: list[str]) -> None:
    started = time.perf_counter()
    comparison = compare(folders)
    compared = time.perf_counter()
    page = render_page(comparison)
    rendered = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        figures = len(write_figures(comparison, Path(out)))
    drawn = time.perf_counter()
    found = {
        "dataset": comparison.dataset,
        "systems": list(comparison.names),
        "compare_seconds": round(compared - started, 2),
        "page_seconds": round(rendered - compared, 2),
        "page_megabytes": round(len(page.encode()) / 1e6, 3),
        "figures": figures,
        "figures_seconds": round(drawn - rendered, 2),
    }
    print(found)
    machine.keep("bench_report", found)


if __name__ == "__main__":
    main(sys.argv[1:])
