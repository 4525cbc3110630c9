"""One call measures a retriever in every setting: numbers, files, resuming, and whom it refuses."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import BeirHybridError, DatasetError, MetricError, ResultsError, RetrieverError, RunError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.evaluation.scoring import score_task
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.settings import Task


@pytest.fixture(autouse=True)
def own_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test fills the user's cache."""
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))


@cache
def letter_vector(pair: str) -> np.ndarray:
    return np.random.default_rng(list(pair.encode())).normal(size=32)


def encode(texts: list[str]) -> np.ndarray:
    """Bags of letter pairs: deterministic, offline, better than chance inside a language."""
    rows = [
        np.sum([letter_vector(text[at : at + 2]) for at in range(len(text) - 1)] or [np.zeros(32)], axis=0)
        for text in texts
    ]
    return np.array(rows, dtype=np.float32)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("sample")


def dense() -> DenseRetriever:
    return DenseRetriever(encode, identity="letter pairs", name="letters")


@pytest.mark.slow
def test_one_call_measures_every_setting(sample: Dataset, tmp_path: Path) -> None:
    """11 + 110 + 11 tasks, whose macro means are those of the per-query file, worked out again."""
    results = evaluate("sample", dense(), out=tmp_path / "out")
    tasks = {(score.setting, score.query_language, score.corpus_language) for score in results.scores}
    assert [sum(task[0] == setting for task in tasks) for setting in ("mono", "cross", "multi")] == [11, 110, 11]
    rows = pq.read_table(tmp_path / "out" / "per_query.parquet").to_pylist()
    assert len(rows) == sum(len(task.rows) for task in sample.tasks())
    for setting, metric in (("mono", "map"), ("cross", "ndcg@10"), ("multi", "map"), ("multi", "rank_distance")):
        groups: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            if row["setting"] == setting:
                groups.setdefault((row["query_language"], row["corpus_language"]), []).append(row[metric])
        means = [math.fsum(values) / len(values) for values in groups.values()]
        assert results.summary[setting][metric] == pytest.approx(math.fsum(means) / len(means), abs=1e-12)
    assert {row["rank_distance"] for row in rows if row["setting"] != "multi"} == {None}
    assert {row["group"] for row in rows} == set(sample.groups)
    multi = results.summary["multi"]
    assert multi["rank_distance"] == pytest.approx(multi["rank_distance_floor"] + multi["rank_distance_excess"])  # type: ignore[operator]
    assert multi["rank_distance_floor"] == 10
    assert multi["peer"] is not None


def test_the_matrix_is_the_reciprocal_rank_of_each_language(sample: Dataset) -> None:
    """Row de, column en: where German queries find the English answer in the pool."""
    results = evaluate(sample, dense(), settings="multi", top_k=len(sample.languages) * 40)
    assert set(results.matrix) == set(sample.languages)
    (ranking,) = dense().retrieve([sample.task("multi:de")])
    english = sample.passages["en"].ids
    inverse = [
        1 / rank
        for rank, passage in zip(ranking.ranks, ranking.task.judged.passage, strict=True)
        if ranking.task.passage_ids[passage] in english
    ]
    assert results.matrix["de"]["en"] == pytest.approx(sum(inverse) / len(ranking.task.rows))


def test_a_finished_folder_answers_without_the_retriever(sample: Dataset, tmp_path: Path) -> None:
    """The same inputs again: the same results from the file, nothing encoded; TREC files on request even then."""
    first = evaluate(sample, dense(), settings="mono", out=tmp_path)
    retriever = dense()
    retriever.retrieve = lambda *_: pytest.fail("asked again")  # type: ignore[method-assign, assignment]
    again = evaluate(sample, retriever, settings="mono", out=tmp_path, trec=True)
    assert again.to_json() == {**first.to_json(), "seconds": round(first.seconds, 3)}
    assert again.to_json() == read_results(tmp_path).to_json()
    assert len(list((tmp_path / "trec").iterdir())) == 11
    assert {path.name for path in tmp_path.iterdir()} == {
        "cache", "inputs.json", "per_query.parquet", "results.json", "runs.parquet", "trec",
    }  # fmt: skip


