"""Whole trainings on the sample, in this process: what they write, and what their options do."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.config import config_from, read_toml
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, same_weights, weights, write_groups
from tests.training.helpers import fresh

pytestmark = [pytest.mark.train, pytest.mark.slow]


def log_of(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / "train_log.json").read_text(encoding="utf-8"))


def settings_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "hybrid_batches.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_the_folder_is_an_ordinary_model(trained: Callable[[str], Path], configure: Configure, kind: str) -> None:
    """It loads with sentence-transformers, with prompts, a model card that has the sampler, and no leftovers."""
    from huggingface_hub import ModelCard
    from sentence_transformers import SentenceTransformer

    out = trained(kind)
    model = SentenceTransformer(str(out), device="cpu")
    assert model.encode(["Brot"], prompt_name="query").shape == (1, 32 if kind == "static" else 64)
    assert model.prompts == {"query": "Query: ", "document": "Passage: "}
    assert model.max_seq_length == (float("inf") if kind == "static" else 16)
    assert 'HybridBatchSampler {"alpha": 0.5' in (out / "README.md").read_text(encoding="utf-8")
    card = (out / "README.md").read_text(encoding="utf-8")
    for line in (
        "- de\n", "| languages | ar de el en es hi ru th tr vi zh |", "| alpha, share of monolingual batches | 0.5 |",
        "| prompt of a query | `Query: ` |", "| digest of the train data | `", "| dev_multi_map | 0.",
    ):  # fmt: skip
        assert line in card
    measured = ModelCard(card).data.eval_results  # as the Hub reads it
    assert {(each.dataset_config, each.metric_name) for each in measured} >= {("validation", "dev_multi_map")}
    assert settings_of(out)["world_size"] == 1
    assert not (out / "work").exists()
    assert config_from(read_toml(out / "train.toml")) == configure(out, kind)
    summary = json.loads((out / "train_summary.json").read_text())
    assert (summary["steps"], summary["pairs"], summary["groups"], len(summary["languages"])) == (6, 48, 55, 11)
    assert set(summary["validation"]) == {
        "loss", "dev_mono_map", "dev_cross_map", "dev_multi_map", "dev_rank_distance",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_a_seed_is_a_model(trained: Callable[[str], Path], configure: Configure, tmp_path: Path, kind: str) -> None:
    """The saved configuration repeats a training to the last bit; another seed is another model."""
    config = config_from({**read_toml(trained(kind) / "train.toml"), "out": str(tmp_path / "again")})
    train(config)
    assert same_weights(trained(kind), tmp_path / "again")
    train(configure(tmp_path / "other", kind, seed=2))
    assert not same_weights(trained(kind), tmp_path / "other")


def test_a_training_leaves_the_libraries_as_they_were(configure: Configure, tmp_path: Path) -> None:
    """What it silences, in a notebook say, it silences for itself."""
    import datasets
    import transformers

    plugin, models = (logging.getLogger(name) for name in ("st_hybrid_batch", "sentence_transformers"))

    def ours() -> bool:
        return any("accelerate" in str(module) for *_, module, _ in warnings.filters)

    def state() -> list[Any]:
        reports = transformers.utils.logging
        return [reports.get_verbosity(), reports.is_progress_bar_enabled(), datasets.is_progress_bar_enabled(),
                plugin.propagate, list(plugin.handlers), models.level, ours()]  # fmt: skip

    before = state()
    assert before[3:] == [True, [], 0, False]
    train(configure(tmp_path / "o", steps=1))
    assert state() == before


def test_done_is_done(trained: Callable[[str], Path], configure: Configure) -> None:
    """The same training is not repeated, and what one left that was killed at the very end is removed; another one is
    refused naming what differs."""
    out = trained("static")
    (out / "work" / "checkpoints").mkdir(parents=True)
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert train(configure(out)).steps == 6
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    assert not (out / "work").exists()
    with pytest.raises(TrainingError, match=r"another training: scale was 20.0 and is now 5.0; choose another"):
        train(configure(out, scale=5.0))


@pytest.mark.parametrize("kind", ["mono", "cross", "hybrid"])
def test_sampling_is_alpha(configure: Configure, tmp_path: Path, kind: str) -> None:
    """--sampling names an alpha: the same batches, and only losses of the kinds that occur."""
    alpha = {"mono": 1.0, "cross": 0.0, "hybrid": 0.5}[kind]
    train(configure(tmp_path / "named", sampling=kind))
    train(configure(tmp_path / "number", alpha=alpha))
    assert settings_of(tmp_path / "named") == settings_of(tmp_path / "number")
    assert settings_of(tmp_path / "named")["alpha"] == alpha
    assert same_weights(tmp_path / "named", tmp_path / "number")
    kinds = {key for entry in log_of(tmp_path / "named") for key in entry if key.startswith("loss_")}
    assert kinds == {"mono": {"loss_mono"}, "cross": {"loss_cross"}, "hybrid": {"loss_mono", "loss_cross"}}[kind]


def test_options_of_the_batches(configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Languages, their weights, pairing and a schedule of alpha reach the sampler; losses are shown by kind."""
    summary = train(
        configure(
            tmp_path / "o", languages=("de", "en", "th"), language_weights="2", pairing="batch", alpha=1.0,
            alpha_end=0.0, alpha_schedule="cosine", epochs=2.0, steps=None,
        )
    )  # fmt: skip
    settings = settings_of(tmp_path / "o")
    assert settings["trained_languages"] == summary.languages == ["de", "en", "th"]
    assert (settings["languages"], settings["pairing"]) == (2.0, "batch")
    assert settings["alpha"] == {"schedule": "cosine", "start": 1.0, "end": 0.0, "epochs": 2.0}
    assert summary.steps == 12
    captured = capsys.readouterr()
    assert captured.out == ""
    told = captured.err.splitlines()
    assert told[0].startswith(f"preparing {tmp_path / 'o'}")
    assert "training: 12 steps" in told
    # a line for every validation; no other library says anything
    assert [line.split(":")[0] for line in told[2:]] == [f"step {n}" for n in (3, 6, 9, 12)]
    assert all("validation loss" in line and "dev_rank_distance" in line for line in told[2:])


