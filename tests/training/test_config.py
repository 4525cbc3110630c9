"""The configuration: command line and TOML say the same, and what does not fit together is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.config import TrainConfig, config_from, read_toml, replacing
from beir_hybrid.training.models import PAPER_PROMPTS

SCRATCH: dict[str, Any] = {"groups": "g.jsonl", "out": "o", "from_scratch": "static"}
MODEL: dict[str, Any] = {"groups": "g.jsonl", "out": "o", "model": "m"}


def test_dashes_underscores_and_commas() -> None:
    """A TOML key may be written as the option is, and a list as one text with commas."""
    one = config_from({**MODEL, "batch-size": 16, "languages": ["de", "en"], "matryoshka": [8, 16]})
    other = config_from({**MODEL, "batch_size": "16", "languages": "de, en", "matryoshka": "8,16"})
    assert one == other
    assert (one.batch_size, one.languages, one.matryoshka) == (16, ("de", "en"), (8, 16))


def test_the_round_trip_through_toml(tmp_path: Path) -> None:
    """What is saved with a model repeats its training: texts, numbers, lists and special characters survive."""
    config = config_from(
        {
            **SCRATCH, "groups": 'a "quoted" \\ pa\x7fth\n\t日本', "alpha": 0.25, "learning_rate": 1e-12,
            "languages": ["de", "zh"], "gather": True, "steps": 3, "query_prompt": "", "language_weights": 2,
        }
    )  # fmt: skip
    (tmp_path / "train.toml").write_text(config.to_toml(), encoding="utf-8")
    assert config_from(read_toml(tmp_path / "train.toml")) == config
    assert tomllib.loads(config.to_toml())["alpha"] == 0.25


def test_a_home_folder_is_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell sees a configuration file: its tilde is no folder named ``~`` beside it, and that of a prompt stays."""
    monkeypatch.setenv("HOME", "/home/one")
    config = config_from({**MODEL, "out": "~/model", "pretrain_text": ["~/a.txt", "b.txt"], "query_prompt": "~/"})
    assert (config.out, config.pretrain_text, config.query_prompt) == (
        "/home/one/model", ("/home/one/a.txt", "b.txt"), "~/",
    )  # fmt: skip


def test_the_paper_is_the_default() -> None:
    """Alpha 0.5, batches of 100, weight decay 0.01 and the prompts come from arXiv 2408.10536."""
    config = TrainConfig(**MODEL)
    assert (config.start_alpha, config.batch_size, config.weight_decay) == (0.5, 100, 0.01)
    assert PAPER_PROMPTS == {"query": "Query: ", "passage": "Passage: "}
    assert [TrainConfig(**MODEL, sampling=kind).start_alpha for kind in ("mono", "cross", "hybrid")] == [1, 0, 0.5]


