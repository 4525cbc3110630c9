"""Two processes on the CPU, once started by torchrun as users start them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights, weights, without_dropout
from tests.training.helpers import arguments_of, killed, run, torchrun

pytestmark = [pytest.mark.train, pytest.mark.slow]


def test_two_processes_and_resume(configure: Configure, tmp_path: Path) -> None:
    """One summary, batches over both; killed in the middle, they go on to the same weights."""
    config = configure(tmp_path / "whole", "transformer", batch_size=4)
    done = torchrun("-m", "beir_hybrid", *arguments_of(config, tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("trained on  55 groups") == 1
    assert "steps       6 (48 pairs)" in done.stdout
    assert done.stderr.count("training the tokenizer") == 0
    settings = json.loads((tmp_path / "whole" / "hybrid_batches.json").read_text())
    assert (settings["world_size"], settings["batch_size"]) == (2, 4)
    assert not (tmp_path / "whole" / "work").exists()
    config = configure(tmp_path / "o", "transformer", batch_size=4)
    arguments = arguments_of(config, tmp_path)
    assert killed("forward", 5, *arguments, processes=2).returncode != 0
    shutil.copytree(tmp_path / "o", tmp_path / "one")
    done = run("-m", "beir_hybrid", *arguments, "--resume", processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert same_weights(tmp_path / "whole", tmp_path / "o")
    with pytest.raises(TrainingError, match="world_size was 2, is 1"):
        train(configure(tmp_path / "one", "transformer", batch_size=4), resume=True)


def test_gathered_processes_are_one(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """--gather: two processes with 4 rows each learn what one does with 8, at the same learning rate.

    The second of them would die if it wrote a model: both would write into one file at once."""
    base = str(without_dropout(trained("transformer"), tmp_path / "base"))
    options: dict[str, Any] = {"model": base, "learning_rate": 1e-3, "steps": 4, "evaluate_every": 4, "dev_limit": 2}
    train(configure(tmp_path / "one", "transformer", **options, batch_size=8))
    config = configure(tmp_path / "two", "transformer", **options, batch_size=4, gather=True)
    done = killed("write", 1, *arguments_of(config, tmp_path), processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    start, one, two = (weights(folder) for folder in (Path(base), tmp_path / "one", tmp_path / "two"))
    moved = max(float((one[name] - start[name]).abs().max()) for name in one)
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert apart < 0.05 * moved, (apart, moved)


def test_a_failing_preparation_ends_all(configure: Configure, tmp_path: Path) -> None:
    """What the first process finds wrong is said once, and the others do not wait for it."""
    config = configure(tmp_path / "o", "transformer", groups=str(tmp_path / "nowhere.jsonl"))
    done = run("-m", "beir_hybrid", *arguments_of(config, tmp_path), processes=2)
    assert done.returncode != 0
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.startswith("beir-hybrid: ")] == [
        f"beir-hybrid: {tmp_path / 'nowhere.jsonl'} does not exist; expected groups as JSON Lines, plain or gzipped, "
        "a folder of mMARCO, language=FILE,... of SQuAD-shaped files, or 'sample', the embedded sample"
    ]
    assert not (tmp_path / "o").exists()
