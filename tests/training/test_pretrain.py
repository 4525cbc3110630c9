"""Masked-language modelling before the hybrid batches."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import beir_hybrid.progress
from beir_hybrid.errors import TrainingError
from beir_hybrid.training.pretrain import read_pretraining_text
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """A toy text whose words are easy to guess."""
    path = tmp_path / "text.txt"
    path.write_text("bread and water and salt\n\nwater and salt and bread\nsalt and bread and water\n" * 9)
    return path


def losses(text: str) -> list[float]:
    return [
        float(line.rpartition("loss ")[2])
        for line in text.splitlines()
        if line.startswith("pretraining") and "loss" in line
    ]


def test_pretraining_learns_and_goes_on(
    configure: Configure,
    trained: Callable[[str], Path],
    text_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loss of masked tokens falls; interrupted within an epoch, the same weights come of it; the model changes."""
    from transformers import Trainer

    monkeypatch.setattr("beir_hybrid.progress.EVERY", 0.0)  # every line, not one in half a minute
    options: dict[str, Any] = {
        "pretrain_text": (str(text_file),), "pretrain_steps": 30, "pretrain_learning_rate": 5e-3,
    }  # fmt: skip
    train(configure(tmp_path / "whole", "transformer", **options))
    falling = losses(capsys.readouterr().err)
    assert len(falling) >= 10
    assert falling[-1] < falling[0] - 1
    assert not same_weights(tmp_path / "whole", trained("transformer"))

    whole, seen = Trainer.training_step, 0

    def stopping(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 18:  # the checkpoint before is within an epoch
            raise KeyboardInterrupt
        return whole(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "training_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(configure(tmp_path / "o", "transformer", **options))
    assert not beir_hybrid.progress._open  # nothing that the next command's lines would be hidden by
    with pytest.raises(TrainingError, match="another training: scale was"):
        train(configure(tmp_path / "o", "transformer", **options, scale=1.0))
    capsys.readouterr()
    train(configure(tmp_path / "o", "transformer", **options), resume=True)
    assert len(losses(capsys.readouterr().err)) < len(falling)
    assert same_weights(tmp_path / "o", tmp_path / "whole")


def test_models_that_are_saved_whole(
    configure: Configure, trained: Callable[[str], Path], text_file: Path, tmp_path: Path
) -> None:
    """A sentence-transformers folder keeps what comes after its transformer; a static one is refused."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    base = SentenceTransformer(str(trained("transformer")), device="cpu")
    pooling = Pooling(64, pooling_mode="cls")
    SentenceTransformer(modules=[base[0], pooling, Normalize()], device="cpu").save(str(tmp_path / "cls"))
    options: dict[str, Any] = {"pretrain_text": (str(text_file),), "pretrain_steps": 3}
    train(configure(tmp_path / "o", "transformer", model=str(tmp_path / "cls"), **options))
    model = SentenceTransformer(str(tmp_path / "o"), device="cpu")
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling", "Normalize"]
    assert model[1].get_config_dict()["pooling_mode"] == "cls"
    with pytest.raises(TrainingError, match=r"--pretrain-text needs a transformer; a static model has no context"):
        train(configure(tmp_path / "static", model=str(trained("static")), **options))
    # nothing worth keeping was begun there
    train(configure(tmp_path / "static", model=str(trained("static"))))


def test_pretraining_trains_what_the_settings_leave_to_train(
    configure: Configure, trained: Callable[[str], Path], text_file: Path, tmp_path: Path
) -> None:
    """--cut-vocabulary moves the tokens of the pretraining text alone, weight decay or not, --freeze-embeddings none,
    and --keep-layers pretrains the layers that are kept; a cut pretraining goes on from its checkpoint."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from beir_hybrid.training.pretrain import pretrain

    base = trained("transformer")
    options: dict[str, Any] = {"pretrain_text": (str(text_file),), "pretrain_steps": 4, "pretrain_learning_rate": 0.01}
    config = configure(tmp_path / "o", "transformer", model=str(base), keep_layers=1, **options)
    texts = [line for line in text_file.read_text(encoding="utf-8").splitlines() if line]
    found = {}
    for name, change in (("cut", {"cut_vocabulary": True}), ("frozen", {"freeze_embeddings": True}), ("whole", {})):
        changed = dataclasses.replace(config, **change)
        pretrain(str(base), texts, tmp_path / name, tmp_path / f"{name}-work", changed, 16)
        found[name] = AutoModelForMaskedLM.from_pretrained(tmp_path / name).get_input_embeddings().weight
    before = AutoModelForMaskedLM.from_pretrained(base).get_input_embeddings().weight
    moved = {name: set((weight != before).any(dim=1).nonzero().flatten().tolist()) for name, weight in found.items()}
    tokenizer = AutoTokenizer.from_pretrained(base)
    in_use = {*tokenizer.all_special_ids}.union(*tokenizer(texts)["input_ids"])
    assert moved["cut"] <= in_use and len(moved["cut"]) > 5
    assert not moved["frozen"] and len(moved["whole"]) == len(before)
    shutil.rmtree(tmp_path / "cut-work" / "checkpoint-4")
    shutil.rmtree(tmp_path / "cut")
    pretrain(
        str(base), texts, tmp_path / "cut", tmp_path / "cut-work", dataclasses.replace(config, cut_vocabulary=True), 16
    )
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "cut").get_input_embeddings().weight.equal(found["cut"])


def test_only_masked_tokens_are_scored(trained: Callable[[str], Path]) -> None:
    """The loss is the one over all tokens' scores; the scores are of the masked ones."""
    import torch
    from transformers import AutoModelForMaskedLM

    from beir_hybrid.training.pretrain import _score_masked_tokens_only

    model = AutoModelForMaskedLM.from_pretrained(trained("transformer")).eval()
    ids = torch.tensor([[2, 7, 8, 3], [2, 9, 3, 0]])
    labels = torch.tensor([[-100, 7, 11, -100], [-100, 9, -100, -100]])
    attention = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    whole = model(input_ids=ids, attention_mask=attention, labels=labels)
    _score_masked_tokens_only(model)
    part = model(input_ids=ids, attention_mask=attention, labels=labels)
    assert part.loss.item() == pytest.approx(whole.loss.item(), rel=1e-6)
    assert part.logits[0].allclose(whole.logits[labels != -100], atol=1e-6)


def test_texts(tmp_path: Path) -> None:
    """A line is a text; a file that cannot be read, or holds none, is named."""
    (tmp_path / "a.txt").write_text("one\n\n two \n", encoding="utf-8")
    read = [(line.text, line.where) for line in read_pretraining_text([str(tmp_path / "a.txt")])]
    assert read == [("one", f"{tmp_path / 'a.txt'}:1"), ("two", f"{tmp_path / 'a.txt'}:3")]
    (tmp_path / "b.txt").write_text(" \n")
    with pytest.raises(TrainingError, match=r"b.txt: no line of text"):
        list(read_pretraining_text([str(tmp_path / "b.txt")]))
    with pytest.raises(TrainingError, match=r"c.txt: cannot be read"):
        list(read_pretraining_text([str(tmp_path / "c.txt")]))
