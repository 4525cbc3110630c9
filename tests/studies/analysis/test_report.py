"""The report of a study: its files, its text, its page."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets import load_dataset
from beir_hybrid.errors import StudyError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.studies.analysis import write_report
from beir_hybrid.studies.analysis.report import Report
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome
from tests.report.chromium import Browser
from tests.studies.analysis.made import flat, make_study
from tests.systems_made import EVIL, letters
from tests.tables_read import Tables

pytestmark = pytest.mark.slow  # charts, many times
NAMES = ("report.md", "page.html", "scores.csv", "means.csv", "tests.csv", "groups.csv", "fits.csv")


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def effect(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
    return {"mono": 0.6, "cross": 0.3, "multi": 0.4}[setting] - 0.1 * cell["alpha"] * (setting != "mono")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> StudyOutcome:
    """Two factors, three seeds, two data sets, all settings; one cell failed."""
    made = make_study(
        tmp_path_factory.mktemp("cells"), effect, factors={"alpha": (0.0, 0.5, 1.0), "encoder": (EVIL, "plain")},
        settings=("mono", "cross", "multi"), languages=("de", "en", "hi", "th"), trained=("de", "en", "hi"),
        datasets=("toy", "other"), analysis={"baseline": {"alpha": 1.0}, "fit": "map ~ alpha * joshi", "draws": 200},
    )  # fmt: skip
    failed = replace(made.cells[-1], status="failed", message="killed (out of memory?)", results={})
    return replace(made, cells=(*made.cells[:-1], failed))


@pytest.fixture(scope="module")
def written(outcome: StudyOutcome, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_report(outcome, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def folder(written: Report) -> Path:
    return written.files[0].parent


def test_the_same_outcome_gives_the_same_files(tmp_path: Path) -> None:
    """No date and no random name; writing again replaces, and nothing half-written stays."""
    outcome = make_study(
        tmp_path / "cells", effect, seeds=(1, 2), languages=("de", "en"), settings=("mono", "multi"),
        analysis={"fit": "map ~ alpha", "draws": 20},
    )  # fmt: skip
    (tmp_path / "new").mkdir()
    for name in NAMES:
        (tmp_path / "new" / name).write_text("of another day")
    report, old = write_report(outcome, tmp_path / "new"), write_report(outcome, tmp_path / "old")
    assert [path.name for path in report.files] == list(NAMES)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(NAMES)
    assert [path.read_bytes() for path in report.files] == [path.read_bytes() for path in old.files]


def test_the_long_form_has_every_score(outcome: StudyOutcome, folder: Path) -> None:
    """One line a score, with what a reader needs to group it another way."""
    rows = read(folder / "scores.csv")
    assert len(rows) == 17 * 2 * (4 + 12 + 4 * 4)
    (row,) = (
        r for r in rows
        if (r["dataset"], r["setting"], r["query_language"], r["corpus_language"], r["seed"], r["alpha"], r["encoder"])
        == ("toy", "cross", "de", "th", "2", "0.5", "plain")
    )  # fmt: skip
    names = ("seen", "joshi", "script", "family", "cc100", "passage_seen", "passage_joshi", "metric")
    assert [row[name] for name in names] == ["seen", "5", "Latn", "Indo-European", "66.6", "unseen", "3", "map"]
    assert float(row["value"]) == pytest.approx(0.25, abs=0.1)


def test_the_other_files(folder: Path) -> None:
    """Means and spreads, tests, groups and fits, unrounded."""
    mean = next(
        r for r in read(folder / "means.csv") if (r["setting"], r["metric"], r["alpha"]) == ("cross", "map", "0.0")
    )
    assert float(mean["value"]) == pytest.approx(0.3, abs=0.02)
    assert float(mean["ci_low"]) < float(mean["value"]) < float(mean["ci_high"])
    assert (mean["seeds"], mean["tasks"]) == ("3", "12")
    test = next(
        r
        for r in read(folder / "tests.csv")
        if (r["setting"], r["alpha"], r["query_language"]) == ("cross", "0.0", "mean")
    )
    assert test["baseline"].startswith("alpha=1, encoder=")
    assert float(test["p"]) <= float(test["p_corrected"])
    group = next(
        r for r in read(folder / "groups.csv") if (r["kind"], r["role"], r["group"]) == ("seen", "pair", "query seen")
    )
    assert group["languages"] == "de-th en-th hi-th"
    fits = read(folder / "fits.csv")
    assert {row["term"] for row in fits} == {"intercept", "alpha", "joshi", "alpha × joshi", "C(encoder) = plain"}
    assert {(row["dataset"], row["setting"]) for row in fits} == {
        (d, s) for d in ("toy", "other") for s in ("mono", "cross", "multi")
    }


def test_the_text(written: Report) -> None:
    """Tables, tests, sentences and limits; what failed is named first."""
    text = written.text
    assert "17 of 18 cells done, 1 failed" in text
    assert "alpha=1, encoder=plain, seed 3: failed (killed (out of memory?))" in text
    assert re.search(r"^0 +plain +0\.6\d\d ± 0\.\d{3} ", text, re.MULTILINE)
    assert "toy, cross: from alpha 0 to 1, map is lower: -0." in text
    assert "What cannot be concluded" in text
    assert "\nBaseline: alpha=1, within equal encoder. Paired permutation test" in text
    assert "The fewest seeds of a combination are 2" in text
    assert "Every cell sees the same number of pairs. Every trained cell saw 1,000 pairs." in text


def test_a_budget_that_is_not_equal_is_told(tmp_path: Path) -> None:
    """The statement of the study file is checked against what the cells say."""
    outcome = make_study(tmp_path / "cells", flat, seeds=(1,))
    more = [replace(outcome.cells[at], training={"pairs": pairs}) for at, pairs in enumerate((2000, 3000))]
    text = write_report(replace(outcome, cells=(*more, *outcome.cells[2:])), tmp_path).text
    assert "The cells saw between 1,000 and 3,000 pairs: they were not trained alike" in text


def test_a_study_without_results(tmp_path: Path) -> None:
    """Nothing done yet: the report says so, and every file has its head."""
    cells = tuple(CellOutcome({"alpha": a}, 1, "missing") for a in (0, 1))
    outcome = StudyOutcome("new", "", "", {"alpha": (0, 1)}, cells, {"fit": "map ~ alpha"})
    report = write_report(outcome, tmp_path)
    assert "0 of 2 cells done, 2 missing" in report.text
    assert "Nothing has been measured yet" in report.text
    assert (tmp_path / "means.csv").read_text().startswith("alpha,dataset,setting,metric,value")
    assert (tmp_path / "fits.csv").read_text().startswith("formula,")
    assert "Study: new" in (tmp_path / "page.html").read_text(encoding="utf-8")
    write_report(replace(outcome, cells=(), factors={}, analysis={}), tmp_path)


def test_nothing_to_compare_with_is_not_said_to_be_compared(tmp_path: Path) -> None:
    """One combination: a mean, and no baseline."""
    outcome = make_study(tmp_path / "cells", flat, factors={"alpha": (0.5,)}, seeds=(1, 2), analysis={"draws": 20})
    report = write_report(outcome, tmp_path)
    assert "toy: map" in report.text
    for text in (report.text, *(path.read_text(encoding="utf-8") for path in report.files[:2])):
        assert "than the baseline" not in text and "Baseline:" not in text and "ermutation" not in text


def test_a_data_set_has_its_tables_whatever_it_is_called(tmp_path: Path) -> None:
    """Also where its name has a comma, or is how another's begins."""
    outcome = make_study(
        tmp_path / "cells", flat, factors={"alpha": (0, 1)}, seeds=(1,), languages=("de", "en"), questions=2,
        datasets=("a", "a, mono", "a: map"), analysis={"draws": 20},
    )  # fmt: skip
    found = Tables(write_report(outcome, tmp_path).files[1].read_text(encoding="utf-8")).found
    for name in outcome.cells[0].results:
        for of in (": map", ": map, difference to the baseline", ", mono: map by script", ", mono: map by family"):
            assert name + of in found


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    """A single training: values without ±, and the caution that says why."""
    outcome = make_study(tmp_path / "cells", flat, seeds=(7,), analysis={"fit": "map ~ alpha * joshi"})
    text = write_report(outcome, tmp_path / "report").text
    assert "±" not in text.partition("Mean ±")[0]
    assert "have one seed: there is no spread" in text
    assert read(tmp_path / "report" / "means.csv")[0]["deviation"] == ""
    page = (tmp_path / "report" / "page.html").read_text(encoding="utf-8")
    assert "<li>1 seed</li>" in page and "A value of one seed has no interval" in page


