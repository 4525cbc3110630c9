"""Small trainings on the sample's training part, shared by the tests."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.training.config import TrainConfig

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two shared cores: spinning threads starve the others

Configure = Callable[..., TrainConfig]


def write_groups(path: Path, groups: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(group, ensure_ascii=False) + "\n" for group in groups), encoding="utf-8")
    return path


def weights(folder: Path) -> dict[str, Any]:
    """All tensors of a saved model."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    """Whether two saved models are equal to the last bit."""
    import torch

    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def without_dropout(folder: Path, copy: Path) -> Path:
    """The same model without the noise of dropout."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def groups_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's 66 training groups, 11 of them with split dev."""
    groups = [{**group, "split": "train" if i % 6 else "dev"} for i, group in enumerate(sample_groups())]
    return write_groups(tmp_path_factory.mktemp("groups") / "groups.jsonl", groups)


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 600 tokens, so that not every training trains its own."""
    from beir_hybrid.training.scratch import train_tokenizer

    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    texts = (text for group in sample_groups() for side in ("query", "passage") for text in group[side].values())
    train_tokenizer(texts, 600).save(str(path))
    return path


@pytest.fixture(scope="session")
def configure(groups_file: Path, tokenizer_file: Path) -> Configure:
    """A small configuration, changed as asked for."""

    def build(out: Path, kind: str = "static", **changes: Any) -> TrainConfig:
        values: dict[str, Any] = {
            "groups": str(groups_file), "out": str(out), "from_scratch": kind, "tokenizer": str(tokenizer_file),
            "steps": 6, "batch_size": 8, "evaluate_every": 3, "seed": 1, "width": 32,
        }  # fmt: skip
        if kind == "transformer":
            values |= {"width": 64, "layers": 1, "max_seq_length": 16}
        values |= changes
        if values.get("model"):
            values |= {"from_scratch": None, "tokenizer": None, "width": None, "layers": None}
        return TrainConfig(**{name: value for name, value in values.items() if value is not None})

    return build


@pytest.fixture(scope="session")
def trained(configure: Configure, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a finished training of a kind, static or transformer."""
    from beir_hybrid.training.train import train

    done: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in done:
            out = tmp_path_factory.mktemp(kind) / "model"
            train(configure(out, kind))
            done[kind] = out
        return done[kind]

    return get


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """Makes the loss of a training batch fail, as Ctrl-C would, when so many have been computed."""
    import torch

    from st_hybrid_batch import MaskedMultipleNegativesRankingLoss

    whole = MaskedMultipleNegativesRankingLoss.forward

    def after(batches: int) -> Any:
        seen = 0

        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            if torch.is_grad_enabled():
                seen += 1
                if seen > batches:
                    raise KeyboardInterrupt
            return whole(self, *args, **kwargs)

        monkeypatch.setattr(MaskedMultipleNegativesRankingLoss, "forward", forward)
        return lambda: monkeypatch.setattr(MaskedMultipleNegativesRankingLoss, "forward", whole)

    return after


@pytest.fixture
def changed() -> Callable[..., TrainConfig]:
    """A configuration with some settings replaced."""
    return lambda config, **changes: dataclasses.replace(config, **changes)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
