"""No number under a name it has not earned: depths, ties, silence, time and other hands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, Passages, Queries, evaluate, load_dataset
from beir_hybrid.comparison import compare
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.published.check import expectations
from beir_hybrid.published.leaderboard import build_leaderboard
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task


class ByPosition:
    """A BEIR search object: the passages in the order of their ids, as many as are asked for."""

    def search(self, corpus: Any, queries: Any, top_k: int, score_function: str) -> dict[str, dict[str, float]]:
        return {query: {key: 1.0 / at for at, key in enumerate(sorted(corpus)[:top_k], 1)} for query in queries}


def test_a_cutoff_deeper_than_top_k_makes_the_search_deeper() -> None:
    """`--top-k 5 --metrics recall@100` is recall at 100: the run that is kept is cut, not what is measured."""
    sample = load_dataset("sample", languages="de")
    deep, kept = (evaluate(sample, ByPosition(), metrics="recall@100,recall@1", top_k=k) for k in (200, 5))
    assert kept.scores == deep.scores
    assert kept.value("mono", "recall@100") == 1.0
    assert not any(score.is_bound for score in kept.scores if score.metric.startswith("recall"))


@pytest.mark.slow
def test_a_bound_is_not_tested_against_a_value(tmp_path: Path) -> None:
    """The same ranking cut at 5 is no worse at 100: the comparison is refused, and says what to do instead."""
    sample = load_dataset("sample", languages="de")
    task = sample.task("mono:de")
    whole = ByPosition().search(BeirView(task).load()[0], task.query_ids, 100, "")
    for name, depth in (("whole", 100), ("five", 5), ("again", 5)):
        run = {query: dict(list(found.items())[:depth]) for query, found in whole.items()}
        evaluate(sample, run, settings="mono", metrics="recall@20,recall@1", out=tmp_path / name, name=name)
    folders = [tmp_path / name for name in ("whole", "five", "again")]
    message = (
        r"recall@20 of mono:de:de is a lower bound in .*/five, whose rankings are 5 passages deep, and none of that "
        r"depth in .*/whole; evaluate again with --top-k 20 \(.*\), or compare --metrics recall@1,tied_share"
    )
    with pytest.raises(BeirHybridError, match=message):
        compare(folders, draws=10)
    assert compare(folders, draws=10, metrics="recall@1").metrics == ("recall@1",)
    assert compare(folders[1:], draws=10).metrics == ("recall@20", "recall@1", "tied_share")


def both(own: bool = True) -> Dataset:
    """Three arguments that are their own queries, each answered by the next."""
    texts = ["a", "b", "c", "d"]
    ids = [f"en-p-{at}" for at in range(4)]
    return Dataset(
        "arguments", "test", {"en": Passages("en", ids, texts)},
        {"en": Queries("en", [f"en-q-{at}" for at in range(4)], texts)},
        {f"en-q-{at}": {ids[(at + 1) % 4]: 1} for at in range(4)},
        own_passages={f"en-q-{at}": ids[at] for at in range(3)},
    )  # fmt: skip


def test_a_query_taken_out_of_its_own_ranking_costs_no_hit(tmp_path: Path) -> None:
    """top_k hits are kept of every query, of those that stand in the corpus and of those that do not."""
    import pyarrow.parquet as pq

    evaluate(both(), ByPosition(), metrics="recall@1", top_k=2, out=tmp_path)
    queries = pq.read_table(tmp_path / "runs.parquet")["query_id"].to_pylist()
    assert {query: queries.count(query) for query in queries} == dict.fromkeys([f"en-q-{at}" for at in range(4)], 2)


def test_a_query_taken_out_of_a_cut_run_leaves_it_less_deep() -> None:
    """Two passages a query, one of them itself: what stands second is not known."""
    run = {f"en-q-{at}": {f"en-p-{at}": 2.0, "en-p-3": 1.0} for at in range(3)}
    results = evaluate(both(), run, metrics="recall@1,recall@2")
    assert {(s.metric, s.depth, s.is_bound) for s in results.scores if s.metric.startswith("recall")} == {
        ("recall@1", 1, False), ("recall@2", 1, True)
    }  # fmt: skip


def test_vectors_of_zeros_answer_nothing() -> None:
    """A query or passage without a direction is ranked by the alphabet alone: it is counted as not answered."""

    def encode(texts: list[str]) -> np.ndarray:
        return np.array([[0.0, 0.0] if text == "c" else [1.0, len(text)] for text in texts], dtype=np.float32)

    results = evaluate(both(), encode, metrics="map")
    assert {(score.queries, score.missing_queries) for score in results.scores} == {(4, 1)}
    assert "queries for which nothing was retrieved (they score 0): mono 1" in str(results)


def test_what_ties_decide_is_measured_and_said() -> None:
    """Equal scores are ordered by id, and ids begin with the language: the distance with ties the other way stands
    beside the distance, and one line says how much of the ranks is a matter of ids."""
    passages = {x: Passages(x, [f"{x}-p-{at}" for at in range(2)], ["t"] * 2) for x in ("de", "en")}
    queries = {"en": Queries("en", ["en-q-0"], ["t"])}
    dataset = Dataset("ties", "test", passages, queries, {"en-q-0": {"de-p-0": 1, "en-p-1": 1}})
    results = evaluate(dataset, {"en-q-0": {"en-p-1": 1.0, "en-p-0": 1.0, "de-p-1": 1.0, "de-p-0": 0.5}}, metrics="map")
    # in order: en-p-1, en-p-0, de-p-1 (tied), de-p-0; the other way de-p-1, en-p-0, en-p-1, de-p-0
    assert results.value("multi", "rank_distance") == 3
    assert results.value("multi", "rank_distance_reversed") == 1
    assert results.value("multi", "tied_share") == 1 / 2
    line = "ranks of judged passages that a tie of scores decided: multi 50.0%; with ties broken the opposite way, "
    assert line + "rank dist 1" in str(results)
    without = evaluate(dataset, {"en-q-0": {"en-p-1": 1.0, "de-p-0": 0.5}}, metrics="map")
    assert without.value("multi", "tied_share") == 0
    assert "a tie of scores decided" not in str(without)


class Slow:
    """Takes its time, and stops after some tasks."""

    name = "slow"

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks

    def describe(self) -> dict[str, Any]:
        return {"type": "slow"}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        import time

        for task in tasks[: self.tasks]:
            time.sleep(0.1)
            yield Ranking.of_hits(task, Hits.sorted(len(task.rows), [0], [0], [1.0]))
        if len(tasks) > self.tasks:
            raise KeyboardInterrupt


def test_seconds_are_those_of_every_call_that_filled_the_folder(tmp_path: Path) -> None:
    """A resumed evaluation counts what the interrupted one did; the versions of what measured are recorded."""
    from beir_hybrid import __version__

    sample = load_dataset("sample", languages="de,en,es,ar")
    with pytest.raises(KeyboardInterrupt):
        evaluate(sample, Slow(3), settings="mono", out=tmp_path)
    results = evaluate(sample, Slow(4), settings="mono", out=tmp_path)
    assert results.seconds >= 0.4
    assert results.inputs["version"] == results.versions["beir-hybrid"] == __version__


def test_a_folder_of_ones_own_is_not_the_published_set_it_is_named_like(tmp_path: Path) -> None:
    """A folder called xquad-r has other contents than XQuAD-R: none of the published figures is about it."""
    folder = tmp_path / "xquad-r"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "1", "text": "one"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "a", "text": "one"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\t1\t1\n")
    dataset = load_dataset(str(folder), languages="en")
    results = evaluate(dataset, {"en-q-a": {"en-p-1": 1.0}}, metrics="map")
    assert (results.dataset, results.split) == ("xquad-r", "test")
    assert {system.kind for system in build_leaderboard("xquad-r", [results]).systems} == {"ours"}
    assert {system.kind for system in build_leaderboard("xquad-r").systems} == {"published"}
    wanted = next(each for each in expectations() if each.dataset == "xquad-r")
    same = replace(results, retriever=dict(wanted.match))
    assert not wanted.is_about(same)
    assert wanted.is_about(replace(same, inputs={**same.inputs, "dataset_folder": ""}))


def spaced() -> Dataset:
    """Ids with spaces in them, as BEIR's JSON allows."""
    ids = ["en-a b", "en-a c"]
    return Dataset("spaced", "test", {"en": Passages("en", ids, ["x", "y"])}, {"en": Queries("en", ["en-q 1"], ["x"])},
                   {"en-q 1": {"en-a b": 1}})  # fmt: skip