def test_paths_and_numbers_as_they_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set by its path, numpy's whole numbers, a home directory; what is no data set is named."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = BeirView(load_dataset("sample", languages="de").task("mono:de")).export(tmp_path / "own")
    (name, queries) = (folder / "queries.jsonl", (folder / "queries.jsonl").read_text())
    name.write_text(queries.replace('"text"', '"language": "de", "text"'))
    corpus = (folder / "corpus.jsonl").read_text()
    (folder / "corpus.jsonl").write_text(corpus.replace('"text"', '"language": "de", "text"'))
    found = evaluate(folder, dense(), metrics="map", top_k=np.int64(3), out="~/results")  # type: ignore[arg-type]
    assert (found.folder, found.inputs["top_k"]) == (tmp_path / "home" / "results", 3)
    assert read_results("~/results").scores == found.scores
    with pytest.raises(DatasetError, match="a NoneType is no data set; give one, its name, or the path of a folder"):
        evaluate(None, dense())  # type: ignore[arg-type]


def test_what_was_lost_of_a_finished_folder_is_made_again(sample: Dataset, tmp_path: Path) -> None:
    """Deleting a file and evaluating again mends a folder; one without runs, which studies do not keep, is whole."""
    first = evaluate(sample, dense(), settings="mono", metrics="map", out=tmp_path / "out")
    (tmp_path / "out" / "per_query.parquet").unlink()
    again = evaluate(sample, dense(), settings="mono", metrics="map", out=tmp_path / "out")
    assert (tmp_path / "out" / "per_query.parquet").exists()
    assert again.scores == first.scores
    (tmp_path / "out" / "runs.parquet").unlink()
    assert evaluate(sample, dense(), settings="mono", metrics="map", out=tmp_path / "out").scores == first.scores
    with pytest.raises(ResultsError, match=r"runs\.parquet does not exist; delete .*/out and evaluate again"):
        again.to_trec(tmp_path / "trec")


class Interrupted:
    """A retriever that fails after some tasks, and says which it was asked."""

    name = "interrupted"

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.asked: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"type": "interrupted"}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        self.asked = [task.name for task in tasks]
        for number, ranking in enumerate(dense().retrieve(tasks, top_k)):
            if number == self.after:
                raise KeyboardInterrupt
            yield ranking


def test_an_interrupted_evaluation_goes_on_where_it_stopped(sample: Dataset, tmp_path: Path) -> None:
    """Finished tasks are not asked again, and the results are those of one uninterrupted call."""
    with pytest.raises(KeyboardInterrupt):
        evaluate(sample, Interrupted(5), settings="mono", out=tmp_path / "out")
    assert not (tmp_path / "out" / "results.json").exists()
    second = Interrupted(None)
    resumed = evaluate(sample, second, settings="mono", out=tmp_path / "out")
    assert second.asked == [task.name for task in sample.tasks("mono")][5:]
    whole = evaluate(sample, Interrupted(None), settings="mono")
    assert resumed.scores == whole.scores
    assert not (tmp_path / "out" / "parts").exists()


