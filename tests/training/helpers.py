"""Commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from beir_hybrid.training.config import TrainConfig

ROOT = Path(__file__).parents[2]


def run(*arguments: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, from the checkout, on the CPU; under torchrun for several processes."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400)


def killed(place: str, number: int, *arguments: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """`beir-hybrid` with these arguments, killed in the middle (see killed.py)."""
    return run(ROOT / "tests" / "training" / "killed.py", place, number, *arguments, processes=processes)


def arguments_of(config: TrainConfig, folder: Path) -> list[object]:
    """The command line of a configuration, by way of a file in a folder."""
    file = folder / f"{Path(config.out or '').name}.toml"
    file.write_text(config.to_toml(), encoding="utf-8")
    return ["train", "--config", file]
