"""Cells side by side: what is missing is named, and the rest goes on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from beir_hybrid.studies.analysis import write_report
from beir_hybrid.studies.analysis.means import means, over_seeds
from beir_hybrid.studies.analysis.measured import Measured, read_measured
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import flat, make_results, make_study
from tests.tables_read import tables_of_markdown


def means_of(outcome: StudyOutcome) -> tuple[Measured, dict[tuple[str, str, str], Any]]:
    measured = read_measured(outcome)
    rows = means(measured).reset_index().itertuples()
    return measured, {(row.setting, row.metric, measured.label(row.combination)): row for row in rows}


def spread_of(by_seed: dict[int, float | None]) -> Any:
    index = pd.MultiIndex.from_tuples([("x", seed) for seed in by_seed], names=["what", "seed"])
    return over_seeds(pd.Series(list(by_seed.values()), index=index, dtype=float)).loc["x"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A failed, a missing, a damaged and an empty cell: one line each; the others are analysed."""
    outcome = make_study(tmp_path, flat, seeds=(1, 2), factors={"alpha": (0, 1, 2)})
    first, damaged, failed, missing, empty, last = outcome.cells
    (damaged.results["toy"] / "results.json").write_text("{", encoding="utf-8")
    cells = (
        first, damaged, replace(failed, status="failed", message="killed (out of memory?)", results={}),
        replace(missing, status="missing", results={}), replace(empty, results={}), last,
    )  # fmt: skip
    measured, found = means_of(replace(outcome, cells=cells))
    assert [problem.partition(" (")[0] for problem in measured.problems] == [
        "alpha=0, seed 2: toy left out", "alpha=1, seed 1: failed", "alpha=1, seed 2: missing",
        "alpha=2, seed 1: done, but nothing was measured",
    ]  # fmt: skip
    assert "killed (out of memory?)" in measured.problems[1]
    assert {label: mean.seeds for (_, metric, label), mean in found.items() if metric == "map"} == {
        "alpha=0": 1, "alpha=2": 1,
    }  # fmt: skip


def test_means_are_over_what_all_cells_have(tmp_path: Path) -> None:
    """A cell measured in one language more must not get another kind of mean; what was left out is said."""
    outcome = make_study(tmp_path, lambda cell, s, q, p: {"de": 0.2, "en": 0.4, "th": 0.9}[q], seeds=(1,), luck=0,
                         noise=0, languages=("de", "en"), factors={"alpha": (0, 1)})  # fmt: skip
    wide = make_results(tmp_path / "wide", lambda s, q, p: {"de": 0.2, "en": 0.4, "th": 0.9}[q],
                        np.random.default_rng(0), languages=("de", "en", "th"), noise=0)  # fmt: skip
    one, two = outcome.cells
    measured, found = means_of(replace(outcome, cells=(one, replace(two, results={"toy": wide}))))
    assert found["mono", "map", "alpha=1"].value == pytest.approx(0.3)
    assert measured.problems == ("alpha=1, seed 1: toy mono:th:th left out, which other cells lack",)


def test_pairs_that_others_lack(tmp_path: Path) -> None:
    """The question's language first, then the passages'."""
    outcome = make_study(tmp_path, flat, seeds=(1,), languages=("de", "en"), settings=("cross",),
                         factors={"alpha": (0, 1)})  # fmt: skip
    wide = make_results(tmp_path / "wide", lambda *_: 0.5, np.random.default_rng(0), languages=("de", "en", "th"),
                        settings=("cross",))  # fmt: skip
    one, two = outcome.cells
    measured, _ = means_of(replace(outcome, cells=(one, replace(two, results={"toy": wide}))))
    shown = "cross:de:th, cross:en:th, cross:th:de and 1 more"
    assert measured.problems == (f"alpha=1, seed 1: toy {shown} left out, which other cells lack",)


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        (("el", "hi", "ru"), "mono:el:el, mono:hi:hi, mono:ru:ru left out"),
        (("el", "hi", "ru", "th"), "mono:el:el, mono:hi:hi, mono:ru:ru and 1 more left out"),
    ],
)
def test_many_tasks_that_others_lack(tmp_path: Path, more: tuple[str, ...], shown: str) -> None:
    """Three are named, the others counted."""
    outcome = make_study(tmp_path, flat, seeds=(1,), languages=("de",), factors={"alpha": (0, 1)})
    wide = make_results(tmp_path / "wide", lambda *_: 0.5, np.random.default_rng(0), languages=("de", *more))
    one, two = outcome.cells
    measured, _ = means_of(replace(outcome, cells=(one, replace(two, results={"toy": wide}))))
    assert measured.problems == (f"alpha=1, seed 1: toy {shown}, which other cells lack",)
    # what some were not measured on at all is named too
    bare = replace(two, results={"other": two.results["toy"]})
    problems = means_of(replace(outcome, cells=(one, bare)))[0].problems
    assert problems == ("alpha=0, seed 1: not measured on other", "alpha=1, seed 1: not measured on toy")


