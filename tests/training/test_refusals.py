"""What a training refuses, and how it fails: in one line, before or without loss of what was done."""

from __future__ import annotations

import errno
import json
import resource
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import BeirHybridError, TrainingError
from beir_hybrid.training.folder import TrainFolder
from beir_hybrid.training.train import train
from tests.training.conftest import Configure, write_groups

pytestmark = [pytest.mark.train, pytest.mark.slow]


def test_leaks_are_refused_or_dropped(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """A planted evaluation text stops the training with its place; the same folder then takes --on-leak drop."""
    from beir_hybrid.datasets.sample import sample_groups

    planted = next(iter(sample_groups("test")))
    groups = [json.loads(line) for line in groups_file.read_text().splitlines()]
    groups[4]["passage"]["th"] = planted["passage"]["th"]
    file = write_groups(tmp_path / "leaky.jsonl", groups)
    options: dict[str, Any] = {"groups": str(file), "leak_check": ("sample",)}
    with pytest.raises(
        TrainingError, match=r"\(1 training groups with sample, 0 .*leaky.jsonl:5 \(passage in th, exact, th-p-"
    ):
        train(configure(tmp_path / "o", **options))
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["leak_report.json"]
    summary = train(configure(tmp_path / "o", **options, on_leak="drop"))
    assert (summary.groups, summary.dropped_groups) == (54, 1)
    report = json.loads((tmp_path / "o" / "leak_report.json").read_text(encoding="utf-8"))
    assert report["evaluation_sets"]["sample"]["by_language"] == {"th": 1}
    # validation groups and pretraining text leak as training groups do
    groups[4]["passage"]["th"], groups[6]["passage"]["de"] = "frei", planted["passage"]["de"]
    write_groups(file, groups)
    text = tmp_path / "text.txt"
    text.write_text(f"one line\nInside: {planted['passage']['en']} And on.\n", encoding="utf-8")
    more: dict[str, Any] = {**options, "on_leak": "drop", "pretrain_text": (str(text),), "pretrain_steps": 1}
    train(configure(tmp_path / "r", "transformer", **more))
    report = json.loads((tmp_path / "r" / "leak_report.json").read_text(encoding="utf-8"))
    assert report["compared"] == {"train": 55, "dev": 11, "pretraining": 2}
    assert report["evaluation_sets"]["sample"]["by_part"] == {"dev": 1, "pretraining": 1}
    assert [leak["where"] for leak in report["evaluation_sets"]["sample"]["leaks"]] == [f"{file}:7", f"{text}:2"]
    groups[6]["passage"]["de"], groups[4]["passage"]["th"] = "frei", planted["passage"]["th"]
    write_groups(file, groups)
    # a language whose only validation group is dropped is one that nothing is validated in
    for group in groups:
        if group["split"] == "dev" and group is not groups[6]:
            del group["query"]["vi"], group["passage"]["vi"]
    groups[4]["passage"]["th"], groups[6]["passage"]["de"] = "frei", planted["passage"]["de"]
    write_groups(file, groups)
    assert "dev_multi_map" in train(configure(tmp_path / "d", **options, on_leak="drop")).validation
    groups[6]["passage"]["de"], groups[4]["passage"]["th"] = "frei", planted["passage"]["th"]
    write_groups(file, groups)
    # what is not trained on does not leak
    assert train(configure(tmp_path / "p", **options, languages=("de", "en"))).dropped_groups == 0
    with pytest.raises(BeirHybridError, match="did you mean 'sample'"):
        train(configure(tmp_path / "q", **{**options, "leak_check": ("sampel",)}))
    with pytest.raises(BeirHybridError, match=f"{tmp_path}/none"):
        train(configure(tmp_path / "q", **{**options, "leak_check": ("xquad-r",), "data_dir": str(tmp_path / "none")}))
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 56}, r"56 distinct groups, but the data set has 55. Use a smaller --batch-size"),
        ({"languages": ("de", "xx")}, "unknown language 'xx'; known: ar, de"),
        ({"languages": ("german", "en")}, "unknown language 'german'; did you mean 'de'"),
        ({"languages": ("deu", "en")}, "unknown language 'deu'; did you mean 'de'"),
        ({"languages": ("de",)}, r"no group has two of the languages.*\(--sampling mono\)"),
        ({"groups": "nowhere.jsonl"}, "nowhere.jsonl does not exist"),
        ({"dev_groups": "nowhere.jsonl"}, "nowhere.jsonl does not exist"),
        ({"model": "/nowhere/model"}, "could not load the model '/nowhere/model'"),
        ({"tokenizer": "nowhere.json"}, "--tokenizer nowhere.json: cannot be read: No such file"),
        ({"matryoshka": (32,)}, "--matryoshka 32 is not below the model's dimension 32"),
        ({"best": "rank_distance", "languages": ("de",), "alpha": 1.0}, "--best rank_distance .* two languages"),
        ({"language_weights": "size", "languages": ("de",), "alpha": 1.0}, "--language-weights size has no effect"),
    ],
)
def test_bad_settings(configure: Configure, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """What cannot be trained is one line, and the same folder can be used for what can."""
    with pytest.raises(BeirHybridError, match=message) as caught:
        train(configure(tmp_path / "o", **changes))
    assert "\n" not in str(caught.value)
    assert not TrainFolder(tmp_path / "o").is_done(configure(tmp_path / "o", seed=5), {}, resume=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "x", "query": {"de": " "}, "passage": {"de": "p"}}', r'bad.jsonl:3: "query" in \'de\' is empty'),
        ('{"id": "x", "query": {"de": 5}, "passage": {"de": "p"}}', r"bad.jsonl:3: .* must be a text"),
        ('{"id": "x", "query": {"de": "q"}', "bad.jsonl:3: not valid JSON"),
        ('{"query": {"de": "q"}, "passage": {}}', "bad.jsonl:3: expected an object"),
        ('["x"]', "bad.jsonl:3: expected an object"),
    ],
)
def test_bad_lines(configure: Configure, tmp_path: Path, line: str, message: str) -> None:
    """A line that is no group is named by path and line."""
    good = '{"id": "%d", "query": {"de": "q"}, "passage": {"de": "p"}}\n'
    (tmp_path / "bad.jsonl").write_text(good % 1 + good % 2 + line + "\n")
    with pytest.raises(TrainingError, match=message):
        train(configure(tmp_path / "o", groups=str(tmp_path / "bad.jsonl")))
    assert not (tmp_path / "o").exists()


