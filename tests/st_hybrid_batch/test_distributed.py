"""Two processes on CPU (gloo), started as users start them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from st_hybrid_batch.sampler import HybridBatchSampler
from st_hybrid_batch.view import ParallelDataset
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
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = str(Path(__file__).with_name("two_processes.py"))
    done = subprocess.run([*command, script, *arguments], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]


def test_two_processes_and_exact_resume(bert_folder, tmp_path):
    """One kind a step, disjoint groups; resumed inside epoch 1, the run is the uninterrupted one."""
    groups = [make_group(number) for number in range(33)]
    path = tmp_path / "groups.jsonl"
    lines = [
        json.dumps({"id": group.id, "query": dict(group.query), "passage": dict(group.passage)}) for group in groups
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "out"
    launch(str(bert_folder), str(path), str(out), "whole", "")
    launch(str(bert_folder), str(path), str(out), "resumed", str(out / "checkpoint-6"))
    records = {
        name: [json.loads((out / f"{name}-{rank}.json").read_text()) for rank in range(2)]
        for name in ("whole", "resumed")
    }
    whole, resumed = records["whole"], records["resumed"]
    steps = 33 // 8
    sampler = HybridBatchSampler(ParallelDataset.from_groups(groups), 4, seed=3, world_size=2)
    assert [len(record["seen"]) for record in whole] == [3 * steps] * 2
    for number in range(3 * steps):
        epoch, step = divmod(number, steps)
        batches = [whole[rank]["seen"][number] for rank in range(2)]
        assert len({label for labels, *_ in batches for label in labels}) == 8
        for rank, (labels, *_) in enumerate(batches):
            # what the sampler says this rank gets is what its loss saw
            expected = [query // 3 for query, _ in sampler.batch(epoch, step, rank)]
            assert labels == expected
        logged = [log for log in whole[0]["logs"] if "loss" in log][number]
        assert {key for key in logged if key.startswith("loss_")} == {f"loss_{sampler.kind(epoch, step)}"}
    for rank in range(2):
        assert resumed[rank]["seen"] == whole[rank]["seen"][6:]
        assert resumed[rank]["weights"] == pytest.approx(whole[rank]["weights"], abs=1e-6)
    assert whole[0]["weights"] == pytest.approx(whole[1]["weights"], abs=1e-9)
