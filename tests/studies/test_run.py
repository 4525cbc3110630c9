"""Running studies: only what is missing, whatever happened before."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import MissingExtraError, StudyError
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.studies import StudyOutcome, load_study, read_outcome, run_study
from beir_hybrid.studies.run import render_grid, render_plan
from tests.studies.conftest import TRAIN

pytestmark = pytest.mark.train


def statuses(outcome: StudyOutcome) -> dict[Any, str]:
    return {next(iter(cell.factors.values())): cell.status for cell in outcome.cells}


def test_a_study_and_what_changes_of_it(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """A second run does nothing; another value only its own cell; cells no longer asked for are kept."""
    out, said = tmp_path / "out", list[str]()
    study = small("[factors]\nalpha = [0.0, 1.0]")
    outcome = run_study(study, out, say=said.append)
    assert statuses(outcome) == {0.0: "done", 1.0: "done"}
    assert said[0] == "small: 2 cells, 0 done"
    first = outcome.cells[0]
    assert first.training["pairs"] == 32 and first.trained_languages == ("de", "en", "zh") and first.seconds > 0
    measured = read_results(first.results["sample"])
    assert measured.languages == ("de", "en") and set(measured.summary["mono"]) == {"map", "tied_share"}
    # the weights and runs are not kept, the scores of every query are
    assert (first.results["sample"] / "per_query.parquet").exists()
    assert not list(out.rglob("runs.parquet")) and not list(out.rglob("*.safetensors"))

    assert run_study(study, out, say=said.append) == outcome
    assert (len(in_process), said[-1]) == (2, "small: 2 cells, 2 done")
    assert read_outcome(study, out) == outcome

    # while another process measures, its lock stands beside the results
    (first.results["sample"].parent / "other.lock").touch()
    assert read_outcome(study, out) == outcome

    changed = small("[factors]\nalpha = [1.0, 0.5]")
    for record in (*out.glob("cells/*/training.json"), *out.glob("cells/*/results/*/results.json")):
        record.write_text(json.dumps({**json.loads(record.read_text()), "seconds": 1800.0}))
    # one cell is missing, and those that are done took an hour each
    assert "time: about 60 min with 1 at a time (measured on cells like them)" in render_plan(changed, out, None, 1)
    again = run_study(changed, out, say=said.append)
    assert [job.cell.factors for job in in_process[2:]] == [{"alpha": 0.5}]
    assert "small: 2 cells, 1 done" in said
    assert again.cells[0].results == outcome.cells[1].results
    assert (out / "study.toml").read_text(encoding="utf-8") == changed.content
    assert "0.5    done" in render_grid(again)


def test_another_data_set_keeps_what_was_measured(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """A change of what is measured leaves what is measured in place, and with keep_models trains nothing again."""
    top = 'name = "small"\nseeds = [1]\nkeep_models = true\nkeep_runs = true'
    before = run_study(small("[factors]\nalpha = [0.5]", top=top), tmp_path / "out").cells[0]
    (cell,) = (tmp_path / "out" / "cells").iterdir()
    model = cell / "models" / "model" / "model.safetensors"
    stamp = model.stat().st_mtime_ns
    assert (before.results["sample"] / "runs.parquet").exists()
    evaluate = '[evaluate]\ndatasets = ["sample"]\nlanguages = ["de", "zh"]'
    after = run_study(small("[factors]\nalpha = [0.5]", top=top, evaluate=evaluate), tmp_path / "out").cells[0]
    assert after.status == "done" and before.results["sample"] != after.results["sample"]
    assert (before.results["sample"] / "results.json").exists()
    assert model.stat().st_mtime_ns == stamp


def test_studies_share_cells(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """Cells of the same content in one folder of cells are run once, whichever study asks; it is remembered."""
    cells = tmp_path / "cells"
    run_study(small('[factors]\nregime = [{name = "mono", alpha = 1.0}]'), tmp_path / "one", cells=cells)
    study = small("[factors]\nalpha = [1.0, 0.5]", top='name = "two"\nseeds = [1]')
    run_study(study, tmp_path / "two", cells=cells)
    assert [job.cell.factors for job in in_process] == [{"regime": "mono"}, {"alpha": 0.5}]
    assert statuses(read_outcome(study, tmp_path / "two")) == {1.0: "done", 0.5: "done"}
    # a report of what others have run is of this study, and finds it again
    later = tmp_path / "later"
    assert statuses(read_outcome(study, later, cells=cells)) == {1.0: "done", 0.5: "done"} and not later.exists()
    read_outcome(study, later, cells=cells, remember=True)
    assert statuses(read_outcome(study, later)) == {1.0: "done", 0.5: "done"}
    assert (later / "study.toml").read_text(encoding="utf-8") == study.content


def test_equal_cells_of_one_grid_are_run_once(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """Specific models take no notice of alpha: the cells are one, and both are reported."""
    train = TRAIN.replace('["de", "en", "zh"]', '["de", "en"]')
    factors = '[factors]\nspecialisation = ["specific"]\nalpha = [0.25, 0.75]'
    outcome = run_study(small(factors, train=train), tmp_path / "out")
    assert len(in_process) == 1
    assert [cell.status for cell in outcome.cells] == ["done", "done"]
    # two models of one step each
    assert (outcome.cells[0].training["steps"], sorted(outcome.cells[0].training["models"])) == (4, ["de", "en"])
    described = read_results(outcome.cells[0].results["sample"]).retriever
    assert (described["type"], described["fallback"]) == ("one model per language", "en")


def test_a_failure_does_not_stop_the_others(
    small: Any, tmp_path: Path, in_process: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that fails is recorded with its line, and only it is tried again."""
    from beir_hybrid.training import train as module

    whole = module.train

    def failing(config: Any, **options: Any) -> Any:
        if config.alpha == 0.0:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nmore")
        return whole(config, **options)

    monkeypatch.setattr(module, "train", failing)
    study, said = small("[factors]\nalpha = [0.0, 1.0]"), list[str]()
    outcome = run_study(study, tmp_path / "out", say=said.append)
    assert statuses(outcome) == {0.0: "failed", 1.0: "done"}
    message = outcome.cells[0].message
    assert message.startswith("out of memory: RuntimeError: DefaultCPUAllocator") and "log.txt" in message
    assert f"[1/2] alpha=0.0 seed=1: failed: {message}" in said[4]
    monkeypatch.setattr(module, "train", whole)
    assert statuses(run_study(study, tmp_path / "out")) == {0.0: "done", 1.0: "done"}
    assert [job.cell.factors["alpha"] for job in in_process] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("batches", [0, 3])