def test_bad_files(configure: Configure, tmp_path: Path) -> None:
    """A cut gzip file, another encoding and a file with no group are named."""
    for name, content, message in (
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab", "truncated or damaged"),
        ("plain.jsonl.gz", b"{}", "truncated or damaged"),
        ("latin.jsonl", b'{"id": "\xe4"}', "not UTF-8"),
        ("empty.jsonl", b"\n", "holds no group to train on"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrainingError, match=f"{name}.*{message}"):
            train(configure(tmp_path / "o", groups=str(tmp_path / name)))
    with pytest.raises(TrainingError, match=r"--pairs triples.tsv goes with a folder of mMARCO"):
        train(configure(tmp_path / "o", pairs="triples.tsv"))


def test_a_best_that_nothing_measures(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """--best without validation groups, or with ones in other languages, is refused before anything is trained."""
    groups = [json.loads(line) for line in groups_file.read_text().splitlines()]
    for group in groups:
        del group["split"]
    file = write_groups(tmp_path / "all.jsonl", groups)
    for option, value in (("best", "multi_map"), ("patience", 5), ("dev_limit", 300)):
        with pytest.raises(
            TrainingError, match=rf"--{option.replace('_', '-')}.* needs validation groups: --dev-groups"
        ):
            train(configure(tmp_path / "o", groups=str(file), **{option: value}))
    other = write_groups(tmp_path / "fi.jsonl", [{"id": "f", "query": {"fi": "a"}, "passage": {"fi": "b"}}])
    with pytest.raises(TrainingError, match="expected a language in common"):
        train(configure(tmp_path / "o", groups=str(file), dev_groups=str(other)))
    one = write_groups(tmp_path / "one.jsonl", groups[:1])
    with pytest.raises(TrainingError, match="validation groups do not fill a batch: got 1, expected at least 2"):
        train(configure(tmp_path / "o", groups=str(file), dev_groups=str(one)))


def test_a_full_disk(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while a checkpoint is written ends in one line that says how to go on, in Python's words or
    in torch's own writer's, which are none of an ``OSError`` (no file may grow beyond 1,000 bytes here)."""
    from transformers import Trainer

    really = Trainer._save_rng_state

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def cut(*given: Any) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            really(*given)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    for save, words in ((full, "No space left on device"), (cut, "torch could not read or write it whole")):
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_save_rng_state", save)
            with pytest.raises(TrainingError, match=rf"{words}; check the disk .* --resume$"):
                train(configure(tmp_path / "o"), resume=save is cut)
    assert train(configure(tmp_path / "o"), resume=True).steps == 6


def test_a_training_that_diverges(configure: Configure, groups_file: Path, tmp_path: Path) -> None:
    """Weights that are no numbers are measured and saved by nobody, validated or not."""
    groups = [json.loads(line) for line in groups_file.read_text().splitlines()]
    file = write_groups(tmp_path / "train.jsonl", [{**group, "split": "train"} for group in groups])
    options: dict[str, Any] = {"learning_rate": 1e30, "warmup": 0.0, "steps": 4, "evaluate_every": 4}
    with pytest.raises(TrainingError, match="has diverged; lower the learning rate"):
        train(configure(tmp_path / "o", **options))
    with pytest.raises(TrainingError, match=r"has diverged: 0\.embedding\.weight is not finite"):
        train(configure(tmp_path / "p", **options, groups=str(file)))


def test_foreign_folders(configure: Configure, tmp_path: Path) -> None:
    """A folder with something else in it, or a file, is left alone."""
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TrainingError, match="exists and holds no training; choose another --out"):
        train(configure(tmp_path / "o"))
    with pytest.raises(TrainingError, match="is a file"):
        train(configure(tmp_path / "file"))
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["thesis.tex"]


def test_out_of_memory(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device without memory is one line that names the options that help."""
    import torch

    from st_hybrid_batch import MaskedMultipleNegativesRankingLoss

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(MaskedMultipleNegativesRankingLoss, "forward", fail)
    with pytest.raises(TrainingError, match=r"out of memory .*--mini-batch-size"):
        train(configure(tmp_path / "o"))
