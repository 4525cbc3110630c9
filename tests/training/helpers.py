"""Commands in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from beir_hybrid.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
}
PATIENCE = 400.0
# forked from one server, which has trained nothing and imported what takes seconds; a plain fork of the tests' own
# process would have PyTorch's threads of their earlier trainings in it
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["sentence_transformers", "torch.distributed", "beir_hybrid.cli", "st_hybrid_batch"])


def fresh(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, from the checkout, on the CPU, with nothing imported yet."""
    environment = os.environ | ENVIRONMENT
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Python with these arguments in two processes."""
    return fresh("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments)


def run(*arguments: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """The same in a tenth of the time, from a server that has imported everything; and as torchrun starts several."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in ENVIRONMENT.items():
            patch.setenv(key, value)
        forkserver.ensure_running()
    given = [str(each) for each in arguments]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        started = []
        for rank in range(processes):
            ranked = {**group, "RANK": rank, "LOCAL_RANK": rank} if processes > 1 else {}
            environment = ENVIRONMENT | {key: str(value) for key, value in ranked.items()}
            started.append(_FORKS.Process(target=_child, args=(given, environment, str(out), str(err))))
            started[-1].start()
        running = list(started)
        while running and all(one.exitcode in (None, 0) for one in started):
            ended = wait([one.sentinel for one in running], PATIENCE)
            assert ended, f"not done after {PATIENCE:.0f} s: {given}"
            running = [one for one in running if one.sentinel not in ended]
        for one in started:  # one has failed: the others wait for it and are ended, as torchrun does
            one.terminate()
            one.join()
        code = next((one.exitcode for one in started if one.exitcode), 0)
        return subprocess.CompletedProcess(given, code or 0, out.read_text(), err.read_text())


def _child(arguments: list[str], environment: dict[str, str], out: str, err: str) -> None:
    os.environ.update(environment)
    os.chdir(ROOT)
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def killed(place: str, number: int, *arguments: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """`beir-hybrid` with these arguments, killed in the middle (see killed.py)."""
    return run(ROOT / "tests" / "training" / "killed.py", place, number, *arguments, processes=processes)


def arguments_of(config: TrainConfig, folder: Path) -> list[object]:
    """The command line of a configuration, by way of a file in a folder."""
    file = folder / f"{Path(config.out or '').name}.toml"
    file.write_text(config.to_toml(), encoding="utf-8")
    return ["train", "--config", file]
