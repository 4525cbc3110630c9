"""Keep the means of results folders, each under a label, in ``benchmarks/results/NAME.json``.

    python benchmarks/keep_results.py NAME LABEL=FOLDER...

FOLDER is the ``--out`` of ``beir-hybrid evaluate``. The tables of the pages are then filled by
``python benchmarks/readme_tables.py --write``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import machine


def row(label: str, folder: Path) -> dict[str, object]:
    """Means over languages of one results folder."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {"label": label, "dataset": results["dataset"], "summary": results["summary"]}


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    machine.keep(
        name, {"rows": [row(label, Path(folder)) for label, _, folder in (one.partition("=") for one in given)]}
    )
