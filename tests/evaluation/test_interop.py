"""Runs, judgments and results in other libraries' hands and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from beir_hybrid import evaluate, load_dataset, read_results
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import ResultsError, RunError
from beir_hybrid.evaluation.kept_runs import read_hits, write_trec_qrels
from beir_hybrid.readers.judgments import read_judgments
from beir_hybrid.records import Passages, Queries
from beir_hybrid.retrieval.recognise import as_retriever


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("sample", languages=["de", "en"])


def run_of(dataset: Dataset) -> dict[str, dict[str, float]]:
    """For each German question the answers first, then three passages of the pool."""
    pool = [*dataset.passages["de"].ids[:2], dataset.passages["en"].ids[0]]
    found = {}
    for query in dataset.queries["de"].ids:
        answers = dataset.qrels[query]
        found[query] = {**dict.fromkeys(pool, 1.0), **dict.fromkeys(answers, 2.0)}
    return found


@pytest.fixture
def folder(sample: Dataset, tmp_path: Path) -> Path:
    """BEIR's results, evaluated."""
    evaluate(sample, run_of(sample), settings=None, out=tmp_path / "out", name="mine")
    return tmp_path / "out"


def test_beir_results_are_a_retriever(sample: Dataset, folder: Path) -> None:
    """{query: {passage: score}} in; the same is kept, equal scores in trec_eval's order."""
    task = sample.task("multi:de")
    hits = read_hits(folder, task)
    for row, query in enumerate(task.query_ids):
        own = hits.take(np.array([row]))
        found = [(score, task.passage_ids[at]) for at, score in zip(own.passages, own.scores.tolist(), strict=True)]
        assert found == sorted(((score, key) for key, score in run_of(sample)[query].items()), reverse=True)


def test_a_ranx_run_is_a_retriever(sample: Dataset, folder: Path, tmp_path: Path) -> None:
    """The same ranking as a ranx.Run has the same scores, under the Run's name."""
    results = evaluate(sample, read_results(folder).to_ranx("multi:de"), settings=None)
    assert results.name == "mine"
    assert results.value("multi", "map", "de") == 1.0


def test_results_in_memory_that_cannot_be_used() -> None:
    """Nothing in it, or a score that is no number: the query is named."""
    with pytest.raises(RunError, match="holds no ranking"):
        as_retriever({"q": {}})
    with pytest.raises(RunError, match=r"score of passage 'd' is nan \(query 'q'\)"):
        as_retriever({"q": {"d": float("nan")}})


def test_the_same_results_have_the_same_record() -> None:
    """A folder goes on only with the same content."""
    one, two, three = (as_retriever(r).describe() for r in ({"q": {"d": 1.0}}, {"q": {"d": 1.0}}, {"q": {"d": 2.0}}))
    assert one == two != three


def test_trec_qrels_are_read_again(sample: Dataset, tmp_path: Path) -> None:
    """Every judgment of a task, as TREC's tools read them."""
    task = sample.task("mono:de")
    rows = [judged[1:] for judged in read_judgments(write_trec_qrels(tmp_path / "qrels.trec", task))]
    _, _, qrels = BeirView(task).load()
    assert {(query, passage): grade for _, query, passage, grade in rows} == {
        (query, passage): grade for query, judged in qrels.items() for passage, grade in judged.items()
    }


def test_anyone_can_read_a_folder_with_pyarrow(sample: Dataset, folder: Path) -> None:
    """The columns the documentation names, nothing of ours needed to read them."""
    table = pq.read_table(folder / "per_query.parquet")
    assert table.column_names[:6] == ["setting", "query_language", "corpus_language", "query_id", "group", "retrieved"]
    assert {"map", "ndcg@10", "rank_distance"} <= set(table.column_names)
    frame = pq.read_table(folder / "runs.parquet").to_pandas()
    assert list(frame.columns) == [
        "setting", "query_language", "corpus_language", "query_id", "passage_id", "rank", "score"
    ]  # fmt: skip
    first = frame[(frame["query_id"] == "de-q-0000") & (frame["rank"] == 1)]
    assert first["score"].tolist() == [2.0]


