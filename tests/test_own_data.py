"""The pages on data and packages of one's own: what they show is made, installed and used as they say."""

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
PAGES = ROOT / "docs" / "how-to"
EXAMPLE_LINES = 25
"""A package that adds something is this long at most, its pyproject.toml included, blank lines not."""
WRONG = {
    "own-data.md": {},
    "add-dataset.md": {
        "evaluate kitchen --bm25 --dataset-option lowd=1 --out x": "no option 'lowd'; did you mean 'loud'",
        "evaluate kitchen --bm25 --languages it --out x": "unknown language 'it'",
        "evaluate kichen --bm25 --out x": "unknown dataset 'kichen'; did you mean 'kitchen'?",
    },
    "add-retriever.md": {
        "evaluate sample --retriever overlop --out x": "unknown retriever 'overlop'; did you mean 'overlap'?",
        "evaluate sample --retriever overlap --retriever-option m=4 --out x": "'overlap' has no option 'm'; known: n",
    },
    "add-metric.md": {
        "evaluate sample --bm25 --metrics frst_rank --out x": "unknown metric 'frst_rank'; did you mean 'first_rank'?",
        "evaluate sample --bm25 --metrics first_rank@no --out x": "has cutoff 'no'; cutoffs are whole numbers from 1",
    },
}


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
@pytest.mark.parametrize("page", WRONG)
def test_the_page_runs(run, tmp_path: Path, page: str) -> None:  # type: ignore[no-untyped-def]
    """Every file of the page written, every command run, in order, by a real process; outputs are those shown."""
    printed = ""
    lines: dict[str, int] = {}
    for block in read_blocks(PAGES / page):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code + "\n", encoding="utf-8")
            written = sum(bool(line.strip()) for line in block.code.splitlines())
            lines[path.parent.name] = lines.get(path.parent.name, 0) + written
        elif block.output is not None:
            assert differences(block.code, printed, part=block.output == "part") == [], f"{page}:{block.line}"
        else:
            assert block.language == "sh", f"{page}:{block.line} is neither a file nor a command"
            printed = ""
            for line in commands_of(block):
                done = run(line)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                printed += done.stdout
    assert max(lines.values()) <= EXAMPLE_LINES
    for line, message in WRONG[page].items():
        done = run(f"beir-hybrid {line}")
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert sum(": at work, " not in said for said in done.stderr.splitlines()) == 1  # of a slow machine
