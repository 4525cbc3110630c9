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


def test_a_single_answer_has_no_distance_and_takes_none_away(make_folder: Any) -> None:
    """The rank distance is over the queries that have two answers or more, as `evaluate` measures it."""
    floor, one, two = [1.0, None, 1.0, 1.0], [5.0, None, 7.0, 9.0], [4.0, None, 4.0, 4.0]
    tasks = [{"multi:de": {"rank_distance": own, "rank_distance_floor": floor}} for own in (one, two)]
    folders = [make_folder(name, own) for name, own in zip("ab", tasks, strict=True)]
    found = row(compare(folders), "multi", "rank_distance", "de", "all")
    assert (found.value, found.delta, found.wins, found.losses, found.queries) == (4.0, -3.0, 3, 0, 3)


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
        ({"correction": "max-t", "test": "student"}, "max-t corrects the permutation test, not student"),
        (
            {"correction": "holm", "test": "tukey"},
            "tukey needs no correction: it tests all systems",
        ),
        ({"alpha": 5}, "alpha is 5; expected a number between 0 and 1"),
        ({"draws": 0}, "draws is 0"),
        ({"seed": -1}, "seed -1; draws begin at 1, seeds at 0"),
        ({"baseline": "bm52"}, r"unknown baseline 'bm52'; did you mean 'bm25'\? known: bm25, other"),
    ],
)
def test_unknown_options_say_what_there_is(make_folder: Any, options: dict[str, Any], problem: str) -> None:
    """One line that ends the search."""
    with pytest.raises(ComparisonError, match=problem):
        compare([make_folder("bm25", A), make_folder("other", A)], **options)


def test_one_draw_can_be_asked_for(make_folder: Any) -> None:
    """Of so many groups that they are drawn: the pattern itself, and one that is as good by a chance of 2 in 2**20."""
    made = compare(
        [make_folder(name, {"mono:de": {"map": [value] * 20}}) for name, value in (("a", 0.2), ("b", 0.4))], draws=1
    )
    assert row(made, "mono", "map", "de", "de").p == 0.5


def test_the_baseline_can_be_named_by_its_folder(make_folder: Any) -> None:
    """The end of the path, or the path; an end that several have is none."""
    folders = [make_folder("one", A, name="x"), make_folder("two", A, name="y")]
    assert compare(folders, baseline="two").baseline == "y"
    assert compare(folders, baseline=str(folders[1])).baseline == "y"
    alike = [make_folder(f"{name}/out", A, name=name) for name in "uv"]
    assert compare(alike, baseline=str(alike[1])).baseline == "v"
    with pytest.raises(ComparisonError, match="'out' is the name of several folders; name one of u, v"):
        compare(alike, baseline="out")


def test_pandas_holds_every_row(make_folder: Any) -> None:
    """A data frame with the fields of the JSON."""
    comparison = compare([make_folder("a", A), make_folder("b", B)])
    frame = comparison.to_pandas()
    assert len(frame) == len(comparison.rows)
    assert list(comparison.to_json()["rows"][0]) == list(frame.columns)
    assert math.isnan(frame["delta"][0])


def test_rounding_is_a_tie_in_every_test(make_folder: Any) -> None:
    """.1 + .2 and .3 are the same score: nothing won, nothing lost, p = 1, no effect, whatever the test."""
    one = make_folder("a", {"mono:de": {"map": [0.3] * 30}, "mono:en": {"map": [0.3] * 30}})
    two = make_folder("b", {"mono:de": {"map": [0.1 + 0.2] * 30}, "mono:en": {"map": [0.3] * 30}})
    for test in ("permutation", "student", "wilcoxon", "tukey"):
        found = row(compare([one, two], test=test, draws=100), "mono", "map", "de", "de")
        assert (found.wins, found.ties, found.losses, found.p, found.effect) == (0, 30, 0, 1.0, None), test