def test_a_factor_called_as_a_column(tmp_path: Path) -> None:
    """A factor named ``setting`` does not overwrite the setting."""
    outcome = make_study(tmp_path / "cells", flat, factors={"metric": ("a", "b")}, seeds=(1,))
    write_report(outcome, tmp_path / "report")
    row = read(tmp_path / "report" / "means.csv")[0]
    assert (row["factor_metric"], row["metric"]) == ("a", "map")


def test_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    """Line breaks, pipes, mark-up and control characters, on a terminal and on GitHub."""
    evil = "a|b\\c\n<b>\x1b[31m*z*"
    made = make_study(tmp_path, flat, factors={"f|g": (evil, "plain")}, seeds=(1,), questions=3, analysis={"draws": 50})
    failed = replace(made.cells[0], status="failed", message="bad <u>\nline", results={})
    report = write_report(
        replace(made, title="T <i>\n", question="?\x1b", cells=(failed, made.cells[1])), tmp_path / "r"
    )
    markdown = report.files[0].read_text(encoding="utf-8")
    for text in (report.text, markdown):
        assert "\x1b" not in text and "bad" in text
    assert not re.search("<[biu]>", markdown)
    assert r"| f\|g | mono | seeds |" in markdown
    assert r"- f\|g=a\|b\\c\\n&lt;b>\\x1b\[31m\*z\*, seed 1: failed (bad &lt;u>\\nline)" in markdown
    assert "f|g=a|b\\c\\n<b>\\x1b[31m*z*, seed 1: failed (bad <u>\\nline)" in report.text


