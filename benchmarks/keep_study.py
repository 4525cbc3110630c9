"""Keep what a study found: its file, report and means, in ``benchmarks/results/studies/NAME``.

    python benchmarks/keep_study.py FOLDER...

FOLDER is the ``--out`` of ``beir-hybrid study NAME``. The pages under ``docs/studies`` and the README's tables are then
filled by ``python benchmarks/readme_tables.py --write``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import machine

KEPT = ("means.csv", "fits.csv", "report.md")


def keep(folder: Path) -> Path:
    """Copy the report of a finished study; the folder it is kept in."""
    name = str(json.loads((folder / "study.json").read_text(encoding="utf-8"))["name"])
    out = machine.RESULTS / "studies" / name
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "study.toml", out / "study.toml")
    for file in KEPT:
        shutil.copyfile(folder / "report" / file, out / file)
    machine.keep(f"studies/{name}/machine", {})
    return out


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(keep(Path(given)))
