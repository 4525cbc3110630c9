"""The page docs/how-to/own-data.md: its folder and its package are made, installed and used as it says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import commands_of, read_blocks
from tests.docs.outputs import differences

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "own-data.md"


@pytest.fixture
def run(tmp_path: Path, no_data: Path) -> object:
    """Runs a command of the page in tmp_path, with what it installs in a folder of its own."""
    site = tmp_path / "site"
    path = os.pathsep.join(map(str, (site, os.environ.get("PYTHONPATH", ""), ROOT, ROOT / "plugins")))
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}

    def command(line: str) -> subprocess.CompletedProcess[str]:
        program, *arguments = shlex.split(line)
        if program == "pip":  # as it is said, but without a network and not into this environment
            arguments += ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
        module = {"pip": "pip", "beir-hybrid": "beir_hybrid"}[program]
        return subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return command


@pytest.mark.slow
@pytest.mark.java
def test_the_page_runs(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Every file of the page written, every command run, in order, by a real process; outputs are those shown."""
    printed = ""
    for block in read_blocks(PAGE):
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(block.code + "\n", encoding="utf-8")
        elif block.output is not None:
            assert differences(block.code, printed, part=block.output == "part") == [], f"{PAGE.name}:{block.line}"
        else:
            assert block.language == "sh", f"{PAGE.name}:{block.line} is neither a file nor a command"
            printed = ""
            for line in commands_of(block):
                done = run(line)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                printed += done.stdout
    wrong = {
        "evaluate kitchen --retriever overlop --out x": "unknown retriever 'overlop'; did you mean 'overlap'?",
        "evaluate kitchen --retriever overlap --retriever-option m=4 --out x": "does not take these options",
        "evaluate kitchen --retriever overlap --dataset-option lowd=1 --out x": "no option 'lowd'; did you mean 'loud'",
        "evaluate kitchen --retriever overlap --languages it --out x": "unknown language 'it'",
        "evaluate kichen --retriever overlap --out x": "unknown dataset 'kichen'; did you mean 'kitchen'?",
    }
    for line, message in wrong.items():
        done = run(f"beir-hybrid {line}")
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