def test_without_validation_and_with_its_own_file(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """Without dev groups the last weights are saved; --dev-groups may be a file of its own."""
    groups = [json.loads(line) for line in groups_file.read_text().splitlines()]
    for group in groups:
        del group["split"]
    some = write_groups(tmp_path / "some.jsonl", groups[:40])
    rest = write_groups(tmp_path / "rest.jsonl", groups[40:])
    summary = train(configure(tmp_path / "without", groups=str(some)))
    assert (summary.best_step, summary.validation, summary.groups) == (None, {}, 40)
    summary = train(configure(tmp_path / "with", groups=str(some), dev_groups=str(rest), evaluate_every=100))
    assert (summary.best_step, summary.best_metric) == (6, "loss")
    assert same_weights(tmp_path / "without", tmp_path / "with")
    groups[3]["split"] = "train"
    with pytest.raises(TrainingError, match=r"mixed.jsonl:1: a group without a split, though others have one"):
        train(configure(tmp_path / "mixed", groups=str(write_groups(tmp_path / "mixed.jsonl", groups))))


@pytest.mark.parametrize(("best", "better"), [("loss", min), ("rank_distance", min), ("multi_map", max)])
def test_the_best_checkpoint_is_saved(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: str, better: Callable[..., float]
) -> None:
    """The model that is saved is the checkpoint with the best value; the training stops when none comes for long."""
    import beir_hybrid.training.folder as module

    kept = tmp_path / "kept"

    def removed(path: Path, **_: Any) -> None:
        if path.name == "work" and path.exists():
            shutil.copytree(path, kept)

    monkeypatch.setattr(module, "shutil", SimpleNamespace(rmtree=removed))
    summary = train(
        configure(tmp_path / "o", best=best, steps=12, evaluate_every=2, patience=2, learning_rate=0.3)
    )  # fmt: skip
    key = "eval_loss" if best == "loss" else f"eval_dev_{best}"
    values = {entry["step"]: entry[key] for entry in log_of(tmp_path / "o") if key in entry}
    assert summary.best_value == better(values.values()) == values[summary.best_step]
    assert summary.validation[key.removeprefix("eval_")] == summary.best_value
    assert same_weights(tmp_path / "o", kept / "checkpoints" / f"checkpoint-{summary.best_step}")
    assert summary.steps in (12, (summary.best_step or 0) + 4)


def test_accumulation_sees_as_many_pairs(configure: Configure, tmp_path: Path) -> None:
    """2 x 8 rows a step are as many pairs as 16; the batch that is left at an epoch's end is counted as one."""
    one = train(configure(tmp_path / "b", batch_size=16, steps=3))
    two = train(configure(tmp_path / "c", batch_size=8, gradient_accumulation=2, steps=3))
    assert one.pairs == two.pairs == 48
    # 55 groups are 6 batches of 8: an epoch is 4 + 2 batches in 2 steps
    assert train(configure(tmp_path / "d", gradient_accumulation=4, steps=None, epochs=1.0)).pairs == 48


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("static", {"precision": "bf16"}),
        ("transformer", {"precision": "bf16", "mini_batch_size": 4}),
        ("static", {"matryoshka": (8, 16)}),
        ("static", {"loss": "plain", "gather": True, "workers": 1}),
        ("transformer", {"loss": "plain", "mini_batch_size": 4, "matryoshka": (32,)}),
    ],
)
def test_variants(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, changes: dict[str, Any]
) -> None:
    """Half precision, cached, plain, gathered and Matryoshka losses train, and log a loss of each kind."""
    summary = train(configure(tmp_path / "o", kind, **changes))
    assert summary.steps == 6
    assert summary.losses["loss"] > 0
    assert ("--gather has no effect: there is one process" in capsys.readouterr().err) == ("gather" in changes)


