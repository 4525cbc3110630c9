"""Groups of languages: by facts, and by what a model was trained on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.studies.analysis.findings import analyse
from beir_hybrid.studies.analysis.language_groups import group_of, in_order, pair_group
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import make_study

LANGUAGES = ("ar", "de", "el", "en", "hi", "th", "zz")


def test_groups_by_facts() -> None:
    """Thirds are of the languages at hand, by CC-100 size; a language without facts is unknown."""
    thirds = {code: group_of("cc100", code, LANGUAGES, ()) for code in LANGUAGES}
    assert thirds == {
        "hi": "smallest third", "ar": "smallest third", "el": "middle third", "de": "middle third",
        "th": "largest third", "en": "largest third", "zz": "unknown",
    }  # fmt: skip
    assert [group_of(kind, "th", (), ()) for kind in ("joshi", "script", "family")] == [
        "class 3", "Thai", "Kra-Dai (Tai-Kadai)"
    ]  # fmt: skip
    assert in_order(set(thirds.values())) == ["smallest third", "middle third", "largest third", "unknown"]


def test_groups_by_training() -> None:
    """Seen or unseen, for a pair which of its two; nothing is claimed where the training is not known."""
    assert [group_of("seen", code, (), ("de", "en")) for code in ("de", "th")] == ["seen", "unseen"]
    assert group_of("seen", "de", (), ()) == "unknown"
    pairs = [pair_group(*pair, ("de", "en")) for pair in (("de", "en"), ("de", "th"), ("th", "de"), ("th", "el"))]
    assert pairs == ["both seen", "query seen", "passage seen", "none seen"]


def groups_of(outcome: StudyOutcome) -> dict[tuple[str, str, str, str], Any]:
    findings = analyse(outcome)
    rows = findings.groups.reset_index()
    return {
        (row.setting, f"{row.kind}:{row.role}", row.group, findings.measured.label(row.combination)): row
        for row in rows[rows.metric == "map"].itertuples()
    }


def test_means_of_groups(tmp_path: Path) -> None:
    """By hand: English .8, German .6, Thai .2, and .1 more for Thai at alpha 1."""

    def value(cell: dict[str, float], setting: str, query: str, passage: str) -> float:
        return {"en": 0.8, "de": 0.6, "th": 0.2}[query] + 0.1 * cell["alpha"] * (query == "th")

    outcome = make_study(
        tmp_path, value, factors={"alpha": (0.0, 1.0)}, languages=("de", "en", "th"), trained=("de", "en"), luck=0,
        noise=0, settings=("mono", "cross"), analysis={"baseline": {"alpha": 0}},
    )  # fmt: skip
    found = groups_of(outcome)
    high = found["mono", "joshi:query", "class 5", "alpha=0"]
    assert (high.value, high.languages) == (pytest.approx(0.7), "de en")
    low = found["mono", "joshi:query", "class 3", "alpha=1"]
    assert low.value == pytest.approx(0.3)
    assert low.change == pytest.approx(0.1)
    assert found["mono", "seen:query", "unseen", "alpha=0"].languages == "th"
    assert found["cross", "seen:pair", "query seen", "alpha=0"].languages == "de-th en-th"
    passages = found["cross", "joshi:passage", "class 3", "alpha=0"]
    assert (passages.value, passages.languages) == (pytest.approx(0.7), "th")


def test_groups_of_other_languages_have_no_difference(tmp_path: Path) -> None:
    """Where models were trained on other languages, seen and unseen are other languages: no difference is told."""
    one = make_study(tmp_path / "a", lambda *_: 0.5, factors={"count": (1, 2)}, languages=("de", "en", "th"))
    cells = tuple(
        type(cell)(**{**vars(cell), "trained_languages": ("en", "de")[: cell.factors["count"]]}) for cell in one.cells
    )
    found = groups_of(type(one)(**{**vars(one), "cells": cells}))
    assert found["mono", "seen:query", "seen", "count=2"].languages == "de en"
    assert math.isnan(found["mono", "seen:query", "seen", "count=2"].change)
    assert found["mono", "script:query", "Latn", "count=2"].change == pytest.approx(0, abs=0.05)


def test_the_same_languages_in_another_group_have_no_difference(tmp_path: Path) -> None:
    """What one model has seen and the baseline has not is no group of both, though its languages are the same."""
    one = make_study(tmp_path / "a", lambda *_: 0.5, factors={"half": (1, 2)}, languages=("de", "en", "th", "hi"))
    halves = {1: ("de", "en"), 2: ("th", "hi")}
    cells = tuple(replace(cell, trained_languages=halves[cell.factors["half"]]) for cell in one.cells)
    found = groups_of(replace(one, cells=cells))
    for group, languages in (("seen", "hi th"), ("unseen", "de en")):
        own = found["mono", "seen:query", group, "half=2"]
        assert own.languages == languages and math.isnan(own.change)
