"""The package's own weight: lines of Python by part, beside those of the last release.

    python benchmarks/weight.py              # print
    python benchmarks/weight.py --release    # keep today's as those of this version

CI prints it, so that growth is seen when it happens.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks" / "results" / "weight.json"
sys.path.insert(0, str(ROOT))


def files() -> dict[str, int]:
    """Lines of every module of the two packages, by path below the root."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for top in ("beir_hybrid", "plugins")
        for path in sorted((ROOT / top).rglob("*.py"))
    }


def weight() -> dict[str, int]:
    """Lines by part: the folders of ``beir_hybrid``, its own modules, the plugin; their sum; the median module."""
    parts: dict[str, int] = {}
    for path, lines in files().items():
        top, *rest = path.split("/")
        part = "/".join([top, rest[0]]) if len(rest) > 1 else top
        parts[part] = parts.get(part, 0) + lines
    return {**dict(sorted(parts.items())), "all": sum(parts.values()), "median module": median()}


def median() -> int:
    """Lines of the median module that is more than a docstring."""
    return int(statistics.median(lines for lines in files().values() if lines > 5))


def main() -> None:
    parser = argparse.ArgumentParser(description="lines of the package beside those of the last release")
    parser.add_argument("--release", action="store_true", help="keep today's lines as those of this version")
    from beir_hybrid import __version__

    now = weight()
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if parser.parse_args().release:
        KEPT.write_text(json.dumps({"version": __version__, "lines": now}, indent=1) + "\n", encoding="utf-8")
        return
    before = kept["lines"]
    print(f"{'lines of Python':32}{'now':>8}{kept['version']:>10}")
    for part in sorted({*now, *before}, key=lambda part: (part in ("all", "median module"), part)):
        print(f"{part:32}{now.get(part, 0):8,}{before.get(part, 0):10,}")


if __name__ == "__main__":
    main()
