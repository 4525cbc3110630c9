"""Groups of languages: by facts, and by what a model was trained on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from beir_hybrid.records import POOL
from beir_hybrid.studies.analysis.findings import analyse
from beir_hybrid.studies.analysis.language_groups import groups_of, in_order, pair_groups, with_facts
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import make_study

LANGUAGES = ("ar", "de", "el", "en", "hi", "th", "zz")


def facts(pairs: Iterable[tuple[str, str]], trained: Collection[str] = ()) -> pd.DataFrame:
    """Scores of one data set for some pairs of languages, with what is known of these."""
    scores = pd.DataFrame([("toy", *pair) for pair in pairs], columns=["dataset", "query_language", "corpus_language"])
    return with_facts(scores, [trained] * len(scores))


def test_groups_by_facts() -> None:
    """Thirds are of the languages at hand, by CC-100 size; a language without facts is unknown."""
    scores = facts((code, code) for code in LANGUAGES)
    thirds = dict(zip(LANGUAGES, groups_of(scores, "cc100", ""), strict=True))
    assert thirds == {
        "hi": "smallest third", "ar": "smallest third", "el": "middle third", "de": "middle third",
        "th": "largest third", "en": "largest third", "zz": "unknown",
    }  # fmt: skip
    thai = LANGUAGES.index("th")
    assert [groups_of(scores, kind, "passage_")[thai] for kind in ("joshi", "script", "family")] == [
        "class 3", "Thai", "Kra-Dai (Tai-Kadai)"
    ]  # fmt: skip
    assert groups_of(scores, "joshi", "")[len(LANGUAGES) - 1] == "unknown"
    assert in_order(set(thirds.values())) == ["smallest third", "middle third", "largest third", "unknown"]


def test_passages_in_a_language_nobody_asks_in() -> None:
    """They are among the languages at hand: their group is a third of these, and no error."""
    assert list(groups_of(facts([("en", "hi")]), "cc100", "passage_")) == ["smallest third"]
    assert list(groups_of(facts([("en", POOL)]), "cc100", "passage_")) == ["unknown"]


def test_groups_by_training() -> None:
    """Seen or unseen, for a pair which of its two; nothing is claimed where the training is not known, or of a pool."""
    pairs = [("de", "en"), ("de", "th"), ("th", "de"), ("th", "el")]
    scores = facts(pairs, ("de", "en"))
    assert list(groups_of(scores, "seen", "")) == ["seen", "seen", "unseen", "unseen"]
    assert list(groups_of(scores, "seen", "passage_")) == ["seen", "unseen", "seen", "unseen"]
    assert list(pair_groups(scores)) == ["both seen", "query seen", "passage seen", "none seen"]
    assert {*groups_of(facts(pairs), "seen", ""), *pair_groups(facts(pairs))} == {"unknown"}
    assert list(groups_of(facts([("de", POOL)], ("de",)), "seen", "passage_")) == ["unknown"]


def means_of_groups(outcome: StudyOutcome) -> dict[tuple[str, str, str, str], Any]:
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
    found = means_of_groups(outcome)
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
    found = means_of_groups(type(one)(**{**vars(one), "cells": cells}))
    assert found["mono", "seen:query", "seen", "count=2"].languages == "de en"
    assert math.isnan(found["mono", "seen:query", "seen", "count=2"].change)
    assert found["mono", "script:query", "Latn", "count=2"].change == pytest.approx(0, abs=0.05)


def test_the_same_languages_in_another_group_have_no_difference(tmp_path: Path) -> None:
    """What one model has seen and the baseline has not is no group of both, though its languages are the same."""
    one = make_study(tmp_path / "a", lambda *_: 0.5, factors={"half": (1, 2)}, languages=("de", "en", "th", "hi"))
    halves = {1: ("de", "en"), 2: ("th", "hi")}
    cells = tuple(replace(cell, trained_languages=halves[cell.factors["half"]]) for cell in one.cells)
    found = means_of_groups(replace(one, cells=cells))
    for group, languages in (("seen", "hi th"), ("unseen", "de en")):
        own = found["mono", "seen:query", group, "half=2"]
        assert own.languages == languages and math.isnan(own.change)
