"""Fusion: a new result folder like any other, and never tuned on what it reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import compare, evaluate, load_dataset, read_results
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import ComparisonError, MetricError, ResultsError
from beir_hybrid.evaluation.kept_runs import read_hits
from beir_hybrid.fusion import fuse
from beir_hybrid.records import Passages, Queries
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.standardise import standardised


def encoder(seed: int) -> Any:
    """Letters as random vectors: deterministic, offline, each seed another system."""
    vectors = np.random.default_rng(seed).normal(size=(128, 16)).astype(np.float32)

    def encode(texts: list[str]) -> np.ndarray:
        return np.array([vectors[[ord(char) % 128 for char in text + " "]].sum(axis=0) for text in texts])

    return encode


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("sample", languages=["de", "en"])


@pytest.fixture(scope="module")
def inputs(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two systems on the German and English sample."""
    return [evaluated(sample, seed, tmp_path_factory.mktemp("system") / "out") for seed in (1, 2)]


def evaluated(dataset: Dataset, seed: int, out: Path) -> Path:
    retriever = DenseRetriever(encoder(seed), identity=f"letters {seed}", name=f"letters-{seed}")
    evaluate(dataset, retriever, out=out, top_k=10, metrics="map,recall@1")
    return out


def held_out(sample: Dataset, keep: int) -> Dataset:
    """Another data set: the questions of the sample with other words, but for the first ``keep``."""
    queries = {
        language: Queries(
            language, block.ids,
            [text if at < keep else f"please: {text}" for at, text in enumerate(block.texts)], block.groups,
        )
        for language, block in sample.queries.items()
    }  # fmt: skip
    passages = {language: Passages(language, block.ids, block.texts) for language, block in sample.passages.items()}
    return Dataset("held-out", "train", passages, queries, sample.qrels)


