"""Every number of the tables of a comparison, in every form, against those of `golden`."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import numpy as np
import pytest

from beir_hybrid.comparison import Comparison, compare
from beir_hybrid.comparison.render import render
from tests.report.golden import DOWN, GOLDEN, NOTES
from tests.tables_read import tables_of_latex, tables_of_markdown, tables_of_text


@pytest.mark.parametrize(
    ("form", "read"), [("table", tables_of_text), ("markdown", tables_of_markdown), ("latex", tables_of_latex)]
)
def test_every_number_and_mark_of_the_tables(comparison: Comparison, form: str, read: Any) -> None:
    """As worked out above, in every form, in their order, with nothing more."""
    text = render(comparison, form)
    found = read(text)
    assert list(found) == list(GOLDEN)
    for title, rows in GOLDEN.items():
        assert found[title] == rows, title
    if form == "markdown":  # metric and system are text, all else numbers
        assert re.search(r"^\| --- \| --- \| --: \|", text, re.MULTILINE)
    lines = text.replace("\\", "").replace("&lt;", "<").splitlines()
    assert [line.removeprefix("- ").removeprefix("% ") for line in lines[-len(NOTES) :]] == NOTES


def test_every_row_of_csv_and_json(comparison: Comparison) -> None:
    """Unrounded, every pair, with what was asked for."""
    record = json.loads(render(comparison, "json"))
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    asked = ("dataset", "split", "baseline", "test", "correction", "alpha", "seed", "draws", "intersect")
    assert [record[name] for name in asked] == ["toy", "test", "a", "permutation", "max-t", 0.05, 0, 10_000, False]
    # two of two settings and a pool with 5 metrics: 3 tasks each (a mean and two), 3 systems
    assert len(rows) == len(record["rows"]) == (1 + 1 + 5) * 3 * 3
    order = [(r["setting"], r["query_language"], r["corpus_language"]) for r in rows if r["name"] == "a"]
    assert list(dict.fromkeys(order)) == [
        ("mono", "mean", "mean"), ("mono", "de", "de"), ("mono", "en", "en"),
        ("cross", "mean", "mean"), ("cross", "de", "en"), ("cross", "en", "de"),
        ("multi", "mean", "mean"), ("multi", "de", "all"), ("multi", "en", "all"),
    ]  # fmt: skip
    for row, other in zip(rows, record["rows"], strict=True):
        assert {key: "" if value is None else str(value) for key, value in other.items()} == row
    found = {
        (r["name"], r["setting"], r["query_language"], r["corpus_language"], r["metric"]): r for r in record["rows"]
    }
    wanted = {
        ("b", "cross", "de", "en", "map"): (0.75, 0.25, 0.25, 0.25, 2 / 64, 2 / 64, 6, 0, 0, 6, None),
        ("b", "cross", "en", "de", "map"): (0.5, 0.0, 0.0, 0.0, 1.0, 1.0, 0, 6, 0, 6, None),
        ("b", "multi", "mean", "mean", "rank_distance"): (40, -60, -60, -60, 2 / 64, 2 / 64, 12, 0, 0, 12, None),
        ("c", "multi", "en", "all", "rank_distance_bound"): (16.0, *[None] * 8, 6, None),
        ("a", "mono", "mean", "mean", "map"): (0.5, None, 0.5, 0.5, *[None] * 5, 12, None),
    }
    fields = ("value", "delta", "ci_low", "ci_high", "p", "p_corrected", "wins", "ties", "losses", "queries", "effect")
    for key, values in wanted.items():
        assert tuple(found[key][field] for field in fields) == pytest.approx(values), key
    c = found["c", "mono", "de", "de", "map"]
    assert (c["delta"], c["effect"]) == (pytest.approx(-0.2), pytest.approx(-0.2 / np.std(DOWN, ddof=1)))


def test_which_language_a_system_prefers(make_folder: Any) -> None:
    """The share of the pool's first ten by passage language: the mean of each system, then by query language.

    German is a third of the pool: of its questions half the first ten are German, 1.5 times as many.
    """
    shares, lifts = {"a": (0.75, 0.25), "b": (0.5, 0.5)}, {"de": 1.5, "en": 0.75}
    folders = [
        make_folder(name, {f"multi:{code}": {"same_language_share@10": [0.5] * 2, "same_language_lift@10": [lift] * 2}
                           for code, lift in lifts.items()},
                    overall={"language_share@10:de": de, "language_share@10:en": en})
        for name, (de, en) in shares.items()
    ]  # fmt: skip
    comparison = compare(folders)
    found = tables_of_text(render(comparison, "table"))
    title = "multi: percent of the first 10 in each passage language"
    means = [["system", "de", "en"], ["a", "75", "25"], ["b", "50", "50"], ["pool", "33", "67"]]
    assert found[f"{title}, mean over query languages"] == means
    found = tables_of_text(render(comparison, "table", per_language=True))
    assert found[title] == [
        ["system", "asked in", "de", "en"],
        ["a", "de", "75", "25"], ["a", "en", "75", "25"], ["b", "de", "50", "50"], ["b", "en", "50", "50"],
        ["pool", "33", "67"],
    ]  # fmt: skip


def test_a_distance_that_is_not_known_is_shown_by_its_bound(make_folder: Any) -> None:
    """Whatever else was asked for, in the mean (of 10 and 30) and by language, and why; in Markdown no quotation."""
    bounds = {"de": [10.0, None], "en": [20.0, 40.0]}
    tasks = {
        f"multi:{code}": {"rank_distance": [None, None], "rank_distance_bound": own} for code, own in bounds.items()
    }
    comparison = compare([make_folder("a", tasks)], metrics="rank_distance")
    text = render(comparison, "markdown", per_language=True)
    found = tables_of_markdown(text)
    assert found["multi: mean over languages"] == [["system", "rank_distance"], ["a", ">=20"]]
    assert found["multi: rank_distance by query language"] == [["system", "de", "en"], ["a", ">=10", ">=30"]]
    assert "- \\>=: a lower bound; some relevant passages were not retrieved and have no rank" in text.splitlines()