def test_other_contents_are_told(tmp_path: Path) -> None:
    """Results on different files look comparable and are not."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)})
    other = make_results(tmp_path / "other", lambda *task: 0.5, np.random.default_rng(0), fingerprint="other")
    cells = (outcome.cells[0], replace(outcome.cells[1], results={"toy": other}))
    measured, _ = means_of(replace(outcome, cells=cells))
    assert "different contents (fingerprints other, same)" in measured.problems[0]


def test_a_mean_over_seeds_by_hand() -> None:
    """1, 2, 3: mean 2, deviation 1, half the interval 4.303 / sqrt(3)."""
    spread = spread_of({1: 1.0, 2: 2.0, 3: 3.0})
    assert (spread.value, spread.deviation, spread.seeds) == (2.0, 1.0, 3)
    assert spread.ci_high - 2 == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


def test_one_seed_has_no_spread_and_a_gap_no_mean() -> None:
    """Neither a deviation of nothing, nor a mean over the seeds that happen to have a value."""
    assert math.isnan(spread_of({1: 0.5}).deviation) and math.isnan(spread_of({1: 0.5}).ci_low)
    assert math.isnan(spread_of({1: 0.5, 2: None}).value)


def test_a_rank_distance_that_is_not_defined_is_its_bound(tmp_path: Path) -> None:
    """A truncated ranking gives a lower bound, marked as one."""
    outcome = make_study(tmp_path, flat, settings=("multi",), ranks=False, noise=0, luck=0, seeds=(1, 2))
    _, found = means_of(outcome)
    mean = found["multi", "rank_distance", "alpha=0"]
    assert mean.at_least
    assert mean.value == pytest.approx(50)


def test_how_many_tasks_a_mean_is_over_is_that_of_its_metric(tmp_path: Path) -> None:
    """Of two languages one has no share: its mean is over one."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)}, settings=("multi",),
                         languages=("de", "en"), questions=2)  # fmt: skip
    for cell in outcome.cells:
        path = cell.results["toy"] / "results.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        share = {"metric": "same_language_share@10", "query_language": "en"}
        record["scores"] = [score for score in record["scores"] if not share.items() <= score.items()]
        path.write_text(json.dumps(record), encoding="utf-8")
    _, found = means_of(outcome)
    assert [found["multi", metric, "alpha=0"].tasks for metric in ("map", "same_language_share@10")] == [2, 1]


@pytest.mark.parametrize("content", ['{"schema": 1}', '{"schema": 9}', "[]", "", '{"schema": 1, "scores": 3}'])
def test_results_damaged_in_any_way_are_a_problem(tmp_path: Path, content: str) -> None:
    """Whatever stands in a results file, the other cells are analysed."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)}, languages=("de",), questions=2)
    (outcome.cells[0].results["toy"] / "results.json").write_text(content, encoding="utf-8")
    measured, found = means_of(outcome)
    assert len(measured.problems) == 1
    assert measured.problems[0].startswith("alpha=0, seed 1: toy left out (")
    assert set(found) == {("mono", "map", "alpha=1")}


def test_a_cutoff_deeper_than_the_ranking_is_a_lower_bound(tmp_path: Path) -> None:
    """What stood below ten passages could only have made the mean over a hundred larger."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)}, languages=("de",), questions=2)
    for cell in outcome.cells:
        path = cell.results["toy"] / "results.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        scores = record["scores"]
        record["scores"] = [{**score, "metric": f"map@{at}", "depth": 10} for score in scores for at in (100, 50)]
        path.write_text(json.dumps(record), encoding="utf-8")
    assert means_of(outcome)[1]["mono", "map@100", "alpha=0"].at_least
    report = write_report(outcome, tmp_path / "report")
    assert "≥ 0." in report.text
    # of metrics that are none of the usual ones the first has a table
    tables = tables_of_markdown(report.files[0].read_text(encoding="utf-8"))
    assert [title for title in tables if title.startswith("toy: ")] == ["toy: map@100"]
