"""A study whose every number can be worked out on paper, read back from every output.

Ten question groups in German and English, so that a test has 1,024 sign patterns and the least p is 2/1024 = .002;
three settings and two rivals are six tests of a metric, so that its least corrected p is 6 * 2/1024 = .012. Two seeds,
so that Student's t of 95 % is 12.71. English is .5 throughout. German:

- alpha 0, the baseline, is .4 and .6 by seed; its rank distance is 100, its own-language share .5.
- alpha 1 is .6 and .9: better in both seeds, by .2 and .3. Its rank distance is not known, and at least 16; its share
  is .9, which is neither better nor worse.
- alpha 2 is .5 and .4: .1 better and .2 worse, which is beyond chance for these models, and no finding. Its rank
  distance is 40.
- alpha 3 failed and is missing.
"""

from __future__ import annotations

import csv
import io
import re

import pytest
from scipy import stats

from beir_hybrid.studies.analysis import Report, write_report
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome
from tests.conftest import folder_maker
from tests.report.chromium import Browser
from tests.tables_read import Tables, tables_of_markdown, tables_of_text

GERMAN = {0: (0.4, 0.6), 1: (0.6, 0.9), 2: (0.5, 0.4)}
DISTANCE = {0: (100.0, 100.0), 1: (None, 16.0), 2: (40.0, 40.0)}
SHARE = {0: 0.5, 1: 0.9, 2: 0.5}
PAIRS = [("de", "de"), ("en", "en"), ("de", "en"), ("en", "de")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The study, written once."""
    root = tmp_path_factory.mktemp("golden")
    make_folder, cells = folder_maker(root), []
    for alpha, values in GERMAN.items():
        for seed, german in enumerate(values, 1):
            of = {"de": [german] * 10, "en": [0.5] * 10}
            known, bound = DISTANCE[alpha]
            pooled = {
                "rank_distance": [known] * 10, "rank_distance_bound": [bound] * 10,
                "same_language_share@10": [SHARE[alpha]] * 10,
            }  # fmt: skip
            tasks = {("mono" if q == p else "cross") + f":{q}-{p}": {"map": of[q]} for q, p in PAIRS}
            tasks |= {f"multi:{q}": {"map": of[q], **pooled} for q in of}
            folder = make_folder(f"{alpha}-{seed}", tasks, inputs={"dataset_fingerprint": "same"})
            training = {"pairs": 1000, "steps": 20}
            cells.append(CellOutcome({"alpha": alpha}, seed, "done", {"toy": folder}, training, ("de",), seconds=30.0))
    cells.append(CellOutcome({"alpha": 3}, 1, "failed", message="killed (out of memory?)"))
    cells.append(CellOutcome({"alpha": 3}, 2, "missing"))
    analysis = {"baseline": {"alpha": 0}, "fit": "mono:map ~ C(alpha)"}
    factors = {"alpha": (0, 1, 2, 3)}
    outcome = StudyOutcome("g", "Golden", "Does it pay?", factors, tuple(cells), analysis, "All alike")
    return write_report(outcome, root / "report")


# of two values the deviation is their distance over the root of 2, and half the interval 12.706 times half of that
HALF = float(stats.t.ppf(0.975, 1)) / 2
MEANS = [
    ["alpha", "mono", "cross", "multi", "rank dist", "same@10", "seeds"],
    ["0", *["0.500 ± 0.071"] * 3, "100 ± 0", "0.500 ± 0.000", "2"],
    ["1", *["0.625 ± 0.106 ▲"] * 3, "≥ 16 ± 0", "0.900 ± 0.000 ◆", "2"],
    ["2", *["0.475 ± 0.035"] * 3, "40 ± 0 ▲", "0.500 ± 0.000", "2"],
    ["3", *["-"] * 5, "0"],
]
BETTER = [
    "+0.125",
    "[+0.125, +0.125]",
    "0.012 ▲",
    f"[{0.125 - 0.05 * HALF:+.3f}, {0.125 + 0.05 * HALF:+.3f}]",
    "2 of 2",
]
UNSURE = [
    "-0.025",
    "[-0.025, -0.025]",
    "0.012",
    f"[{-0.025 - 0.15 * HALF:+.3f}, {-0.025 + 0.15 * HALF:+.3f}]",
    "1 of 2",
]
DIFFERENCES = [
    ["alpha", "", "difference", "95 % over queries", "corrected p", "95 % over seeds", "sign"],
    *(row for setting in ("mono", "cross", "multi") for row in (["1", setting, *BETTER], ["2", setting, *UNSURE])),
    ["2", "rank dist", "-60.0", "[-60.0, -60.0]", "0.002 ▲", "[-60.0, -60.0]", "2 of 2"],
    ["1", "same@10", "+0.400", "[+0.400, +0.400]", "0.004 ◆", "[+0.400, +0.400]", "2 of 2"],
    ["2", "same@10", "0.000", "[0.000, 0.000]", "1.000", "[0.000, 0.000]", "0 of 2"],
]
# German was seen in training, English was not; both are of Joshi class 5 and of the Latin script
SEEN = [
    ["alpha", "seen (1)", "unseen (1)"],
    ["0", "0.500 ± 0.141", "0.500 ± 0.000"],
    ["1", "0.750 ± 0.212 (+0.250)", "0.500 ± 0.000 (0.000)"],
    ["2", "0.450 ± 0.071 (-0.050)", "0.500 ± 0.000 (0.000)"],
    ["3", "-", "-"],
]
CROSS = [
    ["alpha", "query seen (1)", "passage seen (1)"], *[[row[0], *row[1:]] for row in SEEN[1:]],
]  # fmt: skip
CLASS = [
    ["alpha", "class 5 (2)"], ["0", "0.500 ± 0.071"], ["1", "0.625 ± 0.106 (+0.125)"],
    ["2", "0.475 ± 0.035 (-0.025)"], ["3", "-"],
]  # fmt: skip
CELLS = [
    ["alpha", "seed", "status", "trained languages", "pairs", "steps", "seconds"],
    *([f"{alpha}", f"{seed}", "done", "de", "1,000", "20", "30"] for alpha in GERMAN for seed in (1, 2)),
    ["3", "1", "failed", "-", "-", "-", "0"],
    ["3", "2", "missing", "-", "-", "-", "0"],
]
TABLES = {
    "toy: map": MEANS,
    "toy: map, difference to the baseline": DIFFERENCES,
    "toy, mono: map by seen in training": SEEN,
    "toy, cross: map by seen in training (query, passage)": CROSS,
    "toy, mono: map by Joshi class": CLASS,
    "toy, cross: map by Joshi class of the passage language": CLASS,
    "toy, multi: rank_distance by Joshi class": [
        ["alpha", "class 5 (2)"],
        ["0", "100 ± 0"],
        ["1", "-"],
        ["2", "40 ± 0 (-60.0)"],
        ["3", "-"],
    ],
}
PROBLEMS = ["alpha=3, seed 1: failed (killed (out of memory?))", "alpha=3, seed 2: missing (not run yet)"]
COUNTS = "6 of 8 cells done, 1 failed, 1 missing"
BUDGET = "All alike. Every trained cell saw 1,000 pairs. All cells together took 3 min."


def test_every_number_of_the_text(report: Report) -> None:
    """What the terminal shows: counts, problems, means, differences, sentences."""
    found = tables_of_text(report.text + "\n\nend")
    for title in list(TABLES)[:2]:
        read = [[cell for cell in row if cell] for row in TABLES[title]]
        assert found[title] == read, title
    lines = report.text.splitlines()
    assert lines[:5] == ["Golden", "Does it pay?", COUNTS, *(f"  {each}" for each in PROBLEMS)]
    assert lines[-1] == BUDGET
    assert "Baseline: alpha=0. Paired permutation test by question group, 10,000 draws" in report.text


def test_every_number_of_the_markdown(report: Report) -> None:
    """The same and the groups, the fits and the cells."""
    text = report.files[0].read_text(encoding="utf-8")
    found = tables_of_markdown(text)
    for title, rows in TABLES.items():
        assert found[title] == rows, title
    assert tables_of_markdown("### Cells\n" + text.partition("## Cells")[2])["Cells"] == CELLS
    assert f"{COUNTS}. {BUDGET}" in text
    assert "\nMixed model, REML (12 values, 6 trained models, 2 query languages); standard deviations: " in text
    # names are text, all else numbers: of means, of differences, of cells
    for texts, numbers in ((1, 6), (2, 5), (4, 3)):
        assert f"\n| {'--- | ' * texts}{'--: | ' * numbers}".rstrip() + "\n" in text


def test_every_number_of_the_page(report: Report) -> None:
    """The same again, and the values of the curves."""
    found = Tables(report.files[1].read_text(encoding="utf-8"))
    for title, rows in {**TABLES, "Cells": CELLS}.items():
        assert found.found[title] == rows, title
    text = report.files[1].read_text(encoding="utf-8")
    there = re.findall(r'<section id="section-(\w+)">', text)
    assert there == ["found", "means", "curves", "groups", "fits", "cautions", "cells", "provenance"]
    assert re.findall(r'<li><a href="#section-(\w+)">', text) == there
    words = " ".join(found.words.split())
    assert "(less than 0.05 GiB counts as none)" in words
    for line in (*PROBLEMS, COUNTS, "measured on toy", BUDGET):
        assert line in words, line
    assert "<li>2 seeds</li>" in text
    assert "A value of one seed has no interval" not in words
    half = 0.15 * HALF
    assert f"mono: map: all languages, alpha 1: 0.625 [{0.625 - half:.3f}, {0.625 + half:.3f}], 2 seeds" in words
    assert "multi: rank_distance: all languages, alpha 2: 40 [40, 40], 2 seeds" in words
    curves = report.files[1].read_text(encoding="utf-8").partition('<div id="curves">')[2].partition("</section>")[0]
    panels = re.findall(r'<h3 class="chosen">(.*)</h3>', curves)
    assert panels == [
        "toy: all languages", "toy: CC-100 size", "toy: CC-100 size of the passage language", "toy: seen in training",
        "toy: seen in training (query, passage)",
    ]  # fmt: skip
    assert "rank_distance: all languages, alpha 1" not in words, "a lower bound is no point of a curve"
    assert "mono: map: seen, alpha 1: 0.750 [" in words and "mono: map: unseen, alpha 1: 0.500 [" in words
    assert "mono: map: class 5" not in words, "a line of its own is among those of all languages"
    charts = re.findall(r"<li>(\w+: [\w@]+): all languages, alpha 0", report.files[1].read_text(encoding="utf-8"))
    assert charts == ["mono: map", "cross: map", "multi: map", "multi: rank_distance"]


def test_the_page_in_a_browser(report: Report, chromium: Browser) -> None:
    """What a reader sees first are the means, as worked out, and the charts of every setting."""
    chromium.open(report.files[1])
    seen = chromium.run(
        "[...document.querySelector('#means table').rows].map(r => [...r.cells].map(c => "
        "c.textContent.split(/\\s+/).filter(Boolean).join(' ')))"
    )
    assert seen == MEANS
    charts = chromium.run("document.querySelector('#curves svg').textContent")
    assert all(title in charts for title in ("mono: map", "cross: map", "multi: map", "multi: rank_distance"))


def read(report: Report, name: str) -> list[dict[str, str]]:
    path = next(path for path in report.files if path.name == name)
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def numbers(row: dict[str, str], *names: str) -> tuple[float | None, ...]:
    return tuple(float(row[name]) if row[name] else None for name in names)


def test_every_number_of_the_files(report: Report) -> None:
    """Unrounded: scores, means, tests by language, groups."""
    assert len(read(report, "scores.csv")) == 6 * (4 + 2 * 4)
    means = {(r["alpha"], r["setting"], r["metric"]): r for r in read(report, "means.csv")}
    ends = ("value", "deviation", "ci_low", "ci_high", "seeds", "tasks")
    one = (0.625, 0.15 / 2**0.5, 0.625 - 0.15 * HALF, 0.625 + 0.15 * HALF, 2, 2)
    assert numbers(means["1", "cross", "map"], *ends) == pytest.approx(one)
    bound = means["1", "multi", "rank_distance"]
    assert (bound["at_least"], *numbers(bound, *ends)) == ("True", 16, 0, 16, 16, 2, 2)
    assert means["0", "multi", "rank_distance"]["at_least"] == "False"

    tests = {(r["alpha"], r["setting"], r["query_language"], r["metric"]): r for r in read(report, "tests.csv")}
    asked = ("value", "delta", "ci_low", "ci_high", "p", "p_corrected", "wins", "ties", "losses", "queries")
    least = 2 / 1024
    wanted = {
        ("1", "mono", "mean", "map"): (0.625, 0.125, 0.125, 0.125, least, 6 * least, 10, 10, 0, 20),
        # the languages of one setting are a family of their own: two rivals in two languages, of which two are equal
        ("1", "mono", "de", "map"): (0.75, 0.25, 0.25, 0.25, least, 4 * least, 10, 0, 0, 10),
        ("1", "mono", "en", "map"): (0.5, 0.0, 0.0, 0.0, 1.0, 1.0, 0, 10, 0, 10),
        ("2", "multi", "mean", "map"): (0.475, -0.025, -0.025, -0.025, least, 6 * least, 0, 10, 10, 20),
        ("2", "multi", "mean", "rank_distance"): (40, -60, -60, -60, least, least, 20, 0, 0, 20),
    }
    for key, values in wanted.items():
        assert numbers(tests[key], *asked) == pytest.approx(values), key
    over_seeds = ("seeds", "seeds_agreeing", "seeds_deviation", "seeds_low", "seeds_high")
    two = (2, 1, 0.15 / 2**0.5, -0.025 - 0.15 * HALF, -0.025 + 0.15 * HALF)
    assert numbers(tests["2", "mono", "mean", "map"], *over_seeds) == pytest.approx(two)
    assert tests["2", "mono", "mean", "map"]["baseline"] == "alpha=0"

    groups = {
        (r["alpha"], r["setting"], r["kind"], r["role"], r["group"], r["metric"]): r for r in read(report, "groups.csv")
    }
    seen = groups["1", "mono", "seen", "query", "seen", "map"]
    deltas = ("value", "deviation", "change", "change_deviation", "change_low", "change_high")
    change = (0.75, 0.3 / 2**0.5, 0.25, 0.1 / 2**0.5, 0.25 - 0.1 * HALF, 0.25 + 0.1 * HALF)
    assert numbers(seen, *deltas) == pytest.approx(change)
    assert groups["1", "cross", "seen", "pair", "query seen", "map"]["languages"] == "de-en"
    # by the language of the question too, but for what was seen: there it is the pair that counts
    assert numbers(groups["1", "cross", "joshi", "query", "class 5", "map"], "value") == (0.625,)
    assert ("1", "cross", "seen", "query", "seen", "map") not in groups
    assert numbers(groups["0", "mono", "seen", "query", "seen", "map"], "change") == (None,)


def test_the_fit_is_that_of_a_balanced_design(report: Report) -> None:
    """With as many values in every cell the estimates are differences of means, whatever the variances are."""
    rows = {row["term"]: row for row in read(report, "fits.csv")}
    found = {term: numbers(row, "estimate", "df", "values", "models", "languages") for term, row in rows.items()}
    # six models less an intercept and two effects, two languages less one: the fewer count
    assert found == {
        "intercept": pytest.approx((0.5, 1, 12, 6, 2)),
        "C(alpha) = 1": pytest.approx((0.125, 1, 12, 6, 2)),
        "C(alpha) = 2": pytest.approx((-0.025, 1, 12, 6, 2)),
    }
    assert {row["held_apart"] for row in rows.values()} == {"False"}
    low, high, p = numbers(rows["C(alpha) = 1"], "ci_low", "ci_high", "p")
    assert low is not None and high is not None
    assert (low + high) / 2 == pytest.approx(0.125)
    error = (high - low) / 2 / (2 * HALF)
    assert p == pytest.approx(2 * stats.t.sf(0.125 / error, 1))