def test_a_cached_loss_is_the_same_loss(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradient caching changes memory, not the training: a part at a time, and nearly the same validation loss.
    --dev-limit is the number of groups that are ranked for the other measures."""
    from st_hybrid_batch import CachedMaskedMultipleNegativesRankingLoss, ParallelEvaluator

    rows, ranked = set(), set()
    calculate, begin = CachedMaskedMultipleNegativesRankingLoss.calculate_loss, ParallelEvaluator.__init__

    def spied(self: Any, reps: Any, *args: Any, **kwargs: Any) -> Any:
        rows.update(len(part) for column in reps for part in column)
        return calculate(self, reps, *args, **kwargs)

    def counted(self: Any, groups: Any, **kwargs: Any) -> None:
        ranked.add(kwargs["max_groups"])
        begin(self, groups, **kwargs)

    monkeypatch.setattr(CachedMaskedMultipleNegativesRankingLoss, "calculate_loss", spied)
    monkeypatch.setattr(ParallelEvaluator, "__init__", counted)
    summary = train(configure(tmp_path / "o", "transformer", mini_batch_size=4, dev_limit=5))
    assert rows == {4}
    assert ranked == {5}
    whole = json.loads((trained("transformer") / "train_summary.json").read_text())
    assert summary.validation["loss"] == pytest.approx(whole["validation"]["loss"], rel=0.05)


def test_a_static_model_is_trained_on(configure: Configure, trained: Callable[[str], Path], tmp_path: Path) -> None:
    """--model with a static folder is trained as a static model: its learning rate, sparse gradients, no cache."""
    out = trained("static")
    train(configure(tmp_path / "o", model=str(out)))
    assert not same_weights(out, tmp_path / "o")
    for changes, message in (
        ({"mini_batch_size": 4}, "--mini-batch-size needs a transformer"),
        ({"max_seq_length": 8}, "--max-seq-length needs a transformer"),
        ({"precision": "fp16"}, "--precision fp16 needs a transformer"),
    ):
        with pytest.raises(TrainingError, match=message):
            train(configure(tmp_path / "refused", model=str(out), **changes))


def test_hard_negatives(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """Hard negatives of the groups are trained on with the passage prompt; too few are named by their line."""
    groups = [json.loads(line) for line in groups_file.read_text().splitlines()]
    for group, other in zip(groups, groups[1:] + groups[:1], strict=True):
        group["negatives"] = {lang: [text] for lang, text in other["passage"].items()}
    file = write_groups(tmp_path / "hard.jsonl", groups)
    train(configure(tmp_path / "o", groups=str(file)))
    train(configure(tmp_path / "none", groups=str(file), negatives=0))
    assert not same_weights(tmp_path / "o", tmp_path / "none")
    del groups[1]["negatives"]["en"]
    write_groups(file, groups[1:])
    with pytest.raises(TrainingError, match=r"hard.jsonl:1: 0 hard negatives in 'en', expected 1.*give --negatives N"):
        train(configure(tmp_path / "few", groups=str(file)))


def test_code_switching(configure: Configure, tmp_path: Path) -> None:
    """A lexicon changes the training, workers do not; one that fits no training language is refused."""
    lexicon = tmp_path / "en-de.txt"
    words = ["what", "which", "how", "where", "the", "is", "a", "in", "of", "to", "when", "who", "many", "long"]
    lexicon.write_text("".join(f"{word} {word}en\n" for word in words))
    options: dict[str, Any] = {"languages": ("de", "en"), "lexicon": str(lexicon), "code_switch": 0.9}
    train(configure(tmp_path / "plain", languages=("de", "en")))
    train(configure(tmp_path / "switched", **options))
    train(configure(tmp_path / "workers", **options, workers=1))
    assert not same_weights(tmp_path / "plain", tmp_path / "switched")
    assert same_weights(tmp_path / "workers", tmp_path / "switched")
    with pytest.raises(TrainingError, match=r"translates from en, but the training is in de, th"):
        train(configure(tmp_path / "none", **{**options, "languages": ("de", "th")}))


def test_validation_in_some_of_the_languages(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """Validation groups that lack a language of the training, by nature or by --dev-limit, are used as they are."""
    groups = [json.loads(line) for line in groups_file.read_text(encoding="utf-8").splitlines()]
    dev = [group for group in groups if group["split"] == "dev"]
    for group in dev[:-1]:
        del group["query"]["th"], group["passage"]["th"]
    for group in dev:
        del group["query"]["vi"], group["passage"]["vi"]
    file = write_groups(tmp_path / "some.jsonl", groups)
    for languages in (None, ("de", "th", "vi")):
        out = tmp_path / f"o{len(languages or ())}"
        summary = train(configure(out, groups=str(file), dev_limit=1, languages=languages, best="mono_map"))
        assert summary.validation["dev_mono_map"] > 0
        assert "vi" in summary.languages and "th" in summary.languages


def test_what_is_prepared_is_said_before_the_libraries_are_loaded(tmp_path: Path) -> None:
    """They take seconds, on a busy machine half a minute; the first line does not wait for them."""
    code = (
        "import sys; sys.modules['accelerate'] = None; from beir_hybrid.cli import main; "
        "sys.exit(main(['train', '--groups', 'sample', '--from-scratch', 'static', '--out', sys.argv[1]]))"
    )
    done = fresh("-c", code, tmp_path / "o")
    first, *_, last = done.stderr.splitlines()
    assert first == f"preparing {tmp_path / 'o'}: reading sample"
    assert done.returncode == 1 and "accelerate" in last


def test_the_weights_are_finite(trained: Callable[[str], Path]) -> None:
    """No NaN has crept in."""
    assert all(tensor.isfinite().all() for tensor in weights(trained("transformer")).values())


def test_mmarco_and_squad_from_the_command_line(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """mMARCO's folder with its triples, and SQuAD-shaped files, are trained on as they are."""
    names = {"de": "german", "en": "english"}
    (tmp_path / "collections").mkdir()
    (tmp_path / "queries" / "train").mkdir(parents=True)
    for code, name in names.items():
        passages = "".join(f"{n}\tpassage {n} {code}\n" for n in range(40))
        (tmp_path / "collections" / f"{name}_collection.tsv").write_text(passages)
        queries = "".join(f"{n}\tquery {n} {code}\n" for n in range(20))
        (tmp_path / "queries" / "train" / f"{name}_queries.train.tsv").write_text(queries)
    triples = tmp_path / "triples.tsv"
    triples.write_text("".join(f"{n}\t{n}\t{n + 20}\n" for n in range(20)))
    with pytest.raises(TrainingError, match=r"is a folder; mMARCO's needs --pairs FILE"):
        train(configure(tmp_path / "o", groups=str(tmp_path)))
    out = tmp_path / "mmarco"
    summary = train(configure(out, groups=str(tmp_path), pairs=str(triples), negatives=1))
    assert (summary.groups, summary.languages) == (20, ["de", "en"])
    triples.write_text("".join(f"{n}\t{n}\t{39 - n}\n" for n in range(20)))
    with pytest.raises(TrainingError, match=r"holds another training: groups \(.*\) was "):
        train(configure(out, groups=str(tmp_path), pairs=str(triples), negatives=1))
    squad = {}
    for code in names:
        paragraphs = [
            {"context": f"context {n} {code}", "qas": [{"id": f"q{n}", "question": f"question {n} {code}"}]}
            for n in range(12)
        ]
        squad[code] = tmp_path / f"{code}.json"
        squad[code].write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    given = ",".join(f"{code}={path}" for code, path in squad.items())
    swapped = ",".join(f"{code}={squad[other]}" for code, other in (("de", "en"), ("en", "de")))
    summary = train(configure(tmp_path / "squad", groups=given, dev_groups=given))
    assert (
        "12 of 12 validation passages are trained on too: on them the model looks too good" in capsys.readouterr().err
    )
    with pytest.raises(TrainingError, match=r"holds another training: dev_groups .*; groups"):
        train(configure(tmp_path / "squad", groups=swapped, dev_groups=swapped))
    assert (summary.groups, summary.languages, summary.best_step is None) == (12, ["de", "en"], False)
    with pytest.raises(TrainingError, match=r"nowhere.json does not exist; expected SQuAD-shaped files"):
        train(configure(tmp_path / "q", groups="de=nowhere.json"))