def test_a_fusion_is_a_result_folder_like_any_other(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """All tasks, the metrics of its inputs, its own runs; the record names everything that went in."""
    results = fuse(inputs, tmp_path / "out", dataset=sample)
    assert read_results(tmp_path / "out").to_json() == results.to_json()
    record = results.retriever
    assert [record[key] for key in ("type", "method", "norm", "params", "tuned_on")] == [
        "fusion", "rrf", "none", {"k": 60}, None
    ]  # fmt: skip
    assert [each["name"] for each in record["inputs"]] == ["letters-1", "letters-2"]
    assert all(len(each["runs_sha256"]) == 64 for each in record["inputs"])
    assert results.name == "rrf(letters-1, letters-2)"
    comparison = compare([*inputs, tmp_path / "out"], draws=100)
    assert comparison.settings == ("mono", "cross", "multi")
    assert comparison.names[2] == results.name


def test_one_run_is_standardised_within_each_passage_language(
    sample: Dataset, inputs: list[Path], tmp_path: Path
) -> None:
    """One folder is enough: its pool is ordered anew by scores on one scale, its other settings stay."""
    results = fuse(inputs[:1], tmp_path / "out", dataset=sample, standardise=True)
    assert results.name == "standardised(letters-1)"
    assert results.retriever["standardised"] == "within each passage language"
    for name, same in (("multi:de", False), ("cross:de-en", True)):
        task = sample.task(name)
        before, after = read_hits(inputs[0], task), read_hits(tmp_path / "out", task)
        expected = standardised(before, task)
        assert np.array_equal(after.passages, expected.passages)
        assert np.allclose(after.scores, expected.scores)
        assert np.array_equal(before.passages, after.passages) is same
    with pytest.raises(ComparisonError, match="leave out one of standardise and tune_on"):
        fuse(inputs, tmp_path / "tuned", dataset=sample, standardise=True, method="wsum", tune_on="folds:2")


def test_reciprocal_rank_fusion_of_the_kept_runs(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """The fused scores of one query from the runs of the two inputs, added by hand."""
    fuse(inputs, tmp_path / "out", dataset=sample, settings="multi", params={"k": 10})
    task = sample.task("multi:de")
    expected: dict[int, float] = {}
    for folder in inputs:
        for rank, passage in enumerate(read_hits(folder, task).take(np.array([0])).passages.tolist(), 1):
            expected[passage] = expected.get(passage, 0) + 1 / (10 + rank)
    found = read_hits(tmp_path / "out", task).take(np.array([0]))
    assert dict(zip(found.passages.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(expected, abs=1e-7)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


class SharedWords:
    """A BEIR search that finds what shares a word with the query, and nothing else, as BM25 does."""

    def search(self, corpus: Any, queries: Any, top_k: int, *_: Any, **__: Any) -> dict[str, dict[str, float]]:
        return {
            query: {
                passage: float(score)
                for passage, record in corpus.items()
                if (score := len(set(text.lower().split()) & set(record["text"].lower().split())))
            }
            for query, text in queries.items()
        }


def test_a_run_that_was_sought_deeper_than_it_goes_is_no_bound(sample: Dataset, tmp_path: Path) -> None:
    """Where few passages share a word with a query, its list is short and still says all that a cutoff asks."""
    one, other, kept_few = tmp_path / "one", tmp_path / "other", tmp_path / "few"
    for out in (one, other):
        alone = evaluate(sample, SharedWords(), out=out, metrics="recall@100", settings="cross,multi")
    evaluate(sample, SharedWords(), out=kept_few, metrics="recall@100", settings="cross,multi", top_k=5)
    assert 0 < read_hits(one, sample.task("cross:de-en")).counts.max() < 100
    for fused in (
        fuse([one, other], tmp_path / "two", dataset=sample),
        fuse([one], tmp_path / "alone", dataset=sample, standardise=True),
    ):
        assert not any(score.is_bound for score in fused.scores)
        found, expected = ([s.value for s in each.scores if s.metric == "recall@100"] for each in (fused, alone))
        assert found == expected
    shallow = fuse([one, kept_few], tmp_path / "shallow", dataset=sample, metrics="recall@5,recall@100")
    assert {score.is_bound for score in shallow.scores if score.metric == "recall@100"} == {True}
    assert {score.is_bound for score in shallow.scores if score.metric == "recall@5"} == {False}


def test_folds_never_see_the_queries_they_are_fused_for(
    sample: Dataset, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fold's parameters come from the groups of the other folds alone; parallel queries share a fold."""
    groups: list[set[str]] = []

    def tune(self: Any, tasks: Any, folders: Any, choices: list[set[str]]) -> list[dict[str, Any]]:
        groups.extend(choices)
        return [{"weights": [at / 10, 1 - at / 10]} for at in (1, 2, 3)]

    monkeypatch.setattr("beir_hybrid.fusion.tuning.Recipe.tune", tune)
    results = fuse(inputs, tmp_path / "out", method="wsum", tune_on="folds:3", dataset=sample, settings="multi")
    everything = set(sample.groups)
    reported = [everything - chosen for chosen in groups]
    assert len(groups) == 3
    assert set.union(*reported) == everything
    assert sum(map(len, reported)) == len(everything), "every group is in one fold"
    assert results.retriever["tuned_on"] == {"folds": 3, "seed": 0, "metric": "map"}
    assert [each["weights"][0] for each in results.retriever["params"]["multi"]] == [0.1, 0.2, 0.3]
    multi = [score for score in results.scores if score.setting == "multi" and score.metric == "map"]
    assert [score.queries for score in multi] == [len(everything)] * 2, "and every query is reported"


def test_tuning_on_other_data(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """Parameters for each setting; what was tuned on is recorded; questions of the reported set are left out."""
    other = held_out(sample, keep=4)
    folders = [evaluated(other, seed, tmp_path / f"tune-{seed}") for seed in (1, 2)]
    results = fuse(
        inputs,
        tmp_path / "out",
        method="wsum",
        tune_on=folders,
        dataset=sample,
        tune_dataset=other,
        settings="mono,multi",
    )
    record = results.retriever["tuned_on"]
    assert [record[key] for key in ("dataset", "split", "metric", "groups_left_out")] == ["held-out", "train", "map", 4]
    assert record["groups"]["multi"] == len(sample.groups) - 4
    assert sum(results.retriever["params"]["multi"]["weights"]) == pytest.approx(1)


def test_what_can_be_known_is_said_before_anything_is_tuned(
    sample: Dataset, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tuning takes minutes: a folder of something else, and a metric that there is not, end nothing after it."""
    monkeypatch.setattr("beir_hybrid.fusion.tuning.tune_fusion", lambda *_: pytest.fail("tuned"))
    (tmp_path / "notes.txt").write_text("mine")
    options: dict[str, Any] = {"method": "wsum", "tune_on": "folds:2", "dataset": sample}
    with pytest.raises(ResultsError, match="exists and is not a results folder"):
        fuse(inputs, tmp_path, **options)
    with pytest.raises(MetricError, match="unknown metric 'mapp'"):
        fuse(inputs, tmp_path / "out", metrics="mapp", **options)
    kept = shutil.copytree(inputs[0], tmp_path / "study's")
    (kept / "runs.parquet").unlink()
    with pytest.raises(ResultsError, match=r"study's/runs.parquet does not exist; delete .* and evaluate again"):
        fuse([inputs[1], kept], tmp_path / "out", **options)


def test_cross_fitting_from_end_to_end(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """ranx tunes the weights of each fold; every query is reported, in the order of the task."""
    results = fuse(inputs, tmp_path / "out", method="wsum", tune_on="folds:2", dataset=sample, settings="mono")
    assert [len(each["weights"]) for each in results.retriever["params"]["mono"]] == [2, 2]
    assert (read_hits(tmp_path / "out", sample.task("mono:de")).counts > 0).all()


def test_many_queries_are_sampled_by_group(
    sample: Dataset, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tuning takes whole groups until there are about as many queries as it may use."""
    monkeypatch.setattr("beir_hybrid.fusion.tuning.TUNING_QUERIES", 10)
    seen: list[int] = []

    def spy(judged: Any, runs: Any, *rest: Any) -> dict[str, Any]:
        seen.append(sum(len(task[0]) for task in runs))
        return {"k": 60}

    monkeypatch.setattr("beir_hybrid.fusion.tuning.tune_fusion", spy)
    fuse(inputs, tmp_path / "out", tune_on="folds:2", dataset=sample, settings="mono")
    assert seen == [10, 10]


def test_tuning_on_what_is_reported_is_impossible(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """The same folders, a copy under another name, and a bare split name are refused, each with the way out."""
    with pytest.raises(ComparisonError, match=r"is of sample \(test\), which is what is reported.*folds:5"):
        fuse(inputs, tmp_path / "out", method="wsum", tune_on=inputs, dataset=sample)
    copy = held_out(sample, keep=1000)
    folders = [evaluated(copy, seed, tmp_path / f"copy-{seed}") for seed in (1, 2)]
    with pytest.raises(ComparisonError, match=r"no queries of mono to tune on: all \d+ question groups are among"):
        fuse(inputs, tmp_path / "out", method="wsum", tune_on=folders, dataset=sample, tune_dataset=copy)
    with pytest.raises(ComparisonError, match="'test' is no folder: tuning takes the result folders"):
        fuse(inputs, tmp_path / "out", method="wsum", tune_on="test", dataset=sample)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"method": "rff"}, "unknown fusion method 'rff'; did you mean 'rrf'"),
        ({"method": "bayesfuse"}, "'bayesfuse' learns probabilities"),
        ({"norm": "minmax"}, "unknown normalisation 'minmax'; did you mean 'min-max'"),
        ({"params": {"q": 3}}, "method 'rrf' has no parameter 'q'.*known: k"),
        ({"params": {"k": -1}}, "k of method 'rrf' is -1; expected a finite number from 0"),
        ({"method": "wsum", "params": {"weights": [1.0, float("nan")]}}, "weights of method 'wsum' is .1.0, nan."),
        ({"method": "wsum", "params": {"weights": [1.0]}}, "1 weights for 2 systems"),
        ({"method": "sum", "tune_on": "folds:2"}, "method 'sum' has nothing to tune"),
        ({"method": "wsum", "tune_on": "folds:1"}, "expected folds:N with N from 2"),
        ({"params": {"k": 3}, "tune_on": "folds:2"}, "either given or tuned"),
    ],
)
def test_options_that_make_no_sense(
    sample: Dataset, inputs: list[Path], tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    """One line, before anything is fused."""
    with pytest.raises(ComparisonError, match=problem):
        fuse(inputs, tmp_path / "out", dataset=sample, **options)
    assert not (tmp_path / "out").exists()


def test_inputs_that_do_not_fit(sample: Dataset, inputs: list[Path], tmp_path: Path) -> None:
    """One folder alone, too few to tune on, another data set, and contents that have changed since."""
    with pytest.raises(ComparisonError, match="two result folders or more"):
        fuse(inputs[:1], tmp_path / "out", dataset=sample)
    other = held_out(sample, keep=0)
    third = evaluated(other, 3, tmp_path / "third")
    with pytest.raises(ComparisonError, match="2 folders are fused but 1 tuned on"):
        fuse(inputs, tmp_path / "out", method="wsum", tune_on=[third], dataset=sample)
    with pytest.raises(ResultsError, match=r"of dataset 'sample' and .* of 'held-out'"):
        fuse([inputs[0], third], tmp_path / "out", dataset=sample)
    with pytest.raises(ResultsError, match="measured on other contents of sample than are loaded now"):
        fuse(inputs, tmp_path / "out", dataset=other)
    record = json.loads((third / "results.json").read_text())
    (third / "results.json").write_text(json.dumps({**record, "retriever": {"type": "bm25"}}))
    with pytest.raises(ComparisonError, match=r"is of letters-3 \(bm25\) but stands where letters-1 \(dense\) does"):
        fuse(inputs, tmp_path / "out", method="wsum", tune_on=[third, third], dataset=sample)
