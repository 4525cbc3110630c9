<<<<<<< HEAD
"""What a figure was measured on, and where figures are kept."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
=======
"""What a benchmark ran on, for its result file."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
>>>>>>> plugin
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
<<<<<<< HEAD
_PACKAGES = ("numpy", "torch", "sentence-transformers", "transformers", "beir", "ranx", "pyserini", "datasets")


def machine() -> dict[str, Any]:
    """Processor, memory and versions; nothing that names the machine."""
    import psutil

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES if _installed(name)},
    }


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write ``results/NAME.json``: the figures beside the machine."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"machine": machine(), **figures}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return path
=======


def machine(*packages: str) -> dict[str, Any]:
    """Processor, cores, memory, and versions of Python and the packages that matter."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": names[0].split(":")[1].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def write(name: str, result: dict[str, Any]) -> None:
    """Write a result and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)
>>>>>>> plugin
