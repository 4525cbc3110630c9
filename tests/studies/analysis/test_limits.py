"""Where something begins to be said, or to be cut: one below and one above each limit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.studies.analysis.findings import Findings, analyse
from beir_hybrid.studies.analysis.report import terminal
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import LANGUAGES, flat, make_study


def tiny(folder: Path, **options: Any) -> StudyOutcome:
    """As little as there can be of a study."""
    analysis = {"draws": 5, **options.pop("analysis", {})}
    return make_study(folder, flat, **{"languages": ("de",), "questions": 2, "analysis": analysis, **options})


def said(findings: Findings, beginning: str) -> list[str]:
    return [line for line in findings.cautions if line.startswith(beginning)]


@pytest.mark.parametrize(
    ("seeds", "line"),
    [
        (1, "Some combinations, or all, have one seed"),
        (4, "The fewest seeds of a combination are 4"),
        (5, ""),
    ],
)
def test_few_seeds_are_told(tmp_path: Path, seeds: int, line: str) -> None:
    """One seed has no spread, four are few, five are not."""
    findings = analyse(tiny(tmp_path, seeds=range(1, seeds + 1), factors={"alpha": (0, 1)}))
    found = [each for each in findings.cautions if "seed" in each]
    assert [each.startswith(line) for each in found] == ([True] if line else [])


def test_models_as_they_are_have_no_seeds(tmp_path: Path) -> None:
    """Nothing was trained: nobody is told to run more seeds."""
    outcome = tiny(tmp_path, seeds=(0,), factors={"model": ("a", "b")})
    findings = analyse(replace(outcome, cells=tuple(replace(cell, training={}) for cell in outcome.cells)))
    assert not [line for line in findings.cautions if "seed" in line]
    assert "recorded" not in findings.budget


def test_what_was_not_recorded_is_told(tmp_path: Path) -> None:
    """A failure without a reason, pairs that nobody counted, and small models trained from nothing."""
    outcome = tiny(tmp_path, seeds=(1,), factors={"alpha": (0, 1, 2)})
    bare, scratch, failed = outcome.cells
    cells = (
        replace(bare, training={"steps": 10}), replace(scratch, training={"begun_with": {"from_scratch": True}}),
        replace(failed, status="failed", results={}),
    )  # fmt: skip
    findings = analyse(replace(outcome, cells=cells))
    assert findings.measured.problems == ("alpha=2, seed 1: failed (no reason was recorded)",)
    assert "How many pairs the models saw is not recorded. All cells together took 6 s." in findings.budget
    assert said(findings, "Small models trained from scratch are among these")
    assert said(findings, "Some cells or results are missing, failed or differ")
    assert not said(analyse(outcome), "Small models") and not said(analyse(outcome), "Some cells")


def test_what_was_asked(tmp_path: Path) -> None:
    """The questions of each language are counted; of one language none is parallel to another."""
    one = analyse(tiny(tmp_path / "one", seeds=(1,), factors={"alpha": (0, 1)}))
    assert "What was asked: toy: 2 questions in one language." in one.cautions
    alone = analyse(tiny(tmp_path / "alone", seeds=(1,), factors={"alpha": (0,)}))
    assert "What was asked: toy: 2 questions in one language." in alone.cautions
    two = analyse(tiny(tmp_path / "two", seeds=(1,), factors={"alpha": (0, 1)}, languages=("de", "en")))
    assert said(two, "What was asked: toy: 2 questions in each of 2 languages. Parallel questions are translations")


def test_languages_with_fewer_questions(tmp_path: Path) -> None:
    """The fewest and the most are told; they are those of one model, however many were measured."""
    outcome = tiny(tmp_path, seeds=(1,), factors={"alpha": (0, 1)}, languages=("de", "en"))
    for cell in outcome.cells:
        path = cell.results["toy"] / "results.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        for score in record["scores"]:
            score["queries"] = {"de": 2000, "en": 30}[score["query_language"]]
        path.write_text(json.dumps(record), encoding="utf-8")
    assert said(analyse(outcome), "What was asked: toy: 30 to 2,000 questions in each of 2 languages. ")


def test_many_fits_are_not_corrected(tmp_path: Path) -> None:
    """One needs no warning, two do."""
    for formulas, line in ((["map ~ alpha"], []), (["map ~ alpha", "map ~ C(alpha)"], ["2 fits were made"])):
        outcome = make_study(tmp_path / f"{len(formulas)}", flat, analysis={"fit": formulas, "draws": 5})
        found = [each for each in analyse(outcome).cautions if "fits were made" in each]
        assert [each.partition(";")[0] for each in found] == line


def test_small_groups_are_named(tmp_path: Path) -> None:
    """A group of two languages is these two; one of three is not named; five are shown, the others counted."""
    findings = analyse(tiny(tmp_path, seeds=(1,), factors={"alpha": (0, 1)}, languages=LANGUAGES, trained=("de", "en")))
    (line,) = said(findings, "Groups of one or two languages")
    shown = "class 3 (el, th); class 4 (hi, ru); class 5 (de, en); largest third (en, ru); middle third (de, th)"
    assert line.endswith(f": {shown} and 2 more.")
    wide = tiny(tmp_path / "3", seeds=(1,), factors={"alpha": (0, 1)}, languages=("de", "en", "es"), trained=("de",))
    (line,) = said(analyse(wide), "Groups of one or two languages")
    assert "class 5" not in line and "unseen (en, es)" in line


def test_what_is_unseen_is_told(tmp_path: Path) -> None:
    """All seen, some seen, or not known: three different things."""
    factors, languages = {"alpha": (0, 1)}, ("de", "en")
    for name, trained, line in (
        ("all", languages, "Every language was seen"), ("none", (), "On which languages"), ("some", ("de",), ""),
    ):  # fmt: skip
        outcome = tiny(tmp_path / name, seeds=(1,), factors=factors, languages=languages, trained=trained)
        found = [each for each in analyse(outcome).cautions if each.startswith(("Every", "On which"))]
        assert [each.startswith(line) for each in found] == ([True] if line else []), name


@pytest.mark.parametrize(("values", "long"), [(41, False), (42, True)])
def test_many_differences_are_not_for_a_terminal(tmp_path: Path, values: int, long: bool) -> None:
    """Forty are printed, forty-one are in report.md."""
    findings = analyse(tiny(tmp_path, seeds=(1,), factors={"alpha": tuple(range(values))}))
    text = terminal(findings)
    assert ("The differences and their tests are in report.md." in text) == long
    assert ("difference to the baseline" in text) != long


def test_more_lines_than_colours_are_several_panels(tmp_path: Path) -> None:
    """Eight lines can be told apart: the ninth has a panel of its own."""
    factors = {"alpha": (0.0, 0.5), "encoder": tuple("abcdefghi")}
    findings = analyse(tiny(tmp_path, seeds=(1,), factors=factors))
    panels = {panel: list(own.line.unique()) for panel, own in findings.curves.groupby("panel", sort=False)}
    names = [f"encoder={each}" for each in "abcdefghi"]
    assert panels == {"other factors (1)": names[:8], "other factors (2)": names[8:]}
    assert findings.curves.x[findings.curves.line == "encoder=a"].tolist() == [0.0, 0.5]


def test_names_along_the_axis_stand_by_themselves(tmp_path: Path) -> None:
    """Values that are no numbers have places in their order."""
    findings = analyse(tiny(tmp_path, seeds=(1, 2), factors={"encoder": ("small", "large")}))
    points = findings.curves
    assert (points.x.tolist(), points.chart.unique().tolist()) == ([0.0, 1.0], ["mono: map"])
    assert ((points.ci_low < points.value) & (points.value < points.ci_high)).all()
    assert points.words.iloc[1].startswith("all languages, encoder large: ")
    assert points.words.iloc[1].endswith("2 seeds")
