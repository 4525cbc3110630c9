"""Trainings that were killed and go on: the result is that of an uninterrupted one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.cli import main
from beir_hybrid.errors import TrainingError
from beir_hybrid.training.checkpoints import newest_checkpoint
from beir_hybrid.training.folder import TrainFolder
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights
from tests.training.helpers import ROOT, arguments_of, killed

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_killed_in_the_middle_of_a_step(
    trained: Callable[[str], Path], configure: Configure, tmp_path: Path, kind: str
) -> None:
    """kill -9 inside step 5: --resume goes on from step 3 to the very weights of an uninterrupted run."""
    config = configure(tmp_path / "o", kind)
    arguments = arguments_of(config, tmp_path)
    assert killed("loss", 5, *arguments).returncode == -9
    checkpoint = newest_checkpoint(TrainFolder(tmp_path / "o").checkpoints)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-3"
    with pytest.raises(TrainingError, match="holds an unfinished training; go on with --resume"):
        train(config)
    with pytest.raises(TrainingError, match=r"another training: scale was 20.0 and is now 1.0; seed was 1"):
        train(configure(tmp_path / "o", kind, scale=1.0, seed=2), resume=True)
    assert main([*map(str, arguments), "--resume"]) == 0
    assert same_weights(tmp_path / "o", trained(kind))
    logs = [
        [
            {k: v for k, v in entry.items() if "loss" in k and k != "train_loss"}
            for entry in json.loads((out / "train_log.json").read_text())
        ]
        for out in (tmp_path / "o", trained(kind))
    ]
    assert logs[0] == logs[1]


def test_killed_while_it_writes_a_checkpoint(
    trained: Callable[[str], Path], configure: Configure, tmp_path: Path
) -> None:
    """A checkpoint that is not whole is passed over, whichever of its files is missing or cut."""
    config = configure(tmp_path / "o")
    assert killed("save", 2, *arguments_of(config, tmp_path)).returncode == -9
    checkpoints = tmp_path / "o" / "work" / "checkpoints"
    assert {path.name for path in checkpoints.glob("checkpoint-*")} == {"checkpoint-3", "checkpoint-6"}
    for name in ("trainer_state.json", "hybrid_batches.json", "rng_state.pth"):
        cut = checkpoints / "checkpoint-9"
        shutil.copytree(checkpoints / "checkpoint-3", cut)
        (cut / name).unlink() if name.endswith("pth") else (cut / name).write_text('{"wor')
        assert newest_checkpoint(TrainFolder(tmp_path / "o").checkpoints) == checkpoints / "checkpoint-3"
        shutil.rmtree(cut)
    train(config, resume=True)
    assert same_weights(tmp_path / "o", trained("static"))


def test_killed_while_it_prepares(configure: Configure, tmp_path: Path, trained: Callable[[str], Path]) -> None:
    """Killed during the tokenizer's training, the same command begins again, and so does any other."""
    config = configure(tmp_path / "o", tokenizer=None, vocabulary=600)
    assert killed("tokenizer", 1, *arguments_of(config, tmp_path)).returncode == -9
    assert (tmp_path / "o" / "train.toml").exists()
    shutil.copytree(tmp_path / "o", tmp_path / "other")
    assert train(config).steps == 6
    assert train(configure(tmp_path / "other")).steps == 6
    assert same_weights(tmp_path / "other", trained("static"))


