"""Two processes on CPU (gloo), started as users start them."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.st_hybrid_batch.helpers import make_group

pytestmark = [pytest.mark.train, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


def launch(*arguments: str) -> None:
    """Run two_processes.py on two ranks, with no accelerator in sight."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(Path(__file__).with_name("two_processes.py")), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]


def test_two_processes_equal_one_and_resume_exactly(bert_folder, tmp_path):
    """Two gathered ranks are one process with the whole batch: rows, losses, validation, weights.

    Resumed inside epoch 1 without any callback for it, the run is the uninterrupted one.
    """
    from tests.st_hybrid_batch.two_processes import main as one_process

    groups = [make_group(number, negatives=1, passage_group=str(number // 2)) for number in range(33)]
    path = tmp_path / "groups.jsonl"
    path.write_text("\n".join(json.dumps(dataclasses.asdict(group)) for group in groups), encoding="utf-8")
    out = tmp_path / "out"
    launch(str(bert_folder), str(path), str(out), str(out / "checkpoint-6"))
    one_process(str(bert_folder), str(path), str(tmp_path / "one"), "one")

    def read(name, rank, folder=out):
        record = json.loads((folder / f"{name}-{rank}.json").read_text())
        return [batch[1:] for batch in record["seen"] if batch[0]], record

    (one, single), whole = read("one", 0, tmp_path / "one"), [read("whole", rank) for rank in (0, 1)]
    resumed = [read("resumed", rank) for rank in (0, 1)]
    steps = 33 // 8
    assert len(one) == len(whole[0][0]) == len(whole[1][0]) == 3 * steps
    for (loss, *columns), *ranks in zip(one, whole[0][0], whole[1][0], strict=True):
        assert loss == pytest.approx((ranks[0][0] + ranks[1][0]) / 2, rel=1e-5)
        for column, first, second in zip(columns, ranks[0][1:], ranks[1][1:], strict=True):
            assert column == first + second
    assert single["weights"] == pytest.approx(whole[0][1]["weights"], rel=1e-6)
    assert whole[0][1]["weights"] == pytest.approx(whole[1][1]["weights"], abs=1e-9)
    logs = [[log["eval_loss"] for log in record["logs"] if "eval_loss" in log] for record in (single, whole[0][1])]
    assert logs[0] == pytest.approx(logs[1], rel=1e-5) and len(logs[0]) == 3
    # the mean over the validation batches of the last evaluation: 5 monolingual ones and 5 cross-lingual ones
    last = [batch[1] for batch in single["seen"] if not batch[0]][-10:]
    assert logs[0][-1] == pytest.approx(sum(last) / 10, rel=1e-6)
    for rank in (0, 1):
        assert resumed[rank][0] == whole[rank][0][6:]
        assert resumed[rank][1]["weights"] == pytest.approx(whole[rank][1]["weights"], abs=1e-6)
    settings = [set(log) & {"loss_mono", "loss_cross"} for log in single["logs"] if "loss" in log]
    assert settings == [set(log) & {"loss_mono", "loss_cross"} for log in whole[0][1]["logs"] if "loss" in log]