@pytest.mark.parametrize("size", [0, 20, -200, None])
def test_a_damaged_part_is_one_line(sample: Dataset, tmp_path: Path, size: int | None) -> None:
    """Half a file of a finished task, or one whose bytes changed, is named; half of one before anything is measured."""
    with pytest.raises(KeyboardInterrupt):
        evaluate(sample, Interrupted(2), settings="mono", out=tmp_path / "out")
    part = sorted((tmp_path / "out" / "parts").glob("*.npz"))[0]
    content = part.read_bytes()
    part.write_bytes(content[:size] if size is not None else content[:200] + bytes(50) + content[250:])
    again = Interrupted(None)
    with pytest.raises(
        ResultsError, match=rf"{part} is damaged .*; delete it, mono:.. is then measured again"
    ) as error:
        evaluate(sample, again, settings="mono", out=tmp_path / "out")
    assert "\n" not in str(error.value)
    part.unlink()
    whole = evaluate(sample, Interrupted(None), settings="mono")
    assert evaluate(sample, Interrupted(None), settings="mono", out=tmp_path / "out").scores == whole.scores


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"metrics": "map"}, r"metrics lacks now \[.*ndcg@10"),
        ({"settings": "mono,cross"}, r"tasks has now \[.*cross:ar-de"),
        ({"top_k": 7}, "top_k was null and is now 7"),
        ({"name": "other"}, 'name was "letters" and is now "other"'),
    ],
)
def test_a_folder_of_other_inputs_is_refused(
    sample: Dataset, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    """The message says which inputs differ; results of two evaluations are never mixed."""
    evaluate(sample, dense(), settings="mono", out=tmp_path / "out")
    with pytest.raises(ResultsError, match=problem):
        evaluate(sample, dense(), **{"settings": "mono", "out": tmp_path / "out", **change})


def test_another_retriever_is_refused(sample: Dataset, tmp_path: Path) -> None:
    """Another prompt, other weights, and functions or objects that nothing tells apart."""
    evaluate(sample, dense(), settings="mono", out=tmp_path / "a")
    other = DenseRetriever(encode, identity="letter pairs", name="letters", query_prompt="Q: ")
    with pytest.raises(ResultsError, match=r'retriever\.query_prompt was "" and is now "Q: "'):
        evaluate(sample, other, settings="mono", out=tmp_path / "a")
    first, second = (lambda texts: encode(texts)), (lambda texts: -encode(texts))
    evaluate(sample, first, settings="mono", out=tmp_path / "b")
    evaluate(sample, first, settings="mono", out=tmp_path / "b")
    with pytest.raises(ResultsError, match=r'retriever\.fingerprint was "unidentified object'):
        evaluate(sample, second, settings="mono", out=tmp_path / "b")


def test_a_folder_of_something_else_is_refused(sample: Dataset, tmp_path: Path) -> None:
    """Files of the user are never mixed with results, nor is a file taken for a folder."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    (tmp_path / "mine" / ".results.json.12345678.part").touch()  # of an evaluation below it, say
    for path in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex"):
        with pytest.raises(ResultsError, match="exists and is not a results folder"):
            evaluate(sample, dense(), settings="mono", out=path)
    assert (tmp_path / "mine" / ".results.json.12345678.part").exists()


def scores_of(results: Results, metric: str) -> dict[tuple[str, str, str], float | None]:
    return {(s.setting, s.query_language, s.corpus_language): s.value for s in results.scores if s.metric == metric}


@pytest.mark.slow
def test_runs_that_were_written_evaluate_to_the_same_numbers(tmp_path: Path) -> None:
    """runs.parquet and the TREC files hold the ranking: read again, every metric within their depth is the same."""
    sample = load_dataset("sample", languages="de,en,th")
    metrics = "ndcg@10,recall@10,mrr@10,map@10"
    first = evaluate(sample, dense(), metrics=metrics, top_k=10, out=tmp_path / "out", trec=True)
    again = evaluate(sample, tmp_path / "out" / "runs.parquet", metrics=metrics)
    for metric in metrics.split(","):
        assert scores_of(again, metric) == scores_of(first, metric)
    for name in ("mono.de", "cross.de-en", "multi.de"):
        setting = name.partition(".")[0]
        one = evaluate(sample, tmp_path / "out" / "trec" / f"{name}.trec", metrics=metrics, settings=setting)
        task = sample.task(name.replace(".", ":"))
        for metric in metrics.split(","):
            assert scores_of(one, metric)[task.key] == scores_of(first, metric)[task.key]
    # the rank distance needs more than ten ranks: it is refused, not clamped
    assert again.summary["multi"]["rank_distance"] is None
    assert again.summary["multi"]["rank_distance_bound"] is not None
    assert again.summary["multi"]["peer"] is None


def test_kept_hits_do_not_change_what_is_measured_at_full_depth(sample: Dataset) -> None:
    """With three hits kept, or none, everything is as with all of them, the share at 10 and the overlap at 100 too."""
    found = [evaluate(sample, dense(), settings="multi", metrics="map", top_k=k) for k in (3, None, 1000)]
    few, none, all_ = (results.summary["multi"] for results in found)
    assert few == none == all_
    assert few["same_language_share@10"] is not None
    assert few["consistency_rbo@100"] is not None


def test_the_files_hold_json_numbers_and_typed_columns(sample: Dataset, tmp_path: Path) -> None:
    """No NaN in JSON, nulls in parquet, runs in rank order with unique passages."""
    evaluate(sample, dense(), settings="multi", top_k=5, out=tmp_path / "out")
    record = json.loads((tmp_path / "out" / "results.json").read_text(), parse_constant=pytest.fail)
    assert record["inputs"]["dataset_fingerprint"] == sample.fingerprint
    assert record["retriever"]["fingerprint"] == "letter pairs"
    assert record["summary"]["multi"]["epsilon_squared"] is not None
    runs = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert len(runs) == 5 * sum(len(task.rows) for task in sample.tasks("multi"))
    for before, after in itertools.pairwise(runs):
        if before["query_id"] == after["query_id"]:
            assert after["rank"] == before["rank"] + 1
            assert (before["score"], before["passage_id"]) > (after["score"], after["passage_id"])


@pytest.mark.parametrize(
    ("call", "error", "problem"),
    [
        (lambda d: evaluate("smaple", encode), DatasetError, "did you mean 'sample'"),
        (lambda d: evaluate("sample", encode, languages="de,xx"), BeirHybridError, "xx"),
        (lambda d: evaluate(d, encode, languages="de"), DatasetError, r"belong to load_dataset\(\.\.\.\)"),
        (lambda d: evaluate(d, encode, settings="mno"), BeirHybridError, "did you mean 'mono'"),
        (lambda d: evaluate(d, encode, metrics="ndgc@10"), MetricError, "did you mean 'ndcg'"),
        (lambda d: evaluate(d, encode, top_k=0), RetrieverError, "top_k is 0; expected a whole number of 1 or more"),
        (lambda d: evaluate(d, encode, top_k="3"), RetrieverError, "top_k is '3'; expected a whole number"),
        (lambda d: evaluate(d, 5), RetrieverError, "int is no retriever"),
        (lambda d: evaluate(d, "gone/run.trec"), RunError, r"gone/run\.trec does not exist"),
        (lambda d: evaluate(d, Silent()), RetrieverError, "silent returned no ranking of mono:ar, mono:de"),
    ],
)
def test_wrong_input_is_one_clear_line(
    sample: Dataset, call: Callable[[Dataset], Results], error: type[Exception], problem: str
) -> None:
    """What was got and what was expected, before anything is computed."""
    with pytest.raises(error, match=problem) as found:
        call(sample)
    assert "\n" not in str(found.value)


class Silent:
    """A retriever that answers nothing."""

    name = "silent"

    def describe(self) -> dict[str, Any]:
        return {}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        yield from ()


def test_a_query_nothing_is_found_for_counts_and_is_reported(sample: Dataset) -> None:
    """A BEIR search object that leaves one query out: 0 for it, and one missing query in the scores."""

    class Forgetful:
        def search(self, corpus: Any, queries: Any, top_k: int, score_function: str) -> Any:
            return {query: dict.fromkeys(corpus, 1.0) for query in list(queries)[1:]}

    results = evaluate(sample, Forgetful(), settings="mono", metrics="recall@100")
    assert {(s.queries, s.missing_queries) for s in results.scores} == {(30, 1)}
    assert results.value("mono", "recall@100") == pytest.approx(29 / 30)


@pytest.mark.data
def test_real_data_agrees_with_pytrec_eval_at_full_depth() -> None:
    """XQuAD-R in two languages: mAP, nDCG and recall of all settings are trec_eval's on the whole ranking."""
    import pytrec_eval

    if not os.environ.get("BEIR_HYBRID_DATA"):
        pytest.skip("BEIR_HYBRID_DATA is not set")
    dataset = load_dataset("xquad-r", languages="de,en")
    retriever = DenseRetriever(encode, similarity="dot")
    results = evaluate(dataset, retriever, metrics="map,ndcg@10,recall@100,mrr")
    names = {"map": "map", "ndcg@10": "ndcg_cut_10", "recall@100": "recall_100", "mrr": "recip_rank"}
    for ranking in retriever.retrieve(dataset.tasks(), 10**6):
        task = ranking.task
        _, _, qrels = BeirView(task).load()
        # few queries at a time: the mappings of a whole ranking are large; scores only have to order alike
        asked = list(range(0, len(task.rows), 8))
        run = {}
        for row in asked:
            span = slice(ranking.hits.indptr[row], ranking.hits.indptr[row + 1])
            run[task.query_ids[row]] = {
                task.passage_ids[p]: s
                for p, s in zip(ranking.hits.passages[span].tolist(), ranking.hits.scores[span].tolist(), strict=True)
            }
        oracle = pytrec_eval.RelevanceEvaluator(
            {query: qrels[query] for query in run}, {"map", "ndcg_cut.10", "recall.100", "recip_rank"}
        ).evaluate(run)
        ours = score_task(ranking, asked_metrics(list(names))).per_query
        for metric, name in names.items():
            theirs = [oracle[task.query_ids[row]][name] for row in asked]
            assert ours[metric][asked] == pytest.approx(theirs, abs=1e-9)
            mean = next(s.value for s in results.scores if s.metric == metric and
                        (s.setting, s.query_language, s.corpus_language) == task.key)  # fmt: skip
            assert ours[metric].mean() == pytest.approx(mean, abs=1e-12)