def test_early_stopping_resumes(
    configure: Configure,
    tmp_path: Path,
    interrupted: Callable[[int], Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The validations without a better one are counted on: a resumed training stops where it would have, and one that
    had stopped makes no further step."""
    options: dict[str, Any] = {"steps": 16, "evaluate_every": 2, "patience": 3, "learning_rate": 10.0}
    whole = train(configure(tmp_path / "whole", **options))
    assert whole.steps < 16
    go_on = interrupted(whole.steps - 1)
    with pytest.raises(KeyboardInterrupt):
        train(configure(tmp_path / "o", **options))
    go_on()
    with monkeypatch.context() as patch:  # stopped early, and killed before anything is published
        patch.setattr(TrainFolder, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(configure(tmp_path / "o", **options), resume=True)
    resumed = train(configure(tmp_path / "o", **options), resume=True)
    assert (resumed.steps, resumed.best_step) == (whole.steps, whole.best_step)
    assert same_weights(tmp_path / "o", tmp_path / "whole")


def test_code_switching_and_accumulation_resume(
    configure: Configure, tmp_path: Path, interrupted: Callable[[int], Callable[[], None]]
) -> None:
    """Switched queries, a schedule of alpha and accumulated batches are those of the uninterrupted training."""
    lexicon = tmp_path / "en-de.txt"
    lexicon.write_text("what was\nwhat welches\nis ist\nthe der\nthe das\nhow wie\n")
    options: dict[str, Any] = {
        "lexicon": str(lexicon), "code_switch": 0.5, "languages": ("de", "en", "hi"), "gradient_accumulation": 4,
        "alpha": 1.0, "alpha_end": 0.0, "alpha_schedule": "linear", "evaluate_every": 1, "steps": 5,
    }  # fmt: skip
    train(configure(tmp_path / "whole", **options))
    go_on = interrupted(12)
    with pytest.raises(KeyboardInterrupt):
        train(configure(tmp_path / "o", **options))
    go_on()
    train(configure(tmp_path / "o", **options, workers=1), resume=True)  # who prepares the batches does not matter
    assert same_weights(tmp_path / "o", tmp_path / "whole")


def test_a_folder_may_move(
    configure: Configure, tmp_path: Path, interrupted: Callable[[int], Callable[[], None]]
) -> None:
    """An unfinished training goes on in another place and saves its best checkpoint, or says that it is gone."""
    options: dict[str, Any] = {"steps": 8, "evaluate_every": 2, "learning_rate": 10.0, "patience": 0}
    whole = train(configure(tmp_path / "whole", **options))
    assert whole.best_step == 4  # the best one is of before the interruption
    go_on = interrupted(7)
    with pytest.raises(KeyboardInterrupt):
        train(configure(tmp_path / "before", **options))
    go_on()
    (tmp_path / "before").rename(tmp_path / "after")
    shutil.copytree(tmp_path / "after", tmp_path / "without")
    shutil.rmtree(tmp_path / "without" / "work" / "checkpoints" / "checkpoint-4")
    with pytest.raises(TrainingError, match=r"checkpoint-4, the best checkpoint so far, is gone; put it back"):
        train(configure(tmp_path / "without", **options), resume=True)
    assert train(configure(tmp_path / "after", **options), resume=True).best_step == 4
    assert same_weights(tmp_path / "after", tmp_path / "whole")


def test_a_folder_may_move_before_it_is_published(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained to the end, killed, moved: the best checkpoint is published, and never the last one in its place."""

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    options: dict[str, Any] = {"steps": 8, "evaluate_every": 2, "learning_rate": 10.0, "patience": 0}
    with monkeypatch.context() as patch:
        patch.setattr(TrainFolder, "publish", fail)
        with pytest.raises(KeyboardInterrupt):
            train(configure(tmp_path / "before", **options))
    (tmp_path / "before").rename(tmp_path / "after")
    shutil.copytree(tmp_path / "after", tmp_path / "cut")
    (tmp_path / "cut" / "work" / "checkpoints" / "checkpoint-4" / "model.safetensors").write_bytes(b"half")
    summary = train(configure(tmp_path / "after", **options), resume=True)
    assert (summary.steps, summary.best_step) == (8, 4)
    train(configure(tmp_path / "whole", **options))
    assert same_weights(tmp_path / "after", tmp_path / "whole")
    with pytest.raises(TrainingError, match=r"checkpoint-4, the best checkpoint, cannot be loaded: .*--resume"):
        train(configure(tmp_path / "cut", **options), resume=True)
    assert not (tmp_path / "cut" / "model.safetensors").exists()


@pytest.mark.parametrize("evaluated", [True, False])
def test_a_folder_that_moves_while_it_trains_is_missed(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups_file: Path, evaluated: bool
) -> None:
    """Two halves in two places are no training: what is in neither is not made up."""
    from transformers import Trainer

    whole = Trainer._save_rng_state
    out = tmp_path / "o"

    def moving(self: Any, folder: str) -> None:
        whole(self, folder)
        if folder.endswith("checkpoint-4"):
            out.rename(tmp_path / "elsewhere")
            (out / "work" / "checkpoints" / "checkpoint-4").mkdir(parents=True)

    monkeypatch.setattr(Trainer, "_save_rng_state", moving)
    options: dict[str, Any] = {"steps": 8, "evaluate_every": 2, "learning_rate": 10.0, "patience": 0}
    if not evaluated:
        groups = [json.loads(line) for line in groups_file.read_text(encoding="utf-8").splitlines()]
        options["groups"] = str(tmp_path / "train.jsonl")
        Path(options["groups"]).write_text(
            "".join(json.dumps({**group, "split": "train"}) + "\n" for group in groups), encoding="utf-8"
        )
    told = "checkpoint-4, the best checkpoint, cannot be loaded" if evaluated else "is not the folder any more"
    with pytest.raises(TrainingError, match=told):
        train(configure(out, **options))


@pytest.fixture
def own_groups(groups_file: Path, tmp_path: Path) -> Path:
    """A copy of the groups that may change."""
    return Path(shutil.copyfile(groups_file, tmp_path / "groups.jsonl"))


def test_changed_data_are_another_training(
    configure: Configure, tmp_path: Path, own_groups: Path, interrupted: Callable[[int], Callable[[], None]]
) -> None:
    """Done or under way, a training of other groups is refused by the file's digest; hardly begun, it begins anew."""
    config = configure(tmp_path / "done", groups=str(own_groups))
    assert train(config).groups == 55
    go_on = interrupted(4)
    for out, batches in (("under-way", 4), ("begun", 1)):
        interrupted(batches)
        with pytest.raises(KeyboardInterrupt):
            train(configure(tmp_path / out, groups=str(own_groups)))
    go_on()
    lines = own_groups.read_text(encoding="utf-8").splitlines(keepends=True)
    own_groups.write_text("".join(lines[:40]), encoding="utf-8")
    for out in ("done", "under-way"):
        with pytest.raises(
            TrainingError, match=r"another training: groups \(.*groups.jsonl\) was .* and is now .*--out"
        ):
            train(configure(tmp_path / out, groups=str(own_groups)), resume=True)
    assert train(configure(tmp_path / "begun", groups=str(own_groups))).groups == 33
    # what counts is what is in the file, not where it is
    own_groups.write_text("".join(lines), encoding="utf-8")
    moved = own_groups.rename(tmp_path / "elsewhere.jsonl")
    assert train(configure(tmp_path / "done", groups=str(moved))).groups == 55


def test_a_registered_data_set_is_known_by_all_its_texts(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other hard negatives, or other splits, are other data as other questions are."""
    from beir_hybrid.datasets import sample
    from beir_hybrid.training.data import group_source

    groups = list(sample.sample_groups())
    digests = set()
    for more in ({}, {"negatives": {"de": ["x"]}}, {"passage_group": "p"}, {"split": "dev"}):
        monkeypatch.setattr(sample, "sample_groups", lambda _, more=more: iter([{**groups[0], **more}, *groups[1:]]))
        digests.add(group_source("sample", configure(tmp_path / "o")).digest())
    assert len(digests) == 4


def test_a_folder_has_one_training_at_a_time(
    configure: Configure, tmp_path: Path, trained: Callable[[str], Path]
) -> None:
    """A second process is refused as long as the first one lives, and leaves its work alone."""
    out = tmp_path / "o"
    holding = (
        "import sys, time\nfrom pathlib import Path\nfrom beir_hybrid.disk.files import alone\n"
        "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    first = subprocess.Popen([sys.executable, "-c", holding, out], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(TrainingError, match=r"another process is training into .*; wait for it"):
            train(configure(out))
    finally:
        first.kill()
        first.wait()
    train(configure(out))
    assert same_weights(out, trained("static"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.lock", "o"]