def test_an_interrupted_study_goes_on(
    small: Any, tmp_path: Path, in_process: list[Any], monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """Ctrl-C in a training loses at most what is since its checkpoint; the end is that of a study left alone."""
    import torch

    from st_hybrid_batch import MaskedMultipleNegativesRankingLoss

    study = small("[factors]\nalpha = [0.5]")
    alone = run_study(study, tmp_path / "alone").cells[0]
    whole, seen = MaskedMultipleNegativesRankingLoss.forward, 0

    def stopped(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += torch.is_grad_enabled()
        if seen > batches:
            raise KeyboardInterrupt
        return whole(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(MaskedMultipleNegativesRankingLoss, "forward", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, tmp_path / "out")
    assert statuses(read_outcome(study, tmp_path / "out")) == {0.5: "missing"}
    found = run_study(study, tmp_path / "out").cells[0]
    assert read_results(found.results["sample"]).summary == read_results(alone.results["sample"]).summary


def test_an_interrupted_evaluation_goes_on(
    small: Any, tmp_path: Path, in_process: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trained model is kept until it is measured: it is not trained again."""
    from beir_hybrid.evaluation import evaluate as evaluation

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    study = small("[factors]\nalpha = [0.5]")
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score_task", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, tmp_path / "out")
    (model,) = (tmp_path / "out").rglob("model.safetensors")
    stamp = model.stat().st_mtime_ns
    seen = list[int]()
    with monkeypatch.context() as patch:
        from beir_hybrid.studies import perform

        whole = perform._measure
        patch.setattr(perform, "_measure", lambda *a: (seen.append(model.stat().st_mtime_ns), whole(*a)))
        assert statuses(run_study(study, tmp_path / "out")) == {0.5: "done"}
    assert seen == [stamp] and not model.exists()


def test_the_tokenizer_is_that_of_a_training(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """The tokenizer of a cell, which its models share, is that of one model: as of `beir-hybrid train`."""
    from beir_hybrid.training.train import train

    top = 'name = "small"\nseeds = [1]\nkeep_models = true'
    run_study(small("[factors]\nalpha = [0.5, 1.0]", top=top), tmp_path / "out")
    job = in_process[0]
    assert (job.inputs / "tokenizer.json").exists()
    train(replace(job.cell.training.first, groups="sample", out=str(tmp_path / "own")))
    ours = job.models / "model" / "model.safetensors"
    assert ours.read_bytes() == (tmp_path / "own" / "model.safetensors").read_bytes()


def test_parts_of_the_groups_are_nested(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """A smaller part of a seed is part of a larger one, keeps the order of the groups, and all of split dev."""
    from beir_hybrid.datasets.sample import sample_groups

    groups = [{**g, "split": "train" if i % 6 else "dev", "source": "ab"[i % 2]} for i, g in enumerate(sample_groups())]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(group) + "\n" for group in groups), encoding="utf-8")
    train = TRAIN.replace('"sample"', '"g.jsonl"').replace("batch_size = 8", "batch_size = 4")
    top = 'name = "small"\nseeds = [1]\nkeep_models = true'
    run_study(small('[factors]\npair_count = [10, 20]\nsource = ["b"]', top=top, train=train), tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("cells/*/inputs/groups.jsonl"), key=lambda path: path.stat().st_size)
    kept = [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in parts]
    ids = [[record["id"] for record in part if record["split"] == "train"] for part in kept]
    assert [len(each) for each in ids] == [10, 20] and set(ids[0]) < set(ids[1])
    order = [group["id"] for group in groups]
    assert all(each == sorted(each, key=order.index) for each in ids)
    assert {record["source"] for record in kept[0]} == {"b"}
    assert sum(record["split"] == "dev" for record in kept[0]) == sum(
        group["split"] == "dev" and group["source"] == "b" for group in groups
    )


@pytest.mark.slow
def test_pretraining(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """Masked-language modelling on the evaluation's passages comes first: never on its questions."""
    train = TRAIN.replace('"static"', '"transformer"').replace(
        "width = 16", "width = 64\nlayers = 1\nmax_seq_length = 8"
    )
    factors = '[texts]\ntarget = "evaluation:sample"\n[factors]\ndapt = ["none", "target"]\n'
    top = 'name = "small"\nseeds = [1]\nkeep_models = true'
    outcome = run_study(small(factors, top=top, train=train + "pretrain_steps = 2"), tmp_path / "out")
    assert statuses(outcome) == {"none": "done", "target": "done"}
    assert outcome.budget.endswith("masked-language modelling comes on top, where it is on")
    (text,) = (tmp_path / "out").glob("cells/*/inputs/*.txt")
    from beir_hybrid.datasets import load_dataset

    sample, lines = load_dataset("sample", languages=["de", "en", "zh"]), set(text.read_text("utf-8").splitlines())
    passages = {text for block in sample.passages.values() for text in block.texts}
    assert lines == passages
    assert not lines & {text for block in sample.queries.values() for text in block.texts}


def test_models_that_are_there(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """Without [train] models are measured as they are, and known by their content."""
    from beir_hybrid.training.scratch import static_model, train_tokenizer

    for seed in (1, 2):
        static_model(train_tokenizer(["ein Haus", "a house"], 300), 8, seed).save(str(tmp_path / f"m{seed}"))
    study = small(
        '[factors]\nmodel = ["m1", {name = "two", model = "m2", query_prompt = "q: "}]', top='name = "m"', train=""
    )
    outcome = run_study(study, tmp_path / "out")
    assert statuses(outcome) == {"m1": "done", "two": "done"}
    assert (outcome.budget, outcome.cells[0].seed, outcome.cells[0].training) == ("nothing is trained", 0, {})
    (tmp_path / "m1").rename(tmp_path / "moved")
    moved = small('[factors]\nmodel = ["moved"]', top='name = "m"', train="")
    run_study(moved, tmp_path / "out")
    assert len(in_process) == 2


def test_folders_that_are_not_this_study(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """Another study's folder, somebody's files, a file, and a folder that is in use are left alone."""
    from filelock import FileLock

    out = tmp_path / "out"
    study = small("[factors]\nalpha = [0.5]")
    with FileLock(_made(out) / ".study.lock"), pytest.raises(StudyError, match="another process is running the study"):
        run_study(study, out)
    run_study(study, out)
    other = small("[factors]\nalpha = [0.5]", top='name = "other"')
    with pytest.raises(StudyError, match="holds the study 'small', not 'other'; choose another --out"):
        run_study(other, out)
    with pytest.raises(StudyError, match="holds the study 'small'"):
        read_outcome(other, out)
    (_made(tmp_path / "mine") / "thesis.txt").write_text("precious")
    with pytest.raises(StudyError, match="exists and holds no study; choose another --out"):
        run_study(study, tmp_path / "mine")
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="is a file"):
        run_study(study, tmp_path / "file")
    with pytest.raises(StudyError, match=r"could not write .*/below/study: Not a directory; choose another folder"):
        run_study(study, tmp_path / "file" / "below")
    with pytest.raises(StudyError, match="unknown engine 'spark'; known: local, ray"):
        run_study(study, out, engine="spark")
    (out / "study.json").write_text("{")
    with pytest.raises(StudyError, match=r"study.json is damaged .*; delete it, the cells beside it are kept"):
        run_study(study, out)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_damaged_cell_ends_no_report(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """A record that is no JSON is named with what deleting it means; the other cells are analysed."""
    from beir_hybrid.studies.analysis import write_report

    study = small("[factors]\nalpha = [0.0, 1.0]")
    outcome = run_study(study, tmp_path / "out")
    damaged = next((tmp_path / "out" / "cells").glob("*/training.json"))
    damaged.write_text("{")
    again = read_outcome(study, tmp_path / "out")
    assert sorted(cell.status for cell in again.cells) == ["done", "failed"]
    report = write_report(again, tmp_path / "report").text
    assert f"{damaged} is damaged" in report and "its cell is then run again" in report
    assert "1 of 2 cells done, 1 failed" in report
    assert outcome.cells[0].training["begun_with"] == {"from_scratch": "static"}
    assert "Small models trained from scratch are among these" in report


def test_progress_is_told(small: Any, tmp_path: Path, in_process: list[Any]) -> None:
    """The cost before it starts; what begins, with its log, and what is over, with the time left."""
    said: list[str] = []
    run_study(small("[factors]\nalpha = [0.0, 1.0]"), tmp_path / "out", say=said.append)
    assert said[0] == "small: 2 cells, 0 done"
    cost = r"time: about \d+ s with 1 at a time \(rough for 2 of them: none like them is done yet\)"
    assert re.fullmatch(cost, said[1]) and said[2].startswith("disk: about ")
    assert said[3].startswith("alpha=0.0 seed=1: begins, ") and said[3].endswith("log.txt has its log")
    assert re.fullmatch(r"\[1/2\] alpha=0.0 seed=1: done in \d+ s; about \d+ s left", said[4])


@pytest.mark.parametrize(
    ("library", "extra", "factors", "train"),
    [
        ("formulaic", "study", '[factors]\nalpha = [0.0, 1.0]\n[analysis]\nfit = "map ~ alpha"', TRAIN),
        ("pandas", "report", "[factors]\nalpha = [0.5]", TRAIN),
        ("accelerate", "train", "[factors]\nalpha = [0.5]", TRAIN),
        ("peft", "lora", "[factors]\nlora = [4]", TRAIN),
        ("pyserini", "bm25", '[factors]\nmodel = ["bm25"]', ""),
    ],
)
def test_a_missing_library_is_told_before_anything_runs(
    write_study: Any, tmp_path: Path, in_process: list[Any], monkeypatch: pytest.MonkeyPatch, library: str, extra: str,
    factors: str, train: str,
) -> None:  # fmt: skip
    """What cells, fits or the report need is looked for first, with the command that installs it."""
    import importlib.util

    study = load_study(write_study(factors, top='name = "small"', train=train))
    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else whole(name))
    with pytest.raises(MissingExtraError, match=rf"'{library}'.*pip install \"beir-hybrid\[{extra}\]\""):
        run_study(study, tmp_path / "out")
    assert in_process == [] and not (tmp_path / "out").exists()


def test_shipped_studies_are_sound() -> None:
    """Every shipped study is read without a mistake and has three seeds or more."""
    from beir_hybrid.studies.shipped import shipped_studies

    shipped = shipped_studies()
    studies = {name: load_study(path) for name, path in shipped.items()}
    for name, path in shipped.items():
        scratch, encoder = (load_study(path, start) for start in ("scratch", "e5-small"))
        assert (scratch.name, encoder.name) == (name, f"{name}-e5-small")
        assert (scratch.train or {}) == (studies[name].train or {})
        assert (encoder.train or {})["model"] == "e5-small"
    assert {"alpha", "languages", "pretraining", "encoder-size", "domain-shift", "specialisation"} <= set(studies)
    for name, study in studies.items():
        assert (study.name, len(study.seeds) >= 3, bool(study.question)) == (name, True, True)
