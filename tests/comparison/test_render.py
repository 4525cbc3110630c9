"""Tables for people, rows for programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from beir_hybrid import compare
from beir_hybrid.comparison.render import render
from beir_hybrid.errors import ComparisonError


@pytest.fixture
def comparison(make_folder: Any) -> Any:
    """b is better than a_1 in every query, and its rank distance is lower."""
    one = {"mono:de": {"map": [0.1234, 0.2] * 5}, "multi:de": {"map": [0.1, 0.1] * 5, "rank_distance": [30.0, 50] * 5}}
    two = {"mono:de": {"map": [0.9, 0.8] * 5}, "multi:de": {"map": [0.1, 0.1] * 5, "rank_distance": [20.0, 10] * 5}}
    return compare([make_folder("a_1", one), make_folder("b|2", two)])


def test_a_table_marks_what_is_better(comparison: Any) -> None:
    """▲ beside a higher map and beside a lower rank distance; ranks are whole, the rest has three decimals."""
    lines = render(comparison, "table").splitlines()
    assert "toy (test), baseline a_1; paired permutation test (10,000 draws), corrected: max-t" in lines
    assert [line.split() for line in lines if line.startswith(("a_1", "b|2"))] == [
        ["a_1", "0.162"], ["b|2", "0.850", "▲"], ["a_1", "0.100", "40"], ["b|2", "0.100", "15", "▲"]
    ]  # fmt: skip
    assert any(line.split()[:5] == ["metric", "system", "delta", "95%", "interval"] for line in lines)
    assert any("-25.0 ▲" in line and "10/0/0" in line for line in lines)


def test_markdown_is_escaped(comparison: Any) -> None:
    """A name with a bar does not make a column."""
    text = render(comparison, "markdown")
    assert "| b\\|2 | 0.850 ▲ |" in text
    rows = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows[:4]} == {3}


def test_latex_is_escaped(comparison: Any) -> None:
    """Underscores and percent signs of names and heads compile."""
    text = render(comparison, "latex")
    assert "a\\_1 & 0.162 \\\\" in text
    assert "0.850$^{\\blacktriangle}$" in text
    assert "95\\% interval" in text
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") > 0


def test_csv_and_json_are_not_rounded(comparison: Any) -> None:
    """Every row with every digit; an empty cell and null where there is no value."""
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    record = json.loads(render(comparison, "json"))
    assert list(record) == [
        "version", "dataset", "split", "baseline", "test", "correction", "alpha", "seed", "draws", "intersect",
        "settings", "metrics", "rows",
    ]  # fmt: skip
    assert len(rows) == len(record["rows"]) == len(comparison.rows)
    assert rows[0]["delta"] == ""
    assert record["rows"][0]["delta"] is None
    assert float(rows[0]["value"]) == record["rows"][0]["value"] == comparison.rows[0].value
    assert list(rows[0]) == list(record["rows"][0]) == [
        "name", "dataset", "setting", "query_language", "corpus_language", "metric", "value", "delta", "ci_low",
        "ci_high", "p", "p_corrected", "wins", "ties", "losses", "queries", "effect", "at_least",
    ]  # fmt: skip


def test_one_system_has_a_table_of_values(make_folder: Any) -> None:
    """No differences, no marks to explain."""
    text = render(compare([make_folder("a", {"mono:de": {"map": [0.5]}})]), "table")
    assert text.splitlines() == [
        "mono: mean over languages",
        "system    map",
        "a       0.500",
        "",
        "toy (test); 95% intervals: bootstrap over question groups",
    ]


def test_an_unknown_format(comparison: Any) -> None:
    """With the closest one there is."""
    with pytest.raises(ComparisonError, match="unknown format 'tabel'; did you mean 'table'"):
        render(comparison, "tabel")


def test_per_language_every_pair_is_a_row(make_folder: Any) -> None:
    """Is b better than a from German to English? Queries, difference, interval, p and corrected p stand there."""
    one = {"cross:de-en": {"map": [0.1] * 20}, "cross:en-de": {"map": [0.5] * 20}}
    two = {"cross:de-en": {"map": [0.9] * 20}, "cross:en-de": {"map": [0.5] * 20}}
    comparison = compare([make_folder("a", one), make_folder("b", two)])
    text = render(comparison, "table", per_language=True)
    lines = text[text.index("cross: map by language, against a") :].splitlines()
    assert lines[1].split() == [
        "language", "system", "queries", "delta", "95%", "interval", "p", "p", "corrected", "effect", "wins/ties/losses"
    ]  # fmt: skip
    assert lines[2].split() == [
        "de-en",
        "b",
        "20",
        "+0.800",
        "▲",
        "[+0.800,",
        "+0.800]",
        "<.001",
        "<.001",
        "-",
        "20/0/0",
    ]
    assert lines[3].split() == ["en-de", "b", "20", "0.000", "[0.000,", "0.000]", "1.000", "1.000", "-", "0/20/0"]


@pytest.mark.parametrize(
    ("queries", "options", "said"),
    [
        (5, {}, "toy: with 5 question groups no p can be below 0.062, too few to show a difference"),
        (1, {}, "toy: with 1 question group no p can be below 1.000, too few to show a difference"),
        (6, {}, ""),
        (6, {"draws": 15}, "the test leaves no p below 0.062 at 15 draws: use more --draws"),
        (6, {"draws": 19}, ""),
        (
            6,
            {"draws": 30, "correction": "holm"},
            "of 2 tests Holm's correction leaves no p below 0.065 at 30 draws: use --correction",
        ),
        (5, {"test": "student"}, ""),
    ],
)
def test_what_no_difference_could_be_shown_by_is_said(
    make_folder: Any, queries: int, options: dict[str, Any], said: str
) -> None:
    """Too few question groups, too few draws, or too many tests for Holm: nothing could be marked, and that is why."""
    folders = [make_folder(name, {f"mono:{code}": {"map": [0.5] * queries} for code in ("de", "en")}) for name in "ab"]
    last = render(compare(folders, **options), "table").splitlines()[-1]
    assert last.startswith(said or "95% intervals")


def test_questions_without_groups_are_said_to_count_as_independent(make_folder: Any) -> None:
    """No question is asked in two languages: said; where one is, or there is one language, nothing."""
    said = "toy: no question is asked in two languages"
    own = make_folder("a", {"mono:de": {"map": [0.5] * 3}})
    shared = make_folder("b", {f"mono:{code}": {"map": [0.5] * 3} for code in ("de", "en")})
    tasks = {"c": ("mono:de", "mono:en"), "d": ("cross:de-en", "cross:fr-en")}
    apart = [make_folder(name, {task: {"map": [0.5] * 3} for task in own}) for name, own in tasks.items()]
    for folder in apart:
        table = pq.read_table(folder / "per_query.parquet")
        at = table.column_names.index("group")
        pq.write_table(table.set_column(at, "group", table.column("query_id")), folder / "per_query.parquet")
    found = [said in render(compare([each]), "table") for each in (own, shared, *apart)]
    assert found == [False, False, True, True]


def test_a_setting_that_only_some_systems_have_is_said_to_be_left_out(make_folder: Any) -> None:
    """But not where the settings were chosen."""
    both = make_folder("a", {task: {"map": [0.5] * 3} for task in ("mono:de", "cross:de-en")})
    one = make_folder("b", {"mono:de": {"map": [0.5] * 3}})
    said = "toy: not compared, for not every system has it: cross"
    found = [said in render(compare([both, one], settings=asked), "table") for asked in (None, "mono")]
    assert found == [True, False]


@pytest.mark.parametrize(("metrics", "there"), [(("map", "mrr@10"), True), (("map", "map"), False), (("map",), False)])
def test_data_sets_without_a_mean_say_so(make_folder: Any, metrics: tuple[str, ...], there: bool) -> None:
    """Where they have no metric in common; one alone has no mean to miss."""
    folders = [
        make_folder(f"{at}", {"mono:de": {metric: [0.5] * 3}}, name="a", dataset=f"set-{at}")
        for at, metric in enumerate(metrics)
    ]
    assert ("no mean over the data sets" in render(compare(folders), "table")) == there