def test_settings_of_an_arm_take_the_place_of_common_ones() -> None:
    """What would have no effect beside an arm's own settings goes with what they replace."""
    common = {"model": "m", "alpha": 0.3, "pairing": "batch"}
    assert replacing(common, {"sampling": "mono"}) == {"model": "m", "sampling": "mono"}
    assert replacing(common, {"alpha": 1.0}) == {"model": "m", "alpha": 1.0}
    assert replacing(common, {"alpha": 0.9})["pairing"] == "batch"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**MODEL, "batchsize": 8}, "unknown key 'batchsize'; did you mean 'batch_size'"),
        ({**MODEL, "steps": "many"}, "steps is 'many'; expected a number"),
        ({**MODEL, "steps": 1.5}, "steps is 1.5; expected a value of type int"),
        ({**MODEL, "steps": True}, "steps is True; expected a value of type int"),
        ({**MODEL, "gather": "yes"}, "gather is 'yes'; expected a value of type bool"),
        ({**MODEL, "languages": [["de"]]}, "languages is ['de']; expected a value of type str"),
        ({**MODEL, "pairing": "rows"}, "pairing is 'rows'; did you mean 'row'"),
        ({**MODEL, "alpha": 1.5}, "--alpha is 1.5; expected a number in [0, 1]"),
        ({**MODEL, "alpha": float("nan")}, "--alpha is nan; expected a number in [0, 1]"),
        ({**MODEL, "batch_size": 1}, "--batch-size is 1; expected a number at least 2"),
        ({**MODEL, "seed": -1}, "--seed is -1"),
        ({**MODEL, "max_seq_length": 0}, "--max-seq-length is 0"),
        ({**MODEL, "negatives": -1}, "--negatives is -1"),
        ({**MODEL, "pretrain_learning_rate": -1.0}, "--pretrain-learning-rate is -1.0"),
        ({**MODEL, "matryoshka": [16, 0]}, "--matryoshka is 0; expected a number at least 1"),
        ({**MODEL, "languages": ["de", "de"]}, "--languages names 'de' twice"),
        ({**MODEL, "language_weights": "even"}, "--language-weights"),
        ({**MODEL, "language_weights": 0}, "--language-weights"),
        ({"out": "o", "model": "m"}, "no training groups were given"),
        ({"groups": "g", "model": "m"}, "no output folder was given"),
        ({"groups": "g", "out": "o"}, "expected one of --model NAME_OR_PATH and --from-scratch"),
        ({**MODEL, "from_scratch": "static"}, "expected one of --model NAME_OR_PATH and --from-scratch"),
        ({**MODEL, "steps": 1, "epochs": 1}, "expected one of --steps and --epochs"),
        ({**MODEL, "sampling": "mono", "alpha": 1}, "expected one of --sampling and --alpha"),
        ({**MODEL, "alpha_end": 0.5}, "--alpha-schedule linear|cosine and --alpha-end go together"),
        ({**MODEL, "alpha_schedule": "linear"}, "--alpha-schedule linear|cosine and --alpha-end go together"),
        *(
            ({**MODEL, **mono, "pairing": "batch"}, "--pairing batch has no effect: with alpha 1")
            for mono in ({"sampling": "mono"}, {"alpha": 1})
        ),
        ({**MODEL, "alpha_schedule": "linear", "alpha_end": 0.5}, "--alpha-end 0.5 has no effect: alpha begins there"),
        ({**MODEL, "lora": 4, "freeze_embeddings": True}, "--freeze-embeddings has no effect with --lora"),
        ({**MODEL, "lora": 4, "cut_vocabulary": True}, "--cut-vocabulary has no effect with --lora"),
        ({**MODEL, "best": "multi-map"}, "best is 'multi-map'; did you mean 'multi_map'"),
        ({**MODEL, "code_switch": 0.5}, "--code-switch needs --lexicon"),
        ({**MODEL, "lexicon": "l"}, "--lexicon needs --code-switch"),
        ({**MODEL, "on_leak": "drop"}, "--on-leak drop needs --leak-check"),
        ({**MODEL, "tokenizer": "t"}, "--tokenizer needs --from-scratch"),
        *(({**MODEL, name: 640}, f"--{name} needs --from-scratch") for name in ("vocabulary", "width", "layers")),
        ({**SCRATCH, "tokenizer": "t", "vocabulary": 500}, "--vocabulary has no effect with --tokenizer"),
        ({**SCRATCH, "layers": 4}, "--layers needs a transformer; a static model has no layers"),
        ({**MODEL, "pretrain_steps": 1000}, "--pretrain-steps needs --pretrain-text"),
        ({**MODEL, "pretrain_learning_rate": 1e-4}, "--pretrain-learning-rate needs --pretrain-text"),
        ({**MODEL, "data_dir": "d"}, "--data-dir needs --leak-check"),
        ({**SCRATCH, "pretrain_text": ["t"]}, "--pretrain-text needs a transformer"),
        ({**SCRATCH, "mini_batch_size": 8}, "--mini-batch-size needs a transformer"),
        ({**SCRATCH, "max_seq_length": 8}, "--max-seq-length needs a transformer"),
        ({**SCRATCH, "precision": "fp16"}, "--precision fp16 needs a transformer"),
        ({**SCRATCH, "from_scratch": "transformer", "width": 100}, "--width is 100; expected a multiple of 64"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    """An unknown key, a value of the wrong type or range, and options that exclude each other: one line each."""
    with pytest.raises(TrainingError) as caught:
        config_from(values)
    assert message in str(caught.value)


def test_broken_toml_is_named_by_its_place(tmp_path: Path) -> None:
    """A file that is no TOML, or none at all, is named with the line where that can be known."""
    file = tmp_path / "train.toml"
    file.write_text('groups = "g"\nsteps = = 3\n')
    with pytest.raises(TrainingError, match=r"train.toml:2: not valid TOML: "):
        read_toml(file)
    with pytest.raises(TrainingError, match=r"nowhere.toml does not exist"):
        read_toml(tmp_path / "nowhere.toml")
    with pytest.raises(TrainingError, match=r"cannot be read"):
        read_toml(tmp_path)
