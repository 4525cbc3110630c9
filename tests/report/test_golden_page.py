"""Every number, mark and colour of a page, against those of `golden`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison import Comparison, compare
from beir_hybrid.comparison.notes import cautions
from beir_hybrid.comparison.render import render
from beir_hybrid.report import matrices
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.page import render_page
from tests.report.chromium import Browser
from tests.report.golden import LANGUAGES, PAGE
from tests.tables_read import Tables


def test_every_number_and_mark_of_the_page(folders: list[Path], comparison: Comparison) -> None:
    """Values, ranks, marks, bounds, differences, intervals, p, wins, squares, as worked out above."""
    text = render_page(comparison)
    found = Tables(text)
    for title, rows in PAGE.items():
        assert found.found[title] == rows, title
    assert "<h2>Leaderboard</h2>" in text
    there = re.findall(r'<section id="section-(\w+)">', text)
    assert re.findall(r'<li><a href="#section-(\w+)">', text) == there
    assert there == ["leaderboard", "heat", "preference", "distance", "bars", "hardest", "provenance"]
    kinds = re.findall(r'<option value="\d+">(\w+: [^<]+)</option>', text[text.index('id="heat"') :])
    assert kinds == ["mono: map", "cross: map", "multi: map", "multi: rank_distance", "multi: same_language_share@10"]
    # groups 2 and 5: (.5 + .75 + .2) / 3 in German, .5 in English
    hardest = re.findall(r"(\d+)\. (g\d) in German \(de\), English \(en\) map (\S+)", " ".join(found.words.split()))
    assert hardest[:3] == [("1", "g2", "0.492"), ("2", "g5", "0.492"), ("3", "g1", "0.508")]
    words = " ".join(found.words.split())
    for setting in ("mono", "cross", "multi"):
        assert f"{setting}: best map 0.625 by b" in words
    shares = next(rows for rows in found.found.values() if rows[0] == LANGUAGES)
    assert shares[1:] == [
        ["German (de)", "50 %", "50 % 1.0×", "90 % 1.8×", "50 % 1.0×"],
        ["English (en)", "50 %", "50 % 1.0×", "90 % 1.8×", "50 % 1.0×"],
    ]
    assert "a median 100, 90th percentile 100; not known: 0 %" in words
    assert "c median ≥ 16, 90th percentile ≥ 16; not known: 100 %" in words
    by_bin = {row[0]: row[2] for row in found.found["c"] if row[2].endswith("%")}
    assert {label: share for label, share in by_bin.items() if share != "0.0 %"} == {"11–20": "100.0 %"}
    assert {row[0] for row in found.found["a"] if row[2] == "100.0 %"} == {"51–100"}
    # the fullest bar is as wide as there is room
    assert set(re.findall(r'<span class="(?:known|atleast)" style="width:([\d.]+)%', text)) == {"100.00"}


@pytest.mark.parametrize("systems", [1, 2, 3])
def test_every_choice_leads_to_a_panel(folders: list[Path], systems: int) -> None:
    """The values of a group's choices, put together, are the keys of its panels; a choice of one is none."""
    text = render_page(compare(folders[:systems], draws=100))
    for group in ("leaderboard", "heat", *(["bars"] if systems > 1 else [])):
        selects = re.findall(rf'<select data-panels="{group}">(.*?)</select>', text, re.DOTALL)
        values = [re.findall(r'<option value="([^"]*)"', select) for select in selects]
        block = text[text.index(f'id="{group}"') :]
        keys = re.findall(r'<div data-panel="([^"]*)">', block[: block.index("</section>")])
        assert sorted(keys) == sorted(" ".join(chosen) for chosen in itertools.product(*values))


def test_a_bound_is_one_on_the_page_too(make_folder: Any) -> None:
    """A cutoff deeper than the rankings, in the summary and in the leaderboard."""
    values = {"mono:de": {"recall@20": [0.5, 1.0, 0.0]}, "mono:en": {"recall@20": [0.5] * 3}}
    folders = [make_folder(name, values, depth=10) for name in "ab"]
    found = Tables(render_page(compare(folders)))
    assert found.found["Query language: mean over all"][2:] == [["a baseline", "≥ 0.500"], ["b", "≥ 0.500"]]
    assert "best recall@20 ≥ 0.500 by a" in " ".join(found.words.split())


