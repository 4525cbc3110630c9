"""`train`: the command line and the configuration file, and what comes out where."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.sample import sample_groups
from tests.cli.refusals import failed


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    path = tmp_path / "groups.jsonl"
    records = [{**group, "split": "train" if i % 6 else "dev"} for i, group in enumerate(sample_groups())]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.train
@pytest.mark.slow
def test_end_to_end(command: Any, groups: Path, tmp_path: Path) -> None:
    """Trained from the command line, repeated from the saved file, evaluated: stdout is the summary alone."""
    out = tmp_path / "model"
    done = command(
        "train", "--groups", groups, "--from-scratch", "static", "--vocabulary", 500, "--width", 16, "--steps", 4,
        "--batch-size", 8, "--evaluate-every", 2, "--out", out,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert [line.split("  ")[0] for line in done.out.splitlines()] == [
        "model", "trained on", "alpha", "steps", "last loss", "best",
    ]  # fmt: skip
    assert f"next: beir-hybrid evaluate sample --model {out}" in done.err
    again = command("train", "--config", out / "train.toml")
    assert (again.status, again.out) == (0, done.out)
    repeated = command("train", "--config", out / "train.toml", "--out", tmp_path / "again")
    assert repeated.status == 0
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    # a bag of words from nothing is not good, but better than chance: 1/120 of the passages
    done = command(
        "evaluate", "sample", "--model", out, "--languages", "de,en", "--settings", "mono", "--out", tmp_path / "r"
    )
    assert done.status == 0, done.err


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configurations that reach the training, which does nothing."""
    from beir_hybrid.errors import TrainingError
    from beir_hybrid.training import train as module

    seen: list[Any] = []

    def stop(config: Any, **_: Any) -> None:
        seen.append(config)
        raise TrainingError("stopped")

    monkeypatch.setattr(module, "train", stop)
    return seen


@pytest.mark.train
def test_the_file_says_what_the_command_line_says(command: Any, configured: list[Any], tmp_path: Path) -> None:
    """Every option is a key; the command line wins, also over another way to say the same."""
    file = tmp_path / "c.toml"
    file.write_text('groups = "g"\nout = "o"\nmodel = "m"\nsampling = "mono"\nsteps = 5\nlanguages = ["de", "en"]\n'
                    "gather = true\nlearning-rate = 0.5\n")  # fmt: skip
    command("train", "--config", file)
    command(
        "train", "--groups", "g", "--out", "o", "--model", "m", "--sampling", "mono", "--steps", "5",
        "--languages", "de,en", "--gather", "--learning-rate", "0.5",
    )  # fmt: skip
    assert configured[0] == configured[1]
    command(
        "train", "--config", file, "--alpha", "0.25", "--epochs", "2", "--from-scratch", "static", "--no-gather",
        "--out", "p",
    )  # fmt: skip
    other = configured[2]
    assert (other.alpha, other.sampling, other.epochs, other.steps) == (0.25, None, 2.0, None)
    assert (other.from_scratch, other.model, other.gather, other.out) == ("static", None, False, "p")


def test_errors_name_their_place(command: Any, tmp_path: Path) -> None:
    """A bad key is the file's, a bad value on the command line its own; broken TOML has a line."""
    file = tmp_path / "c.toml"
    file.write_text('group = "g"\n')
    failed(command("train", "--config", file), f"{file}: unknown key 'group'; did you mean 'groups'")
    file.write_text('groups = "g"\nsteps = [1]\n')
    failed(command("train", "--config", file), f"{file}: steps is [1]; expected a value of type int")
    file.write_text('groups = "g"\n')
    failed(
        command("train", "--config", file, "--matryoshka", "8,x"),
        "the command line: matryoshka is 'x'; expected a number",
    )
    file.write_text('groups = "g"\n\nsteps = \n')
    failed(command("train", "--config", file), f"{file}:3: not valid TOML")
    failed(command("train", "--config", tmp_path / "nowhere.toml"), "nowhere.toml does not exist")
    failed(command("train"), "no training groups were given")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "many"], "invalid int value: 'many'"),
        (["--from-scratch", "lstm"], "unknown choice 'lstm'"),
        (["--stepz", "3"], "unknown option --stepz; did you mean '--steps'"),
    ],
)
def test_usage_errors(command: Any, arguments: list[str], message: str) -> None:
    """What argparse refuses is a usage error, exit 2."""
    done = command("train", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


def test_a_missing_extra(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the train extra there is one line with the pip command."""
    whole = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "accelerate":
            raise ModuleNotFoundError("No module named 'accelerate'", name="accelerate")
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    # what is not there is found before seconds go into heavy libraries
    for option in ("--groups", "--dev-groups"):
        given = ["--groups", "sample", option, "nowhere.jsonl"]
        done = command("train", *given, "--out", "o", "--model", "m")
        assert done.status == 1 and done.err.startswith("beir-hybrid: nowhere.jsonl does not exist; expected groups as")
    done = command("train", "--groups", "sample", "--out", "o", "--model", "m")
    begins, refusal = done.err.splitlines()
    assert (done.status, done.out, begins) == (1, "", "preparing o: reading sample")
    assert refusal == (
        "beir-hybrid: training needs the package 'accelerate', which is not installed; run: pip install "
        '"beir-hybrid[train]"'
    )


def test_what_goes_on_after_an_interrupt_is_the_command_with_resume(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that has checkpoints is refused without it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("beir_hybrid.training.train.train", interrupted)
    done = command("train", "--groups", "sample", "--from-scratch", "static", "--out", tmp_path / "o")
    assert done.status == 130
    assert done.err.endswith(
        "interrupted; what was finished is kept, the same command with --resume goes on from there\n"
    )
