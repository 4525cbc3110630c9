"""Comparisons of folders written by hand: every number can be worked out."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from beir_hybrid import compare
from beir_hybrid.errors import ComparisonError, MetricError, SettingError

A = {
    "mono:de": {"map": [1.0, 0.5, 0.0, 0.5]},
    "mono:en": {"map": [1.0, 1.0, 0.5, 0.5]},
    "multi:de": {"map": [0.5, 0.5, 0.5, 0.5], "rank_distance": [20.0, 10, 30, 40]},
}
B = {
    "mono:de": {"map": [1.0, 0.0, 0.5, 0.0]},
    "mono:en": {"map": [0.5, 0.5, 0.5, 0.0]},
    "multi:de": {"map": [0.5, 0.5, 0.5, 0.5], "rank_distance": [10.0, 10, 20, 50]},
}


def row(comparison: Any, *where: str, name: str = "b") -> Any:
    setting, metric, query, corpus = where
    (found,) = comparison.select(setting, metric, name, query, corpus)
    return found


def test_a_row_by_hand(make_folder: Any) -> None:
    """Differences 0, -.5, .5, -.5: mean -.125, one win, one tie, two losses; half of 8 sign patterns sum below .5."""
    found = row(compare([make_folder("a", A), make_folder("b", B)]), "mono", "map", "de", "de")
    assert (found.value, found.delta, found.wins, found.ties, found.losses, found.queries) == (
        0.375,
        -0.125,
        1,
        1,
        2,
        4,
    )
    assert found.p == 1.0, "every pattern of three equal steps sums to .5 at least"
    assert found.ci_low < found.delta < found.ci_high
    assert found.effect == pytest.approx(-0.125 / np.std([0, -0.5, 0.5, -0.5], ddof=1))
    assert (found.dataset, found.name) == ("toy", "b")


def test_macro_rows_are_tested_by_group(make_folder: Any) -> None:
    """A group contributes its German and English difference at once: -.5, -1, .5, -1 over 2 x 4 queries."""
    found = row(compare([make_folder("a", A), make_folder("b", B)]), "mono", "map", "mean", "mean")
    by_group = np.array([-0.5, -1.0, 0.5, -1.0]) / 2
    assert found.value == pytest.approx(np.mean([0.375, 0.375]))
    assert found.delta == pytest.approx(by_group.mean())
    signs = np.array(np.meshgrid(*[[1, -1]] * 4)).reshape(4, -1)
    assert found.p == np.mean(np.abs(by_group @ signs) >= abs(by_group.sum()))
    assert (found.wins, found.ties, found.losses, found.queries) == (1, 2, 5, 8)
    student = compare([make_folder("a", A), make_folder("b", B)], test="student", correction="none")
    assert row(student, "mono", "map", "mean", "mean").p == pytest.approx(stats.ttest_1samp(by_group, 0).pvalue)


def test_lower_rank_distance_wins(make_folder: Any) -> None:
    """10 less, the same, 10 less, 10 more: two wins, though the values are lower."""
    found = row(compare([make_folder("a", A), make_folder("b", B)]), "multi", "rank_distance", "de", "all")
    assert (found.delta, found.wins, found.ties, found.losses) == (-2.5, 2, 1, 1)


def test_the_baseline_has_values_and_intervals_alone(make_folder: Any) -> None:
    """Against itself nothing can be said; the interval is that of its value."""
    comparison = compare([make_folder("a", A), make_folder("b", B)], baseline="b")
    found = row(comparison, "mono", "map", "de", "de")
    assert comparison.baseline == "b"
    assert found.ci_low <= found.value <= found.ci_high
    assert [found.delta, found.p, found.p_corrected, found.wins, found.ties, found.losses] == [None] * 6
    assert row(comparison, "mono", "map", "de", "de", name="a").delta == 0.125


def test_one_folder_has_values_and_intervals(make_folder: Any) -> None:
    """A single system is its own baseline."""
    comparison = compare([make_folder("a", A)])
    assert {found.p for found in comparison.rows} == {None}
    assert all(found.ci_low <= found.value <= found.ci_high for found in comparison.rows)


@pytest.mark.parametrize("test", ["permutation", "student", "wilcoxon", "tukey"])
def test_identical_runs_are_p_one_and_valid_json(make_folder: Any, test: str) -> None:
    """No NaN gets out: identical systems differ by nothing, with certainty."""
    comparison = compare([make_folder("a", A), make_folder("b", A)], test=test, draws=200)
    found = row(comparison, "mono", "map", "de", "de")
    assert (found.delta, found.ci_low, found.ci_high, found.p, found.p_corrected) == (0, 0, 0, 1.0, 1.0)
    assert found.effect is None
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_single_query(make_folder: Any) -> None:
    """One query is no evidence: p is 1, or null where the test needs two."""
    folders = [make_folder("a", {"mono:de": {"map": [1.0]}}), make_folder("b", {"mono:de": {"map": [0.5]}})]
    assert row(compare(folders), "mono", "map", "de", "de").p == 1.0
    found = row(compare(folders, test="student"), "mono", "map", "de", "de")
    assert (found.p, found.p_corrected) == (None, None)


def test_undefined_metrics_are_null_from_end_to_end(make_folder: Any) -> None:
    """A rank distance that one query lacks is no mean over the others; a share is."""
    undefined = {"multi:de": {"rank_distance": [5.0, None, 5.0], "same_language_share@10": [0.5, None, 0.1]}}
    defined = {"multi:de": {"rank_distance": [5.0, 4.0, 6.0], "same_language_share@10": [0.4, 0.2, 0.2]}}
    comparison = compare([make_folder("a", undefined), make_folder("b", defined)])
    distance = row(comparison, "multi", "rank_distance", "de", "all")
    assert (distance.value, distance.delta, distance.ci_low, distance.p) == (5.0, None, None, None)
    assert row(comparison, "multi", "rank_distance", "mean", "mean", name="a").value is None
    share = row(comparison, "multi", "same_language_share@10", "de", "all")
    assert (share.delta, share.wins) == (pytest.approx(0.0), None), "over the queries both have; neither is better"
    json.dumps(comparison.to_json(), allow_nan=False)


def test_bounds_are_values_and_no_more(make_folder: Any) -> None:
    """The difference of two lower bounds bounds nothing: it is neither given nor tested."""
    folders = [make_folder(name, {"multi:de": {"rank_distance_bound": [5.0, 9.0]}}) for name in "ab"]
    found = row(compare(folders), "multi", "rank_distance_bound", "de", "all")
    assert (found.value, found.delta, found.ci_low, found.p, found.wins) == (7.0, None, None, None, None)


def test_metrics_over_all_queries_have_values_and_differences(make_folder: Any) -> None:
    """PEER has no value by query, so it has no test."""
    folders = [make_folder("a", A, overall={"peer": 0.2}), make_folder("b", B, overall={"peer": 0.5})]
    found = row(compare(folders), "multi", "peer", "mean", "mean")
    assert (found.value, found.delta, found.p, found.ci_low) == (0.5, pytest.approx(0.3), None, None)


def test_families_are_a_metric_in_a_setting(make_folder: Any) -> None:
    """Two languages against one baseline: Holm doubles the least p value; macro means are a family of their own."""
    none, holm = (compare([make_folder("a", A), make_folder("b", B)], correction=c) for c in ("none", "holm"))
    where = [("mono", "map", language, language) for language in ("de", "en", "mean")]
    p = [row(none, *each).p for each in where]
    assert [row(none, *each).p_corrected for each in where] == p
    corrected = [row(holm, *each).p_corrected for each in where]
    assert corrected[1] == min(1, 2 * p[1]), "the least of two"
    assert corrected[2] == p[2], "one system: one test of the macro mean"


def test_numbers_do_not_depend_on_what_else_is_compared(make_folder: Any) -> None:
    """The same seed gives the same rows, from run to run, with fewer metrics, settings or systems."""
    rng = np.random.default_rng(0)
    names = [f"{setting}:{language}" for setting in ("mono", "multi") for language in ("de", "en")]
    tasks = [{n: {"map": rng.random(30).tolist(), "mrr": rng.random(30).tolist()} for n in names} for _ in range(3)]
    folders = [make_folder(name, values) for name, values in zip("abc", tasks, strict=True)]
    whole = compare(folders, correction="none", draws=500)
    assert compare(folders, correction="none", draws=500).to_json() == whole.to_json()
    part = compare(folders[:2], correction="none", draws=500, settings="mono", metrics="map")
    assert list(part.rows) == [r for r in whole.rows if (r.setting, r.metric) == ("mono", "map") and r.name != "c"]
    assert compare(folders, seed=1, draws=500).to_json() != whole.to_json()


def test_tukey_tests_all_systems_together(make_folder: Any) -> None:
    """Its p values hold for all pairs: no correction is applied, and none is recorded."""
    rng = np.random.default_rng(1)
    scales = {"a": 1.0, "b": 0.2, "c": 0.9}
    folders = [make_folder(x, {"mono:de": {"map": (rng.random(20) * by).tolist()}}) for x, by in scales.items()]
    comparison = compare(folders, test="tukey", draws=500)
    assert comparison.correction == "none"
    p = {name: row(comparison, "mono", "map", "de", "de", name=name).p_corrected for name in "bc"}
    assert p["b"] < 0.05 < p["c"]


def test_metric_names_of_ir_measures(make_folder: Any) -> None:
    """nDCG@10 and AP are the same as ours; a metric the folders lack is an error with the closest name."""
    folder = make_folder("a", {"mono:de": {"ndcg@10": [1.0], "map": [0.5], "mrr@10": [1.0]}})
    assert compare([folder], metrics="nDCG@10,AP,RR@10").metrics == ("ndcg@10", "map", "mrr@10")
    with pytest.raises(MetricError, match=r"do not all have the metric 'ndcg@5'; did you mean 'ndcg@10'\?"):
        compare([folder], metrics="ndcg@5")
    with pytest.raises(SettingError, match="unknown setting 'mnoo'"):
        compare([folder], settings="mnoo")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"test": "studnt"}, "unknown test 'studnt'; did you mean 'student'"),
        ({"correction": "hlm"}, "unknown correction 'hlm'; did you mean 'holm'"),
        ({"alpha": 5}, "alpha is 5; expected a number between 0 and 1"),
        ({"draws": 0}, "draws is 0"),
        ({"baseline": "bm52"}, r"unknown baseline 'bm52'; did you mean 'bm25'\? known: bm25, other"),
    ],
)
def test_unknown_options_say_what_there_is(make_folder: Any, options: dict[str, Any], problem: str) -> None:
    """One line that ends the search."""
    with pytest.raises(ComparisonError, match=problem):
        compare([make_folder("bm25", A), make_folder("other", A)], **options)


def test_the_baseline_can_be_named_by_its_folder(make_folder: Any) -> None:
    """The end of the path, or the path."""
    folders = [make_folder("one", A, name="x"), make_folder("two", A, name="y")]
    assert compare(folders, baseline="two").baseline == "y"
    assert compare(folders, baseline=str(folders[1])).baseline == "y"


def test_pandas_holds_every_row(make_folder: Any) -> None:
    """A data frame with the fields of the JSON and the effect size."""
    comparison = compare([make_folder("a", A), make_folder("b", B)])
    frame = comparison.to_pandas()
    assert len(frame) == len(comparison.rows)
    assert [*comparison.to_json()["rows"][0], "effect"] == list(frame.columns)
    assert math.isnan(frame["delta"][0])