def test_the_threshold_of_a_tie(make_folder: Any) -> None:
    """Differences are rounded to twelve decimals, no more and no fewer."""
    one = make_folder("a", {"mono:de": {"map": [0.5, 0.5, 0.5]}})
    two = make_folder("b", {"mono:de": {"map": [0.5 + 4e-13, 0.5 + 2e-12, 0.5 - 2e-12]}})
    found = row(compare([one, two]), "mono", "map", "de", "de")
    assert (found.wins, found.ties, found.losses) == (1, 1, 1)


def test_what_cancels_over_languages_is_no_difference(make_folder: Any) -> None:
    """.1 more in German and .1 less in English: every group's mean difference is nothing but rounding."""
    one = make_folder("a", {"mono:de": {"map": [0.7] * 20}, "mono:en": {"map": [0.3] * 20}})
    two = make_folder("b", {"mono:de": {"map": [0.8] * 20}, "mono:en": {"map": [0.2] * 20}})
    assert row(compare([one, two]), "mono", "map", "mean", "mean").p == 1.0


def test_a_constant_difference_has_no_effect_size(make_folder: Any) -> None:
    """Every query better by .2, up to rounding: there is no spread to measure it by; the interval is the value."""
    values = [at / 17 for at in range(12)]
    folders = [
        make_folder("a", {"mono:de": {"map": values}}),
        make_folder("b", {"mono:de": {"map": [value + 0.2 for value in values]}}),
    ]
    found = row(compare(folders), "mono", "map", "de", "de")
    assert (found.effect, found.ci_low, found.ci_high) == (None, 0.2, 0.2)
    assert found.p == pytest.approx(2 / 2**12)


@pytest.mark.parametrize(("queries", "there"), [(1, False), (2, False), (3, True)])
def test_one_or_two_queries_give_no_interval(make_folder: Any, queries: int, there: bool) -> None:
    """An interval out of two values would be those two values."""
    folders = [make_folder(name, {"mono:de": {"map": [0.5, 0.2, 0.3][:queries]}}) for name in "ab"]
    for name in "ab":
        found = row(compare(folders), "mono", "map", "de", "de", name=name)
        assert (found.ci_low is not None, found.ci_high is not None) == (there, there)


def test_wilcoxon_says_nothing_of_a_mean_over_languages(make_folder: Any) -> None:
    """Signed ranks of single differences are no test of a macro mean: no p there, and the table says why."""
    comparison = compare([make_folder("a", A), make_folder("b", B)], test="wilcoxon")
    assert row(comparison, "mono", "map", "mean", "mean").p is None
    assert row(comparison, "mono", "map", "de", "de").p is not None
    assert "says nothing of a mean" in repr(comparison)


def test_many_pairs_at_once_can_be_significant(make_folder: Any) -> None:
    """110 pairs and 2 rivals, every query better by .8: Holm at 1,000 draws marks none, max-T all."""
    languages = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
    rng = np.random.default_rng(5)
    pairs = [f"cross:{one}-{two}" for one in languages for two in languages if one != two]
    low = {pair: {"map": (rng.random(20) / 9).tolist()} for pair in pairs}
    high = {pair: {"map": [value + 0.8 for value in own["map"]]} for pair, own in low.items()}
    inputs = {"languages": languages}
    folders = [make_folder(name, own, inputs=inputs) for name, own in (("a", low), ("b", high), ("c", high))]
    found = compare(folders, draws=1000, correction="holm")
    singles = [each for each in found.rows if each.p is not None and not each.is_mean]
    assert len(singles) == 220
    assert not any(found.is_significant(each) for each in singles)
    assert "no p below 0.220 at 1,000 draws: use --correction max-t" in str(found)
    found = compare(folders, draws=1000)
    assert found.correction == "max-t"
    assert all(found.is_significant(each) for each in found.rows if each.p is not None)
    assert "use --correction" not in str(found)