def test_a_page_shows_what_was_compared_and_no_more(folders: list[Path], make_folder: Any) -> None:
    """Of other settings, metrics and queries there is nothing; the numbers are of the queries that all have."""
    few = {"mono:de": {"map": [0.25, 0.5, 1.0, 0.25]}, "mono:en": {"map": [0.5] * 4}}
    fewer = make_folder("d", few, queries=[0, 1, 2, 5])
    comparison = compare([folders[2], fewer], intersect=True, settings="mono", metrics="map")
    found = Tables(render_page(comparison))
    # c over groups 0, 1, 2, 5: .4, .3, .2, .2
    assert found.found["Query language: German (de)"][2:] == [["d", "0.500"], ["c baseline", "0.275"]]
    assert not any("multi" in title or "cross" in title for title in found.found)
    assert "--intersect" in found.words and "--settings mono" in found.words


def test_the_page_in_a_browser(chromium: Browser, folders: list[Path], comparison: Comparison, tmp_path: Path) -> None:
    """What a reader sees is what was worked out; sorted by rank distance the bound stays last, both ways."""
    path = tmp_path / "page.html"
    path.write_text(render_page(comparison), encoding="utf-8")
    chromium.open(path)
    read = (
        "[...document.querySelectorAll('#{} > div')].filter(p => !p.hidden)[0].querySelectorAll('tbody tr')"
        ".values().map(r => [...r.cells].map(c => [...c.childNodes].map(n => n.innerText ?? n.textContent).join(' ')"
        ".replace(/(better|worse|differs).*/, '').split(/\\s+/).filter(Boolean).join(' '))).toArray()"
    )
    assert chromium.run(read.format("leaderboard")) == PAGE["Query language: mean over all"][2:]
    heads = "[...document.querySelectorAll('#leaderboard > div:not([hidden]) th button')]"
    order = (
        "[...document.querySelectorAll('#leaderboard > div:not([hidden]) tbody tr')].map(r => r.cells[0].innerText[0])"
    )
    for wanted in (["b", "a", "c"], ["a", "b", "c"]):
        chromium.run(f"{heads}.find(b => b.title === 'multi: rank_distance').click()")
        assert chromium.run(order) == wanted
    choices = chromium.run("[...document.querySelectorAll('[data-panels=bars]')].map(s => s.options.length)")
    assert choices == [2, 5], "b and c; map in three settings, the rank distance and the share"
    bar = chromium.run(
        "(() => { const t = document.querySelector('#bars td.better'), b = getComputedStyle(t, '::before'); "
        "return [b.left, b.width].map(each => parseFloat(each) / t.clientWidth) })()"
    )
    assert bar == pytest.approx([0.5, 0.5], abs=0.01), "the largest difference fills its half of the track"
    for title in itertools.islice(PAGE, 2, 5):
        assert chromium.run(f"[...document.querySelectorAll('.chosen')].some(c => c.textContent === `{title}`)")


def test_a_set_that_is_not_parallel_leaves_out_what_means_nothing(make_folder: Any) -> None:
    """One answer a question, in its language: no square of languages, no rank distance, no empty column."""
    pooled = {"rank_distance": [None] * 3, "rank_distance_bound": [None] * 3, "same_language_share@10": [0.5] * 3}
    tasks = {f"{s}:{x}": {"map": [0.5, 0.25, 1.0]} for s in ("mono", "multi") for x in ("de", "en")}
    tasks = {name: {**own, **(pooled if name.startswith("multi") else {})} for name, own in tasks.items()}
    folders = [make_folder(name, tasks, matrix={"de": {"de": 0.5}, "en": {"en": 0.5}}) for name in "ab"]
    found = Tables(render_page(compare(folders)))
    assert not any("reciprocal rank" in title for title in found.found)
    assert found.found["Query language: mean over all"][1] == ["system", "map", "map", "same@10"]
    for absent in ("Query language by passage language", "Rank distance", "cross"):
        assert absent not in found.words


def test_one_system_alone_was_not_tested(folders: list[Path], comparison: Comparison) -> None:
    """A page says what was done and no more: intervals always, a test where there is a second system."""
    one, three = (" ".join(Tables(render_page(each)).words.split()) for each in (compare(folders[:1]), comparison))
    said = "Test: permutation, correction max-t, alpha 0.05. Queries are paired by id. "
    intervals = "Intervals are 95 % bootstraps over question groups. 10,000 draws, seed 0."
    assert said + intervals in three and intervals in one
    assert not re.search("permutation|max-t|baseline|paired", one.partition("beir-hybrid compare")[0])


