"""`study`: from a file to tables, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.refusals import failed

STUDY = """name = "small"
title = "Two ratios"
seeds = [1]
[train]
groups = "sample"
from_scratch = "static"
languages = ["de", "en"]
vocabulary = 500
width = 16
steps = 4
batch_size = 8
[factors]
alpha = [0.0, 1.0]
[evaluate]
datasets = ["sample"]
languages = ["de", "en"]
metrics = ["map"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.mark.train
@pytest.mark.slow
def test_end_to_end(command: Any, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dry run, run, report: stdout is the report, stderr tells of the cells; a failed cell is exit 1."""
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'plugins'}")
    out = tmp_path / "out"
    dry = command("study", file, "--out", out, "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert "0.0    missing\n1.0    missing\n\n2 cells: 0 done, 0 failed, 2 to run\ntime: about" in dry.out
    assert "(rough for 2 of them: none like them is done yet)" in dry.out
    assert "budget: every cell sees the same number of training pairs (32)" in dry.out
    assert not out.exists()
    done = command("study", file, "--out", out)
    assert done.status == 0, done.err
    assert done.err.startswith("small: 2 cells, 0 done\ntime: about ") and "\nalpha=0.0 seed=1: begins, " in done.err
    assert "Two ratios" in done.out
    again = command("study", file, "--out", out, "--report-only")
    assert (again.status, again.out) == (0, done.out)
    file.write_text(STUDY.replace("[0.0, 1.0]", "[0.5, 1.0]") + "[limits]\nmemory_gb = 0.05\n", encoding="utf-8")
    dry = command("study", file, "--out", out, "--dry-run")
    assert "2 cells: 1 done, 0 failed, 1 to run\ntime: about " in dry.out
    assert "(measured on cells like them)" in dry.out
    failed = command("study", file, "--out", out)
    assert failed.status == 1
    assert "\nfailed: alpha=0.5 seed=1: used 0." in failed.err
    assert failed.err.endswith("beir-hybrid: 1 of 2 cells failed; run the study again to retry them\n")


def test_shipped_studies(command: Any) -> None:
    """A bare name finds a study of the package; --show prints it, to be copied and changed."""
    listed = command("study", "--list")
    assert listed.status == 0
    assert "alpha           Batch ratio against resource level\n" in listed.out
    shown = command("study", "alpha", "--show")
    assert (shown.status, shown.out.count('name = "alpha"')) == (0, 1)
    failed(command("study", "alfa"), "no shipped study is called 'alfa'; did you mean 'alpha'?")


def test_bad_input(command: Any, file: Path, tmp_path: Path) -> None:
    """Unknown factors and values, another study's folder, no file: one line each, exit 1."""
    file.write_text(STUDY.replace("alpha = [", "alhpa = ["), encoding="utf-8")
    failed(command("study", file), f"{file}:13: unknown factor 'alhpa'; did you mean 'alpha'?")
    file.write_text(STUDY.replace("[0.0, 1.0]", "[0.0, 7.0]"), encoding="utf-8")
    failed(command("study", file, "--dry-run"), "the cell alpha=7.0 cannot be: --alpha is 7.0; expected a number in")
    failed(command("study", tmp_path / "no.toml"), "no.toml does not exist; expected a study file")
    file.write_text(STUDY, encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "study.json").write_text('{"name": "other"}')
    failed(command("study", file, "--out", tmp_path / "out"), "holds the study 'other', not 'small'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a study file, or --list"),
        (["x.toml", "--workers", "0"], "'0' is not a whole number of at least 1"),
        (["x.toml", "--engine", "spark"], "unknown choice 'spark'"),
        (["x.toml", "--address", "auto"], "--address needs --engine ray"),
    ],
)
def test_usage_errors(command: Any, arguments: list[str], message: str) -> None:
    """What argparse refuses is a usage error, exit 2."""
    done = command("study", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