def test_ids_with_spaces_come_back_from_trec_files(tmp_path: Path) -> None:
    """A run and judgments written as TREC's are read again, whatever is in the ids."""
    from beir_hybrid.evaluation.kept_runs import write_trec_qrels
    from beir_hybrid.readers.judgments import read_judgments

    run: Mapping[str, Mapping[str, float]] = {"en-q 1": {"en-a b": 2.0, "en-a c": 3.0}}
    first = evaluate(spaced(), run, metrics="map", out=tmp_path / "out", trec=True)
    again = evaluate(spaced(), tmp_path / "out" / "trec" / "mono.en.trec", metrics="map")
    assert again.scores == first.scores
    assert first.value("mono", "map") == 1 / 2
    (judgment,) = read_judgments(write_trec_qrels(tmp_path / "qrels.trec", spaced().task("mono:en")))
    assert judgment[2:] == ("en-q 1", "en-a b", 1)


@pytest.mark.slow
def test_results_go_to_other_libraries_from_the_object(tmp_path: Path) -> None:
    """`print(results)` is the command's table; the runs come as ranx's and as TREC's, the scores as pandas'."""
    from beir_hybrid.evaluation.table import render_table

    sample = load_dataset("sample", languages="de,en")
    results = evaluate(sample, ByPosition(), metrics="map", settings="mono", out=tmp_path / "out")
    assert str(results) == repr(results) == render_table(results)
    run = results.to_ranx("mono:de")
    assert run.name == results.name
    assert set(run.run) == set(sample.task("mono:de").query_ids)
    paths = results.to_trec(tmp_path / "trec")
    assert [path.name for path in paths] == ["mono.de.trec", "mono.en.trec"]
    right = paths[0].read_text()
    paths[0].write_text("another system's\n")  # whatever was there before, these are this one's runs
    assert results.to_trec(tmp_path / "trec") == paths
    assert paths[0].read_text() == right
    assert evaluate(sample, paths[0], metrics="map").value("mono", "map") == results.value("mono", "map", "de")
    assert list(results.to_pandas()["metric"].unique()) == ["map", "tied_share"]
    in_memory = evaluate(sample, ByPosition(), metrics="map", settings="mono")
    with pytest.raises(BeirHybridError, match="keeps no runs: evaluate with out="):
        in_memory.to_ranx("mono:de")