def test_an_unknown_term_is_one_line(outcome: StudyOutcome, tmp_path: Path) -> None:
    """Before anything is read or written."""
    with pytest.raises(StudyError, match=r"unknown term 'alfa'; did you mean 'alpha'\?"):
        write_report(replace(outcome, analysis={"fit": "map ~ alfa"}), tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
def test_real_evaluations(tmp_path: Path) -> None:
    """Results that `evaluate` has written, on the sample: a study of the number of dimensions."""
    dataset = load_dataset("sample", languages="ar,de,en,zh")
    cells = []
    for size in (4, 8, 32):
        evaluate(dataset, letters(size), out=tmp_path / f"{size}")
        cells.append(CellOutcome({"size": size}, 0, "done", {"sample": tmp_path / f"{size}"}))
    analysis = {"fit": "map ~ log(size) * seen", "metrics": "map,recall@1", "draws": 200}
    text = write_report(StudyOutcome("size", "", "", {"size": (4, 8, 32)}, tuple(cells), analysis), tmp_path / "r").text
    assert (
        "sample, mono: map ~ log(size) * seen was not fitted: 12 values left out, for which seen is not known." in text
    )
    assert "same@10" in text
    # all metrics that were asked for have tables, the first alone groups, charts and a place in a terminal
    markdown, page = ((tmp_path / "r" / name).read_text(encoding="utf-8") for name in NAMES[:2])
    assert "sample: map" in text and "sample: recall@1" not in text
    assert "### sample: recall@1\n" in markdown and "mono: map by" in markdown and "recall@1 by" not in markdown
    assert "mono: map: all languages" in page and "mono: recall@1: all languages" not in page
    assert "On which languages the models were trained is not known" in text
    assert {(row["seen"], row["passage_seen"]) for row in read(tmp_path / "r" / "scores.csv")} == {("", "")}


def test_the_page_is_safe_and_asks_for_nothing(folder: Path, chromium: Browser) -> None:
    """A factor's value does not become markup, and nothing is requested but the file."""
    page = folder / "page.html"
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "<link" not in text
    chromium.open(page)
    assert chromium.problems == []
    assert chromium.requests == [page.resolve().as_uri()]
    assert chromium.run("document.querySelectorAll('section').length") == 8


def test_the_panels_of_two_factors(folder: Path) -> None:
    """Lines by the other factor first, then the groups of languages with each of its values, on each data set."""
    text = (folder / "page.html").read_text(encoding="utf-8")
    block = text[text.index('<div id="curves">') :].partition("</section>")[0]
    titles = re.findall(r'<h3 class="chosen">(.*?)</h3>', block)
    groups = [
        "Joshi class", "Joshi class of the passage language", "CC-100 size", "CC-100 size of the passage language",
        "seen in training", "seen in training (query, passage)",
    ]  # fmt: skip
    values = [html.escape(f"encoder={value}") for value in (EVIL, "plain")]
    wanted = ["other factors", *(f"{group}; {value}" for group in groups for value in values)]
    assert titles == [f"{dataset}: {each}" for dataset in ("toy", "other") for each in wanted]


def test_choices_show_other_panels(folder: Path, chromium: Browser) -> None:
    """Data set and lines of the curves: one panel at a time, with charts in it."""
    chromium.open(folder / "page.html")
    shown = "[...document.querySelectorAll('#curves > div')].filter(p => !p.hidden).map(p => p.dataset.panel)"
    assert chromium.run(shown) == ["0 0"]
    chromium.run(
        "for (const s of document.querySelectorAll('[data-panels=curves]')) { s.selectedIndex = 1; "
        "s.dispatchEvent(new Event('change')) }"
    )
    assert chromium.run(shown) == ["1 1"]
    charts = "document.querySelector('#curves > div:not([hidden]) svg.chart').textContent"
    assert all(title in chromium.run(charts) for title in ("mono: map", "cross: map", "multi: map"))


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_scrolls_one_way(folder: Path, chromium: Browser, dark: bool) -> None:
    """At 390 px nothing is wider than the screen, in light and in dark."""
    chromium.open(folder / "page.html", width=390, height=844, phone=True, dark=dark)
    assert chromium.run("document.documentElement.scrollWidth") <= 390
