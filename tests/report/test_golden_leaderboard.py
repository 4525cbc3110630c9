"""Every number and rank of a leaderboard, in every form, against those of `golden`."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.published.leaderboard import build_leaderboard
from beir_hybrid.report.leaderboard_tables import panel
from beir_hybrid.report.page import render_page
from tests.tables_read import Tables, tables_of_latex, tables_of_markdown, tables_of_text

BOARD = {
    "toy (test), mono: means": [
        ["system", "source", "langs", "map"],
        ["b", "b", "2", "0.625"], ["a", "a", "2", "0.500"], ["c", "c", "2", "0.400"],
    ],
    "toy (test), cross: means": [
        ["system", "source", "langs", "map"],
        ["b", "b", "2", "0.625"], ["a", "a", "2", "0.500"], ["c", "c", "2", "0.400"],
    ],
    "toy (test), multi: means": [
        ["system", "source", "langs", "map", "rank dist", "same@10"],
        ["b", "b", "2", "0.625", "40", "0.900"],
        ["a", "a", "2", "0.500", "100", "0.500"],
        ["c", "c", "2", "0.400", ">=16", "0.500"],
    ],
    "toy (test), mono: map by query language": [
        ["system", "de", "en", "mean"],
        ["b", "0.750", "0.500", "0.625"], ["a", "0.500", "0.500", "0.500"], ["c", "0.300", "0.500", "0.400"],
    ],
    "toy (test), multi: rank_distance by query language": [
        ["system", "de", "en", "mean"],
        ["b", "40", "40", "40"], ["a", "100", "100", "100"], ["c", ">=16", ">=16", ">=16"],
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "read"), [("table", tables_of_text), ("markdown", tables_of_markdown), ("latex", tables_of_latex)]
)
def test_every_number_and_rank_of_the_leaderboard(folders: list[Path], command: Any, form: str, read: Any) -> None:
    """The best first by the first metric, bounds as bounds, every language and the mean, in every form."""
    done = command("leaderboard", "toy", *folders, "--per-language", "--format", form)
    found = read(done.out.replace(r"$\geq$", ">="))
    for title, rows in BOARD.items():
        assert [[Path(cell).name if "/" in cell else cell for cell in row] for row in found[title]] == rows, title
    assert ">=: a lower bound; some relevant passages were not retrieved and have no rank." in done.out
    if form == "markdown":  # system and source are text, all else numbers
        assert set(re.findall(r"^\| --- .*", done.out, re.MULTILINE)) >= {"| --- | --- | --: | --: |"}


def test_every_number_of_the_leaderboard_as_csv_and_json(folders: list[Path], command: Any) -> None:
    """Unrounded, with what is a bound; the two hold the same rows."""
    rows = list(csv.DictReader(io.StringIO(command("leaderboard", "toy", *folders, "--format", "csv").out)))
    record = json.loads(command("leaderboard", "toy", *folders, "--format", "json").out)
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in record["rows"]] == rows
    found = {(row["name"], row["setting"], row["query_language"], row["metric"]): row for row in record["rows"]}
    wanted = {
        ("b", "mono", "de", "map"): (0.75, False, 1), ("b", "cross", "mean", "map"): (0.625, False, 2),
        ("c", "multi", "mean", "rank_distance"): (16.0, True, 2),
        ("a", "multi", "en", "rank_distance"): (100.0, False, 1),
    }  # fmt: skip
    for key, values in wanted.items():
        assert tuple(found[key][name] for name in ("value", "at_least", "languages")) == values, key


def test_a_leaderboard_of_some_settings_and_metrics(folders: list[Path], command: Any) -> None:
    """What was asked for and no more; a metric that nobody measured is named with the nearest."""
    done = command("leaderboard", "toy", *folders, "--settings", "multi", "--metrics", "map,rank_distance")
    assert list(tables_of_text(done.out)) == ["toy (test), multi: means"]
    assert tables_of_text(done.out)["toy (test), multi: means"][0] == ["system", "source", "langs", "map", "rank dist"]
    done = command("leaderboard", "toy", *folders, "--metrics", "rank_distanc")
    assert "nothing is known of metric 'rank_distanc'; did you mean 'rank_distance'?" in done.err


def test_the_best_rank_distance_is_the_lowest_that_is_known(folders: list[Path], command: Any) -> None:
    """40 is best; a bound of 16 is below both, in the summary and in every ranking."""
    comparison = compare(folders, metrics="rank_distance", settings="multi")
    found = Tables(render_page(comparison))
    assert "multi: best rank_distance 40 by b" in " ".join(found.words.split())
    rows = found.found["Query language: mean over all"]
    assert [row[:2] for row in rows[2:]] == [["b", "40 ▲"], ["a baseline", "100"], ["c", "≥ 16"]]
    done = command("leaderboard", "toy", *folders, "--metrics", "rank_distance", "--format", "markdown")
    order = re.findall(r"^\| (\w) \|.* (\S+) \|$", done.out, re.MULTILINE)
    assert order == [("b", "40"), ("a", "100"), ("c", ">=16")]


def test_means_over_other_numbers_of_languages_say_so(folders: list[Path], make_folder: Any) -> None:
    """A column of how many, only where they differ; one language alone has no such column."""
    german = make_folder("d", {"mono:de": {"map": [0.5] * 6}})
    comparison = compare([folders[0], german], intersect=True, settings="mono")
    assert Tables(render_page(comparison)).found["Query language: mean over all"][1][1] == "map"
    board = build_leaderboard("toy", [read_results(folder) for folder in (folders[0], german)], settings="mono")
    made = [panel(board, language, [("mono", "map")]) for language in ("mean", "de")]
    assert [each and each.counted for each in made] == [True, False]
    assert panel(board, "mean", [("mono", "recall@1")]) is None, "a column without a value is left out"