def test_means_over_fewer_languages_than_their_neighbours(make_folder: Any) -> None:
    """Pages and tables say which: a metric that some tasks lack, settings that were not asked in the same languages."""
    tasks = {
        "mono:de": {"map": [0.5] * 6, "mrr@10": [0.5] * 6}, "mono:en": {"map": [0.5] * 6, "mrr@10": [0.5] * 6},
        "mono:fi": {"map": [0.5] * 6},
        "cross:de-en": {"map": [0.5] * 6}, "cross:en-de": {"map": [0.5] * 6, "mrr@10": [0.5] * 6},
    }  # fmt: skip
    made = compare([make_folder(name, tasks) for name in "ab"], draws=50)
    said = [
        "toy: the means of the settings are not over the same question languages (3 in mono, 2 in cross)",
        "toy: in mono the mean of mrr@10 is over 2 of 3 languages: the rest lack it",
        "toy: in cross the mean of mrr@10 is over 1 of 2 pairs: the rest lack it",
    ]
    text = render_page(made)
    for shown in (render(made, "table"), render(made, "markdown"), text[: text.index("<main")]):
        assert all(line in shown for line in said)
    whole = compare([make_folder(name, {"mono:de": tasks["mono:de"]}) for name in "cd"], draws=50)
    assert not any("mean" in line for line in cautions(whole))


def test_a_page_of_many_systems_and_languages_is_small(make_folder: Any) -> None:
    """Eighteen languages: of each number of a square and each row of bars little more than what is read."""
    codes = [f"x{at}" for at in range(18)]
    tasks = {f"mono:{code}": {"map": [0.1 * (at % 9)] * 3} for at, code in enumerate(codes)}
    tasks |= {f"cross:{one}-{two}": {"map": [0.4] * 3} for one, two in itertools.permutations(codes, 2)}
    text = render_page(compare([make_folder(name, tasks) for name in "ab"], draws=20))
    squares, bars = (text[text.index(f'id="{each}"') :].partition("</section>")[0] for each in ("heat", "bars"))
    assert squares.count("<td") == 3 * 18 * 18 and len(squares) < 20 * squares.count("<td")
    assert bars.count("<tr>") == 1 + 18 + 1 + 2 and len(bars) < 160 * bars.count("<tr>")


def test_what_the_page_is_called(folders: list[Path]) -> None:
    """One system by its name, several by their number."""
    pages = [render_page(compare(folders[:n], draws=50)) for n in (1, 2, 3)]
    titles = [re.findall("<h1>(.*)</h1>", page)[0] for page in pages]
    assert titles == ["toy (test): a", "toy (test): 2 systems", "toy (test): 3 systems"]


def test_bars_are_as_long_as_their_numbers(folders: list[Path], comparison: Comparison) -> None:
    """In percent of a track whose middle is 0; the largest number, or end of an interval, fills its half."""
    bars = {(each.name, each.setting, each.metric): each.bars for each in all_bars(read_contents(comparison)[0])}
    german, english, mean = bars["b", "mono", "map"]
    assert [(bar.length, bar.whisker) for bar in (german, english, mean)] == [
        (50.0, (100.0, 0.0)),
        (0.0, (50.0, 0.0)),
        (25.0, (75.0, 0.0)),
    ]
    german, english, mean = bars["c", "mono", "map"]
    largest = -german.row.ci_low  # type: ignore[operator]
    assert mean.length == pytest.approx(-50 * 0.1 / largest)
    assert german.whisker == pytest.approx((0.0, 50 + 50 * german.row.ci_high / largest))  # type: ignore[operator]
    assert [(bar.kind, bar.verdict) for bar in (german, english)] == [("worse", "worse"), ("differs", None)]


def test_colours_are_as_strong_as_their_numbers(folders: list[Path], comparison: Comparison) -> None:
    """Of one system from 0 to 1, of a difference up to the largest there is: in 25 steps."""
    found = {each.title: each for each in matrices.squares(read_contents(comparison)[0])}
    cells = [
        [cell.shade for cell in row if cell is not None]
        for title in ("b, multi: reciprocal rank of the answer in the pool",
                      "b minus a, multi: reciprocal rank of the answer in the pool")
        for _, row in found[title].rows
    ]  # fmt: skip
    assert cells == [
        [12, 12], [3, 19],
        [-25, 12], [-6, -12],
    ]  # fmt: skip


def test_what_no_difference_could_be_shown_by_stands_at_the_top(make_folder: Any) -> None:
    """Five groups cannot make a p value of .05, whatever their scores."""
    folders = [make_folder(name, {"mono:de": {"map": [value] * 5}}) for name, value in (("a", 0.1), ("b", 0.9))]
    text = render_page(compare(folders))
    said = "toy: with 5 question groups no p can be below 0.062, too few to show a difference"
    assert said in text[: text.index("<main")]


@pytest.mark.parametrize(("codes", "over"), [(("de",), "systems."), (("de", "en"), "systems and languages.")])
def test_what_the_hardest_queries_are_averaged_over(make_folder: Any, codes: tuple[str, ...], over: str) -> None:
    """Over languages only where a question is asked in several."""
    folder = make_folder("a", {f"mono:{code}": {"map": [0.5, 0.25]} for code in codes})
    assert f"Those with the lowest mono map, averaged over the {over}" in render_page(compare([folder], draws=50))
