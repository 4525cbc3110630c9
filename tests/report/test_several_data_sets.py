"""A page of several data sets: the mean over them, then each."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison import Comparison, compare
from beir_hybrid.report import figures
from beir_hybrid.report.page import render_page
from tests.report.chromium import Browser
from tests.tables_read import Tables


@pytest.fixture
def of_two(folders: list[Path], make_folder: Any) -> Comparison:
    """``a`` and ``b`` on another set as well: ``a`` is .25 there throughout, and ``b`` .5 in German."""
    values = {"a": {"de": [0.25] * 6, "en": [0.25] * 6}, "b": {"de": [0.5] * 6, "en": [0.25] * 6}}
    more = [
        make_folder(f"{name}-other", {f"mono:{code}": {"map": each} for code, each in own.items()}, name=name,
                    dataset="o<t>her")
        for name, own in values.items()
    ]  # fmt: skip
    return compare([more[1], *folders[:2], more[0]], baseline="a", settings="mono")


def test_a_page_of_several_data_sets(of_two: Comparison, command: Any, tmp_path: Path) -> None:
    """The mean over them, then each by itself with all that a page of it alone shows; the printed command repeats it.

    Of the other set the means are .25 and .375, and with toy's .5 and .625 .375 and .5. Twelve groups have 4,096 sign
    patterns.
    """
    comparison, text = of_two, render_page(of_two)
    found = Tables(text)
    title = "mean over data sets, mono"
    assert found.found[f"{title}: mean over languages"] == [["system", "map"], ["b", "0.500 ▲"], ["a", "0.375"]]
    difference = ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "<.001", "<.001", "-", "12/12/0"]
    assert found.found[f"{title}: against a"][1:] == [difference]
    words = " ".join(found.words.split())
    assert "toy: Leaderboard" in words and "o<t>her: Leaderboard" in words
    places = [("mean over data sets", "0.500"), ("o<t>her", "0.375"), ("toy", "0.625")]
    assert " ".join(f"{place}, mono: best map {best} by b" for place, best in places) in words
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {each.partition("-")[2] for each in re.findall(r'<section id="section-([^"]+)">', text)} == {
        "", "leaderboard", "bars", "hardest",
    }  # fmt: skip
    for at, part in enumerate(comparison.parts()):
        alone = Tables(render_page(part)).found
        panels = Tables(re.split(r'<section id="section-(?:\d-leaderboard|provenance)">', text)[at + 1]).found
        for each in ("Query language: mean over all", "Query language: German (de)", "b, mono: map"):
            assert panels[each] == alone[each]
    printed = next(line for line in found.words.splitlines() if line.startswith("beir-hybrid compare"))
    repeated = command(*shlex.split(printed)[1:-1], tmp_path / "again.html")
    assert repeated.status == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8").strip() == text
    # what is drawn of each stands in a folder of its own
    names = {path.parent.name for path in figures.write_figures(comparison, tmp_path / "figures")}
    assert names == {"toy", "o-t-her"}


def test_the_choices_of_each_data_set_are_its_own(of_two: Comparison, chromium: Browser, tmp_path: Path) -> None:
    """What is chosen of one leaves the other as it is; nothing fails, and nothing is wider than a phone."""
    path = tmp_path / "page.html"
    path.write_text(render_page(of_two), encoding="utf-8")
    chromium.open(path, width=390, height=844, phone=True)
    assert chromium.problems == []
    assert chromium.run("document.documentElement.scrollWidth") <= 390
    shown = (
        "[0, 1].map(at => [...document.getElementById(`${at}-leaderboard`).children]"
        ".filter(panel => !panel.hidden).map(panel => panel.dataset.panel))"
    )
    assert chromium.run(shown) == [["mean"], ["mean"]]
    chromium.run(
        "const s = document.querySelector('[data-panels=\"1-leaderboard\"]'); s.value = 'de'; "
        "s.dispatchEvent(new Event('change'))"
    )
    assert chromium.run(shown) == [["mean"], ["de"]]


def test_data_sets_that_have_nothing_in_common(make_folder: Any) -> None:
    """No mean, which is said; every link of the page leads somewhere, and every best is of a data set."""
    folders = [
        make_folder(f"{name}-{of}", {f"mono:{code}": {metric: [0.5] * 6} for code in ("de", "en")}, name=name,
                    dataset=of)
        for of, metric in (("one", "map"), ("two", "mrr@10"))
        for name in "ab"
    ]  # fmt: skip
    comparison = compare(folders, draws=50)
    text = render_page(comparison)
    links, ids = re.findall(r'href="#([^"]+)"', text), re.findall(r'id="([^"]+)"', text)
    assert set(links) <= set(ids)
    words = " ".join(Tables(text).words.split())
    assert "one, mono: best map 0.500 by a, b two, mono: best mrr@10 0.500 by a, b" in words, "they tie"
    for shown in (words, str(comparison)):
        assert "no mean over the data sets: they have no metric of a setting in common" in shown


def test_the_mean_over_data_sets_says_which_language_is_preferred(make_folder: Any) -> None:
    """.75 and .25 of one set and half and half of the other: the mean, and no share of the pools, of which are two."""
    folders = [
        make_folder(of, {f"multi:{code}": {"map": [0.5] * 3, "rank_distance": [None] * 3,
                                           "rank_distance_bound": [16.0] * 3} for code in ("de", "en")},
                    name="a", dataset=of,
                    overall={"language_share@10:de": share, "language_share@10:en": 1 - share})
        for of, share in (("one", 0.75), ("two", 0.5))
    ]  # fmt: skip
    found = Tables(render_page(compare(folders, draws=50))).found
    title = "multi: percent of the first 10 in each passage language, mean over query languages"
    assert found["mean over data sets, multi: mean over languages"][1] == ["a", "0.500", "≥ 16"]
    assert found[f"mean over data sets, {title}"] == [["system", "de", "en"], ["a", "62", "38"]]


def test_the_heads_of_means_part_at_their_joints(make_folder: Any, chromium: Browser, tmp_path: Path) -> None:
    """Eight metrics fit 1,100 pixels, and the paper: ``rank_`` above ``distance``, and no name parts inside a word.

    A very long name of a system does, where it is a head.
    """
    names = (
        "map", "recall@1", "recall@100", "rank_distance", "rank_distance_reversed", "worst_rank",
        "same_language_share@10", "consistency_overlap@10",
    )  # fmt: skip
    values = {f"multi:{code}": dict.fromkeys(names, [0.5] * 3) for code in ("de", "en")}
    systems = {"a": "e" * 40, "b": "b"}
    folders = [
        make_folder(f"{key}-{dataset}", values, name=name, dataset=dataset)
        for dataset in ("x", "y")
        for key, name in systems.items()
    ]
    path = tmp_path / "page.html"
    path.write_text(render_page(compare(folders, draws=20)), encoding="utf-8")
    lines = (
        "[...document.querySelectorAll('.plain thead th')].flatMap(h => [...h.childNodes]).filter(n => n.data)"
        ".map(n => { const r = document.createRange(); r.selectNode(n); return [n.data, r.getClientRects().length] })"
    )
    wide = "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth)"
    chromium.open(path, width=1100)
    for media in ("", "print"):
        chromium.call("Emulation.setEmulatedMedia", media=media)
        found = chromium.run(lines)
        assert ["distance", 1] in found and all(n == 1 for text, n in found if text.isalpha()), found
        assert any(n > 1 for text, n in found if "eeee" in text)
        assert chromium.run(f"{wide}.length") == 0
    chromium.call("Emulation.setEmulatedMedia", media="")
