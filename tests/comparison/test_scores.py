"""Reading result folders: aligned by id, and what is wrong with damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from beir_hybrid.comparison import load_per_query
from beir_hybrid.errors import ResultsError

TASKS = {"mono:de": {"map": [1.0, 0.5]}, "multi:de": {"map": [0.2, 0.4], "rank_distance": [3.0, None]}}


def test_scores_are_in_the_order_of_ids(make_folder: Any) -> None:
    """Rows in any order are found by query id; a metric not measured in a task is not there."""
    scores = load_per_query(make_folder("a", TASKS, shuffle=True))
    assert list(scores.tasks) == [("mono", "de", "de"), ("multi", "de", "all")]
    mono, multi = scores.tasks.values()
    assert mono.query_ids == ("de-q0", "de-q1")
    assert mono.groups == ("g0", "g1")
    assert mono.metrics["map"].tolist() == [1.0, 0.5]
    assert list(mono.metrics) == ["map"]
    assert multi.metrics["rank_distance"][0] == 3
    assert np.isnan(multi.metrics["rank_distance"][1])


def test_tasks_are_in_the_order_of_settings_and_languages(make_folder: Any) -> None:
    """The query's language before the passages', in whatever order they were measured."""
    names = ("multi:de", "cross:en-de", "cross:de-en", "mono:en", "mono:de")
    tasks = load_per_query(make_folder("a", {name: {"map": [1.0, 0.5]} for name in names})).tasks
    assert [":".join(key) for key in tasks] == [
        "mono:de:de", "mono:en:en", "cross:de:en", "cross:en:de", "multi:de:all"
    ]  # fmt: skip


def rewritten(folder: Path, column: str, values: Any) -> Path:
    path = folder / "per_query.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), path)
    return folder


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "map of query 'de-q1' is nan, no score"),
        (float("inf"), "map of query 'de-q1' is inf, no score"),
        (None, r"map of query 'de-q1' in mono:de:de is missing \(1 of 2 queries\)"),
    ],
)
def test_scores_that_are_none_are_refused(make_folder: Any, value: float | None, problem: str) -> None:
    """NaN, infinity and a gap in a metric every query has a value of: the query is named."""
    folder = rewritten(make_folder("a", TASKS), "map", [1.0, value, 0.2, 0.4])
    with pytest.raises(ResultsError, match=problem):
        load_per_query(folder)


def test_a_repeated_query_is_refused(make_folder: Any) -> None:
    """A query that stands twice in a task would be counted twice."""
    folder = rewritten(make_folder("a", TASKS), "query_id", ["de-q0"] * 4)
    with pytest.raises(ResultsError, match="query 'de-q0' stands twice in mono:de:de"):
        load_per_query(folder)


def test_missing_and_damaged_files(make_folder: Any, tmp_path: Path) -> None:
    """No per-query file, one that is not parquet, one without a column, one without a task, results of the future."""
    folder = make_folder("a", TASKS)
    path = folder / "per_query.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["group"]), path)
    with pytest.raises(ResultsError, match="no column 'group'"):
        load_per_query(folder)
    pq.write_table(table.filter(pc.equal(table["setting"], "mono")), path)
    with pytest.raises(ResultsError, match="holds no queries of multi:de:all"):
        load_per_query(folder)
    path.write_text("not parquet")
    with pytest.raises(ResultsError, match=r"per_query\.parquet: not a parquet file"):
        load_per_query(folder)
    path.unlink()
    with pytest.raises(ResultsError, match=r"per_query\.parquet does not exist, and without scores by query"):
        load_per_query(folder)
    record = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**record, "schema": 2}))
    with pytest.raises(ResultsError, match="schema 2; this version reads schema 1: upgrade"):
        load_per_query(folder)
    with pytest.raises(ResultsError, match="does not exist; give a folder"):
        load_per_query(tmp_path / "none")
