"""Each option of a training is seen in what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights, weights

pytestmark = [pytest.mark.train, pytest.mark.slow]

EMBEDDINGS = "embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("query_prompt", "Suche: "),
        ("passage_prompt", "Absatz: "),
        ("scale", 5.0),
        ("weight_decay", 0.9),
        ("learning_rate", 0.02),
        ("warmup", 0.9),
        ("loss", "plain"),
        ("pairing", "batch"),
        ("language_weights", "0.2"),
        ("matryoshka", (8,)),
    ],
)
def test_an_option_changes_the_weights(
    configure: Configure,
    trained: Callable[[str], Path],
    groups_with_few_thai: Path,
    tmp_path: Path,
    option: str,
    value: Any,
) -> None:
    """Another value is another model: none is read and then forgotten."""
    changes: dict[str, Any] = {option: value}
    before = trained("static")
    if option in ("language_weights", "loss"):  # they need data in which they matter
        data = {"groups": str(groups_with_few_thai), "sampling": "cross"}
        changes |= data
        before = tmp_path / "before"
        train(configure(before, **data))
    train(configure(tmp_path / "after", **changes))
    assert not same_weights(before, tmp_path / "after")


@pytest.fixture
def groups_with_few_thai(groups_file: Path, tmp_path: Path) -> Path:
    """Thai in a third of the groups; each group's hard negative is the next one's passage."""
    groups = [json.loads(line) for line in groups_file.read_text(encoding="utf-8").splitlines()]
    passages = [dict(group["passage"]) for group in groups]
    for number, group in enumerate(groups):
        group["negatives"] = {lang: [text] for lang, text in passages[(number + 1) % len(groups)].items()}
        if number % 3:
            del group["query"]["th"], group["passage"]["th"]
    path = tmp_path / "few_thai.jsonl"
    path.write_text("".join(json.dumps(group) + "\n" for group in groups), encoding="utf-8")
    return path


def test_half_precision_is_nearly_the_same_training(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """bfloat16 changes the last digits of the weights, and no more."""
    import torch

    train(configure(tmp_path / "half", "transformer", precision="bf16"))
    assert not same_weights(tmp_path / "half", trained("transformer"))
    half, single = weights(tmp_path / "half"), weights(trained("transformer"))
    assert all(torch.allclose(half[name], single[name], atol=0.01) for name in single)


def test_a_model_keeps_its_prompts(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """Its own ones are trained with and saved, under all their names, unless others are given; none stays none."""
    from sentence_transformers import SentenceTransformer

    base = SentenceTransformer(str(trained("transformer")), device="cpu")
    odd = "Absatz |\n`: "
    prompts = {"query": "Frage: ", "document": "", "passage": odd}
    base.prompts = prompts
    base.save(str(tmp_path / "own"))
    base.prompts = {}
    base.save(str(tmp_path / "none"))
    saved = {}
    for name, changes in (
        ("own", {}),
        ("none", {}),
        ("given", {"query_prompt": "Frage: ", "passage_prompt": odd}),
        ("cleared", {"query_prompt": "", "passage_prompt": ""}),
    ):
        out = tmp_path / f"trained-{name}"
        train(configure(out, "transformer", model=str(tmp_path / ("none" if name == "none" else "own")), **changes))
        saved[name] = json.loads((out / "config_sentence_transformers.json").read_text(encoding="utf-8"))["prompts"]
    assert saved["own"] == prompts
    assert saved["none"] == saved["cleared"] == {"query": "", "document": ""}
    assert saved["given"] == {"query": "Frage: ", "document": odd}
    card = (tmp_path / "trained-given" / "README.md").read_text(encoding="utf-8")
    assert "\n| prompt of a passage | `` Absatz \\|\\n`:  `` |\n" in card
    assert same_weights(tmp_path / "trained-own", tmp_path / "trained-given")
    assert same_weights(tmp_path / "trained-none", tmp_path / "trained-cleared")
    assert not same_weights(tmp_path / "trained-own", tmp_path / "trained-none")


def test_frozen_embeddings_stand_still(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """--freeze-embeddings trains everything but the word embeddings."""
    base = trained("transformer")
    train(configure(tmp_path / "o", "transformer", model=str(base), freeze_embeddings=True))
    before, after = weights(base), weights(tmp_path / "o")
    assert before[EMBEDDINGS].equal(after[EMBEDDINGS])
    assert not before["encoder.layer.0.output.dense.weight"].equal(after["encoder.layer.0.output.dense.weight"])


def test_the_first_layers_can_be_kept_alone(configure: Configure, tmp_path: Path) -> None:
    """--keep-layers starts with the first layers as they are and saves a model of so many; more are refused.
    A cut vocabulary gives back all tokens and no layer."""
    from sentence_transformers import SentenceTransformer

    train(configure(tmp_path / "base", "transformer", layers=2, steps=1))
    base = str(tmp_path / "base")
    options: dict[str, Any] = {"model": base, "keep_layers": 1, "steps": 1, "learning_rate": 1e-12, "weight_decay": 0.0}
    for name, more in (("o", {}), ("cut", {"cut_vocabulary": True})):
        train(configure(tmp_path / name, "transformer", **options, **more))
        kept = SentenceTransformer(str(tmp_path / name), device="cpu")[0].auto_model
        assert (len(kept.encoder.layer), kept.config.num_hidden_layers) == (1, 1)
        assert kept.get_input_embeddings().num_embeddings == len(weights(tmp_path / "base")[EMBEDDINGS])
        first = "encoder.layer.0.output.dense.weight"
        assert weights(tmp_path / name)[first].allclose(weights(tmp_path / "base")[first], atol=1e-6)
    with pytest.raises(TrainingError, match=r"--max-seq-length 513: BertModel has positions for 512 tokens"):
        train(configure(tmp_path / "x", "transformer", **{**options, "max_seq_length": 513}))
    with pytest.raises(TrainingError, match=r"--keep-layers 3: \w+ has 2 layers to keep some of"):
        train(configure(tmp_path / "x", "transformer", **{**options, "keep_layers": 3}))


def test_adapters_are_merged(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """--lora changes the linear layers by matrices of its rank, nothing else, and leaves an ordinary model."""
    import torch

    pytest.importorskip("peft")
    base = trained("transformer")
    train(configure(tmp_path / "o", "transformer", model=str(base), lora=2))
    before, after = weights(base), weights(tmp_path / "o")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    for name in moved:
        assert name.endswith("dense.weight") or ".attention.self." in name
        assert int(torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3)) <= 2


def test_a_new_head_is_trained_beside_adapters(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """--lora leaves the head of a cross encoder, drawn when it was made of a bare encoder, not as it was drawn; what is
    saved is the best checkpoint, head and all."""
    import torch
    from sentence_transformers import CrossEncoder

    pytest.importorskip("peft")
    base = tmp_path / "base"
    CrossEncoder(str(trained("transformer")), device="cpu", num_labels=1).save(str(base))
    options: dict[str, Any] = {"model": str(base), "lora": 2, "learning_rate": 0.01, "dev_limit": 1}
    summary = train(configure(tmp_path / "o", "transformer", **options))
    before, after = weights(base), weights(tmp_path / "o")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"classifier.weight", "classifier.bias"} < moved
    # measured again, the saved model is what was measured
    again = train(
        configure(tmp_path / "again", "transformer", **{**options, "model": str(tmp_path / "o"), "wise_ft": 0.0})
    )
    assert again.validation["loss"] == pytest.approx(summary.validation["loss"], abs=1e-4)


def test_weights_between_start_and_end(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """--wise-ft 0.25 is a quarter of the way from the start to the end, and is measured there."""
    import torch

    base = trained("transformer")
    whole = train(configure(tmp_path / "whole", "transformer", model=str(base), learning_rate=0.01))
    part = train(configure(tmp_path / "part", "transformer", model=str(base), learning_rate=0.01, wise_ft=0.25))
    start, end, between = weights(base), weights(tmp_path / "whole"), weights(tmp_path / "part")
    assert all(torch.allclose(between[name], start[name].lerp(end[name], 0.25), atol=1e-6) for name in start)
    assert part.validation["loss"] != whole.validation["loss"]


def test_what_needs_a_transformer(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """A static model, new or given, is refused what means nothing for it."""
    for option in ({"lora": 4}, {"freeze_embeddings": True}, {"mini_batch_size": 4}, {"precision": "fp16"}):
        name = f"--{next(iter(option)).replace('_', '-')}"
        with pytest.raises(TrainingError, match=f"{name}.* needs a transformer"):
            configure(tmp_path / "o", **option)
        with pytest.raises(TrainingError, match=f"{name}.* needs a transformer"):
            train(configure(tmp_path / "o", model=str(trained("static")), **option))


def test_adapters_by_language_are_refused(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """X-MOD would send every language through the adapters of one without a word."""
    from transformers import AutoTokenizer, XmodConfig, XmodModel

    tokenizer = AutoTokenizer.from_pretrained(trained("transformer"))
    tokenizer.save_pretrained(tmp_path / "xmod")
    languages = {"languages": ["de_DE", "en_XX"], "default_language": "en_XX"}
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    XmodModel(XmodConfig(vocab_size=len(tokenizer), **sizes, **languages)).save_pretrained(tmp_path / "xmod")
    with pytest.raises(TrainingError, match="is an XmodModel, which wants the language of every text"):
        train(configure(tmp_path / "o", "transformer", model=str(tmp_path / "xmod")))


def test_a_batch_is_what_it_says_on_several_gpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The trainer's own DataParallel would make 16 rows of 8: one process keeps to one device and says so."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    from beir_hybrid.training.trainer import one_device

    arguments = SentenceTransformerTrainingArguments(str(tmp_path), per_device_train_batch_size=8, use_cpu=True)
    assert arguments.n_gpu <= 1  # asked, so that it is set up
    arguments._n_gpu = 2
    one_device(arguments)
    assert (arguments.train_batch_size, arguments.n_gpu) == (8, 1)
    assert "torchrun --nproc-per-node 2 -m beir_hybrid train" in capsys.readouterr().err