def test_several_data_sets_and_the_mean_over_them(make_folder: Any) -> None:
    """Two data sets, the systems by name: the macro mean of each, and the mean of both by independent groups."""
    other = {"mono:de": {"map": [0.0, 0.25, 0.5]}, "mono:en": {"map": [0.5, 0.5, 0.5]}}
    more = {"mono:de": {"map": [0.5, 0.25, 1.0]}, "mono:en": {"map": [1.0, 0.5, 0.5]}}
    folders = [
        make_folder("a1", A, name="a"), make_folder("b1", B, name="b"),
        make_folder("b2", more, name="b", dataset="other"), make_folder("a2", other, name="a", dataset="other"),
    ]  # fmt: skip
    comparison = compare(folders, settings="mono")
    assert comparison.datasets == ("toy", "other", "mean")
    by_name = {d: comparison.select("mono", "map", "b", "mean", dataset=d)[0] for d in comparison.datasets}
    assert by_name["toy"].delta == pytest.approx(0.375 - 0.625)
    assert by_name["other"].delta == pytest.approx(0.625 - 0.375)
    mean = by_name["mean"]
    assert (mean.delta, mean.value) == (pytest.approx(0.0), pytest.approx(0.5))
    # what each group adds to the mean over both: of 4 and of 3 groups
    parts = np.array([-0.5, -1.0, 0.5, -1.0, 1.0, 0.0, 0.5]) / np.array([16] * 4 + [12] * 3)
    signs = np.array(np.meshgrid(*[[1, -1]] * 7)).reshape(7, -1)
    assert mean.p == np.mean(np.abs(parts @ signs) >= abs(parts.sum()) - 1e-12)
    text = str(comparison)
    assert "toy, mono: mean over languages" in text
    assert "mean over data sets, mono: against a" in text
    with pytest.raises(ComparisonError, match="needs each system once on each"):
        compare([*folders[:3]])


def test_the_comparison_prints_as_the_command_does(make_folder: Any) -> None:
    """`print(comparison)` is the table."""
    comparison = compare([make_folder("a", A), make_folder("b", B)])
    from beir_hybrid.comparison.render import render

    assert str(comparison) + "\n" == render(comparison, "table")


def test_a_cutoff_deeper_than_the_rankings_is_a_lower_bound(make_folder: Any) -> None:
    """In the rows and in every table, marked as one; what the rankings hold is known."""
    values = {"mono:de": {"map": [0.5] * 3, "recall@20": [0.5, 1.0, 0.0]}, "mono:en": {"recall@20": [0.5] * 3}}
    comparison = compare([make_folder(name, values, depth=10) for name in "ab"])
    assert {found.metric for found in comparison.rows if found.at_least} == {"recall@20"}
    assert all(found.at_least for found in comparison.select(metric="recall@20"))
    assert ">=0.500" in str(comparison)
    assert ">=: a lower bound; rankings are less deep than the cutoff of recall@20" in str(comparison)
    deep = compare([make_folder(name, values, depth=20) for name in "cd"])
    assert not any(found.at_least for found in deep.rows)
    assert ">=" not in str(deep)


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_bound_is_not_compared_with_a_value(make_folder: Any, order: str) -> None:
    """Whichever comes first, the shallow folder is named, what would mend it, and what can be compared."""
    values = {"mono:de": {"map": [0.5] * 3, "recall@5": [0.5] * 3, "recall@20": [0.5, 1.0, 0.0]}}
    made = {name: make_folder(name, values, depth=depth) for name, depth in (("a", 10), ("b", 20))}
    folders = [made[name] for name in order]
    with pytest.raises(ComparisonError) as refusal:
        compare(folders)
    assert str(refusal.value) == (
        f"recall@20 of mono:de:de is a lower bound in {made['a']}, whose rankings are 10 passages deep, and none of "
        f"that depth in {made['b']}; evaluate again with --top-k 20 (a run file: write it as deep), or compare "
        "--metrics map,recall@5"
    )
    assert compare(folders, metrics="map,recall@5").metrics == ("map", "recall@5")