def test_results_as_a_data_frame(sample: Dataset) -> None:
    """A row a task and metric; an undefined value is missing, not zero."""
    results = evaluate(sample, run_of(sample), settings=None)
    frame = results.to_pandas()
    assert len(frame) == len(results.scores)
    assert list(frame.columns)[:5] == ["setting", "query_language", "corpus_language", "metric", "value"]


def test_an_id_that_no_trec_file_can_hold_costs_no_evaluation(tmp_path: Path) -> None:
    """A query's is said before anything is searched; with a passage's the results are complete without such files."""

    def data(query: str, passage: str) -> Dataset:
        return Dataset(
            "tabs", "test", {"de": Passages("de", [passage], ["a"])}, {"de": Queries("de", [query], ["b"])},
            {query: {passage: 1}},
        )  # fmt: skip

    with pytest.raises(ResultsError, match=r"id 'de-q\\t1' has a tab .*no TREC file can hold it; use runs.parquet"):
        evaluate(data("de-q\t1", "de-p"), lambda texts: pytest.fail("searched"), out=tmp_path / "out", trec=True)
    with pytest.raises(ResultsError, match=r"id 'de-p\\t1' has a tab"):
        evaluate(data("de-q", "de-p\t1"), lambda texts: [[1.0]], out=tmp_path / "out", trec=True)
    assert read_results(tmp_path / "out").value("mono", "map") == 1


def test_a_ranking_is_read_without_those_of_other_tasks(sample: Dataset, tmp_path: Path) -> None:
    """What is damaged in another task's rows is not met: of a file of hundreds of rankings one is read quickly."""
    evaluate(
        sample, lambda texts: [[len(text), text.count("e") + 1.0] for text in texts], settings="mono", out=tmp_path
    )
    german, english = map(sample.task, ("mono:de", "mono:en"))
    before = read_hits(tmp_path, german)
    path = tmp_path / "runs.parquet"
    scores = pq.ParquetFile(path).metadata.row_group(1).column(6)
    content = bytearray(path.read_bytes())
    begin = scores.dictionary_page_offset or scores.data_page_offset
    content[begin + scores.total_compressed_size - 1] ^= 1
    path.write_bytes(bytes(content))
    after = read_hits(tmp_path, german)
    assert np.array_equal(after.passages, before.passages) and np.array_equal(after.scores, before.scores)
    with pytest.raises(ResultsError, match=r"cannot be read as a run.*and evaluate again"):
        read_hits(tmp_path, english)


def test_a_run_of_other_contents_is_refused(folder: Path, sample: Dataset, tmp_path: Path) -> None:
    """No file, a damaged one, a query the task does not have."""
    english = load_dataset(
        "sample", languages=["en", "fr"] if "fr" in load_dataset("sample").languages else ["en", "es"]
    )
    with pytest.raises(ResultsError, match=r"runs\.parquet does not exist"):
        read_hits(tmp_path, sample.task("mono:de"))
    (tmp_path / "runs.parquet").write_text("x")
    with pytest.raises(ResultsError, match=r"not a parquet file .*; delete .* and evaluate again"):
        read_hits(tmp_path, sample.task("mono:de"))
    table = pq.read_table(folder / "runs.parquet").to_pylist()
    import pyarrow as pa

    pq.write_table(pa.table({"qid": ["de-q-0000"], "docid": ["de-p-0000"], "score": [1.0]}), tmp_path / "runs.parquet")
    with pytest.raises(ResultsError, match="no column 'setting'; it has qid, docid, score"):
        read_hits(tmp_path, sample.task("mono:de"))  # whose rows they are nobody knows
    changed: list[dict[str, Any]] = [{**row, "query_language": "en", "query_id": "en-q-x"} for row in table]
    pq.write_table(pa.Table.from_pylist(changed), tmp_path / "runs.parquet")
    with pytest.raises(ResultsError, match="query 'en-q-x' is not asked in multi:en"):
        read_hits(tmp_path, english.task("multi:en"))
