"""Results whose every number can be worked out on paper, read back from every output.

Six question groups in German and English, so that a test has 64 sign patterns and the least p is 2/64 = .031.

- ``b`` is .25 above ``a`` in every German query and equal to it in English; its rank distance is 60 lower, and its
  own-language share .4 higher, which is neither better nor worse.
- ``c`` is .1, .2, .3, .1, .2, .3 below ``a`` in German; its rank distances are not known, and at least 16.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from beir_hybrid.comparison import Comparison, compare
from beir_hybrid.comparison.render import render
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.published.leaderboard import build_leaderboard
from beir_hybrid.report import figures, matrices
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.distances import rank_distances
from beir_hybrid.report.leaderboard_tables import panel
from beir_hybrid.report.page import render_page
from tests.report.chromium import Browser
from tests.tables_read import Tables, tables_of_latex, tables_of_markdown, tables_of_text

DOWN = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
VALUES = {
    "a": {"de": [0.5] * 6, "en": [0.5] * 6, "distance": [100.0] * 6, "bound": [100.0] * 6, "share": [0.5] * 6},
    "b": {"de": [0.75] * 6, "en": [0.5] * 6, "distance": [40.0] * 6, "bound": [40.0] * 6, "share": [0.9] * 6},
    "c": {"de": [0.5 - x for x in DOWN], "en": [0.5] * 6, "distance": [None] * 6, "bound": [16.0] * 6,
          "share": [0.5] * 6},
}  # fmt: skip
MATRIX = {
    "a": {"de": {"de": 1.0, "en": 0.25}, "en": {"de": 0.25, "en": 1.0}},
    "b": {"de": {"de": 0.5, "en": 0.5}, "en": {"de": 0.125, "en": 0.75}},
    "c": {"de": {"de": 1.0, "en": 0.0}, "en": {"de": 0.0, "en": 1.0}},
}


@pytest.fixture
def folders(make_folder: Any) -> list[Path]:
    made = []
    for name, own in VALUES.items():
        pooled = {
            "rank_distance": own["distance"], "rank_distance_bound": own["bound"],
            "same_language_share@10": own["share"], "same_language_lift@10": [2 * x for x in own["share"]],
        }  # fmt: skip
        tasks = {
            "mono:de": {"map": own["de"]}, "mono:en": {"map": own["en"]},
            "cross:de-en": {"map": own["de"]}, "cross:en-de": {"map": own["en"]},
            "multi:de": {"map": own["de"], **pooled}, "multi:en": {"map": own["en"], **pooled},
        }  # fmt: skip
        made.append(make_folder(name, tasks, matrix=MATRIX[name]))
    return made


@pytest.fixture
def comparison(folders: list[Path]) -> Comparison:
    return compare(folders)


def interval_of_c() -> list[str]:
    """Brute force: the mean of six of .05, .1, .15 (half of `DOWN`) in all 6**6 resamples, its percentiles."""
    halves = np.array(DOWN) / 2
    means = -halves[np.indices((6,) * 6).reshape(6, -1)].mean(axis=0)
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    return [f"{low:+.3f}", f"{high:+.3f}"]


LOW, HIGH = interval_of_c()
# the mean is -.1 and the standard deviation of .05, .1, .15, .05, .1, .15 is .0447
GOLDEN = {
    "mono: mean over languages": [["system", "map"], ["a", "0.500"], ["b", "0.625 ▲"], ["c", "0.400 ▼"]],
    "mono: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
    ],
    "mono: map by query language": [
        ["system", "de", "en"], ["a", "0.500", "0.500"], ["b", "0.750 ▲", "0.500"], ["c", "0.300 ▼", "0.500"],
    ],
    "cross: mean over ordered language pairs": [["system", "map"], ["a", "0.500"], ["b", "0.625 ▲"], ["c", "0.400 ▼"]],
    "cross: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
    ],
    "multi: mean over languages": [
        ["system", "map", "rank_distance", "rank_distance_bound", "same_language_share@10"],
        ["a", "0.500", "100", "100", "0.500"],
        ["b", "0.625 ▲", "40 ▲", "40", "0.900 ◆"],
        ["c", "0.400 ▼", "-", "16", "0.500"],
    ],
    "multi: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
        ["rank_distance", "b", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "-", "12/0/0"],
        ["same_language_share@10", "b", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "-", "-"],
        ["same_language_share@10", "c", "0.000", "[0.000, 0.000]", "1.000", "1.000", "-", "-"],
    ],
    "multi: map by query language": [
        ["system", "de", "en"], ["a", "0.500", "0.500"], ["b", "0.750 ▲", "0.500"], ["c", "0.300 ▼", "0.500"],
    ],
}  # fmt: skip
NOTES = [
    "toy (test), baseline a; paired permutation test (10,000 draws), corrected: max-t",
    "▲ better, ▼ worse, ◆ different than the baseline with corrected p <= 0.05",
    "95% intervals: bootstrap over question groups; effect: mean difference over its standard deviation",
]


@pytest.mark.parametrize(
    ("form", "read"), [("table", tables_of_text), ("markdown", tables_of_markdown), ("latex", tables_of_latex)]
)
def test_every_number_and_mark_of_the_tables(comparison: Comparison, form: str, read: Any) -> None:
    """As worked out above, in every form, in their order, with nothing more."""
    text = render(comparison, form)
    found = read(text)
    assert list(found) == list(GOLDEN)
    for title, rows in GOLDEN.items():
        assert found[title] == rows, title
    lines = text.replace("\\", "").replace("&lt;", "<").splitlines()
    assert [line.removeprefix("- ").removeprefix("% ") for line in lines[-3:]] == NOTES


def test_every_row_of_csv_and_json(comparison: Comparison) -> None:
    """Unrounded, every pair, with what was asked for."""
    record = json.loads(render(comparison, "json"))
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    asked = ("dataset", "split", "baseline", "test", "correction", "alpha", "seed", "draws", "intersect")
    assert [record[name] for name in asked] == ["toy", "test", "a", "permutation", "max-t", 0.05, 0, 10_000, False]
    # two of two settings and a pool with 5 metrics: 3 tasks each (a mean and two), 3 systems
    assert len(rows) == len(record["rows"]) == (1 + 1 + 5) * 3 * 3
    order = [(r["setting"], r["query_language"], r["corpus_language"]) for r in rows if r["name"] == "a"]
    assert list(dict.fromkeys(order)) == [
        ("mono", "mean", "mean"), ("mono", "de", "de"), ("mono", "en", "en"),
        ("cross", "mean", "mean"), ("cross", "de", "en"), ("cross", "en", "de"),
        ("multi", "mean", "mean"), ("multi", "de", "all"), ("multi", "en", "all"),
    ]  # fmt: skip
    for row, other in zip(rows, record["rows"], strict=True):
        assert {key: "" if value is None else str(value) for key, value in other.items()} == row
    found = {
        (r["name"], r["setting"], r["query_language"], r["corpus_language"], r["metric"]): r for r in record["rows"]
    }
    wanted = {
        ("b", "cross", "de", "en", "map"): (0.75, 0.25, 0.25, 0.25, 2 / 64, 2 / 64, 6, 0, 0, 6, None),
        ("b", "cross", "en", "de", "map"): (0.5, 0.0, 0.0, 0.0, 1.0, 1.0, 0, 6, 0, 6, None),
        ("b", "multi", "mean", "mean", "rank_distance"): (40, -60, -60, -60, 2 / 64, 2 / 64, 12, 0, 0, 12, None),
        ("c", "multi", "en", "all", "rank_distance_bound"): (16.0, *[None] * 8, 6, None),
        ("a", "mono", "mean", "mean", "map"): (0.5, None, 0.5, 0.5, *[None] * 5, 12, None),
    }
    fields = ("value", "delta", "ci_low", "ci_high", "p", "p_corrected", "wins", "ties", "losses", "queries", "effect")
    for key, values in wanted.items():
        assert tuple(found[key][field] for field in fields) == pytest.approx(values), key
    c = found["c", "mono", "de", "de", "map"]
    assert (c["delta"], c["effect"]) == (pytest.approx(-0.2), pytest.approx(-0.2 / np.std(DOWN, ddof=1)))


LANGUAGES = ["query language", "share of the pool", "a", "b", "c"]
PAGE = {
    "Query language: mean over all": [
        ["", "mono", "cross", "multi"],
        ["system", "map", "map", "map", "rank dist", "same@10"],
        ["b", "0.625 ▲", "0.625 ▲", "0.625 ▲", "40 ▲", "0.900 ◆"],
        ["a baseline", "0.500", "0.500", "0.500", "100", "0.500"],
        ["c", "0.400 ▼", "0.400 ▼", "0.400 ▼", "≥ 16", "0.500"],
    ],
    "Query language: German (de)": [
        ["", "mono", "cross", "multi"],
        ["system", "map", "map", "map", "rank dist", "same@10"],
        ["b", "0.750 ▲", "0.750", "0.750 ▲", "40 ▲", "0.900 ◆"],
        ["a baseline", "0.500", "0.500", "0.500", "100", "0.500"],
        ["c", "0.300 ▼", "0.300", "0.300 ▼", "≥ 16", "0.500"],
    ],
    "a, multi: reciprocal rank of the answer in the pool": [["", "de", "en"], ["de", "1", ".25"], ["en", ".25", "1"]],
    "b minus a, multi: reciprocal rank of the answer in the pool": [
        ["", "de", "en"], ["de", "−.50", "+.25"], ["en", "−.12", "−.25"],
    ],
    "c, mono and cross: map": [["", "de", "en"], ["de", ".30", ".30"], ["en", ".50", ".50"]],
    "c minus a, mono and cross: map": [["", "de", "en"], ["de", "−.20", "−.20"], ["en", ".00", ".00"]],
    "b, multi: map": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "+0.250 ▲", "[+0.250, +0.250]", "0.031", "0.031", "6/0/0"],
        ["English (en)", "", "0.000", "[0.000, 0.000]", "1.000", "1.000", "0/6/0"],
        ["mean", "", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "6/6/0"],
    ],
    "b, multi: rank_distance": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "6/0/0"],
        ["English (en)", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "6/0/0"],
        ["mean", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "12/0/0"],
    ],
    "b, multi: same_language_share@10": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
        ["English (en)", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
        ["mean", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
    ],
}  # fmt: skip


def test_every_number_and_mark_of_the_page(folders: list[Path], comparison: Comparison) -> None:
    """Values, ranks, marks, bounds, differences, intervals, p, wins, squares, as worked out above."""
    text = render_page(comparison)
    found = Tables(text)
    for title, rows in PAGE.items():
        assert found.found[title] == rows, title
    there = re.findall(r'<section id="section-(\w+)">', text)
    assert re.findall(r'<li><a href="#section-(\w+)">', text) == there
    assert there == ["leaderboard", "heat", "preference", "distance", "bars", "hardest", "provenance"]
    kinds = re.findall(r'<option value="\d+">(\w+: [^<]+)</option>', text[text.index('<div id="heat">') :])
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
        block = text[text.index(f'<div id="{group}">') :]
        keys = re.findall(r'<div data-panel="([^"]*)">', block[: block.index("</section>")])
        assert sorted(keys) == sorted(" ".join(chosen) for chosen in itertools.product(*values))


def test_the_best_rank_distance_is_the_lowest_that_is_known(folders: list[Path], command: Any) -> None:
    """40 is best; a bound of 16 is below both, in the summary and in every ranking."""
    comparison = compare(folders, metrics="rank_distance", settings="multi")
    found = Tables(render_page(comparison))
    assert "multi: best rank_distance 40 by b" in " ".join(found.words.split())
    rows = found.found["Query language: mean over all"]
    assert [row[:2] for row in rows[2:]] == [["b", "40 ▲"], ["a baseline", "100"], ["c", "≥ 16"]]
    done = command("leaderboard", "toy", *folders, "--metrics", "rank_distance", "--format", "markdown")
    order = re.findall(r"^\| (\w) \|.* (\S+) \|$", done.out, re.MULTILINE)
    assert order == [("b", "40"), ("a", "100"), ("c", ">=16")]


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
        "(() => { const f = document.querySelector('#bars .fill'), t = f.parentElement; const [a, b] = "
        "[f.getBoundingClientRect(), t.getBoundingClientRect()]; "
        "return [(a.left - b.left) / b.width, a.width / b.width] })()"
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


BOARD = {
    "toy (test), mono: means": [
        ["system", "source", "langs", "map"],
        ["b", "b", "2", "0.625"], ["a", "a", "2", "0.500"], ["c", "c", "2", "0.400"],
    ],
    "toy (test), cross: means": [
        ["system", "source", "langs", "map"],
        ["b", "b", "2", "0.625"], ["a", "a", "2", "0.500"], ["c", "c", "2", "0.400"],
    ],
    "toy (test), multi: means": [
        ["system", "source", "langs", "map", "rank dist", "same@10"],
        ["b", "b", "2", "0.625", "40", "0.900"],
        ["a", "a", "2", "0.500", "100", "0.500"],
        ["c", "c", "2", "0.400", ">=16", "0.500"],
    ],
    "toy (test), mono: map by query language": [
        ["system", "de", "en", "mean"],
        ["b", "0.750", "0.500", "0.625"], ["a", "0.500", "0.500", "0.500"], ["c", "0.300", "0.500", "0.400"],
    ],
    "toy (test), multi: rank_distance by query language": [
        ["system", "de", "en", "mean"],
        ["b", "40", "40", "40"], ["a", "100", "100", "100"], ["c", ">=16", ">=16", ">=16"],
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "read"), [("table", tables_of_text), ("markdown", tables_of_markdown), ("latex", tables_of_latex)]
)
def test_every_number_and_rank_of_the_leaderboard(folders: list[Path], command: Any, form: str, read: Any) -> None:
    """The best first by the first metric, bounds as bounds, every language and the mean, in every form."""
    done = command("leaderboard", "toy", *folders, "--per-language", "--format", form)
    found = read(done.out.replace(r"$\geq$", ">="))
    for title, rows in BOARD.items():
        assert [[Path(cell).name if "/" in cell else cell for cell in row] for row in found[title]] == rows, title
    assert ">=: a lower bound; some relevant passages were not retrieved and have no rank." in done.out
    if form == "markdown":  # system and source are text, all else numbers
        assert set(re.findall(r"^\| --- .*", done.out, re.MULTILINE)) >= {"| --- | --- | --: | --: |"}


def test_what_the_page_is_called(folders: list[Path]) -> None:
    """One system by its name, several by their number."""
    pages = [render_page(compare(folders[:n], draws=50)) for n in (1, 2, 3)]
    titles = [re.findall("<h1>(.*)</h1>", page)[0] for page in pages]
    assert titles == ["toy (test): a", "toy (test): 2 systems", "toy (test): 3 systems"]


def test_bars_are_as_long_as_their_numbers(folders: list[Path], comparison: Comparison) -> None:
    """In percent of a track whose middle is 0; the largest number, or end of an interval, fills its half."""
    bars = {(each.name, each.setting, each.metric): each.bars for each in all_bars(read_contents(comparison)[0])}
    german, english, mean = bars["b", "mono", "map"]
    assert [(bar.begin, bar.width, bar.whisker) for bar in (german, english, mean)] == [
        (50.0, 50.0, (100.0, 0.0)), (50.0, 0.0, (50.0, 0.0)), (50.0, 25.0, (75.0, 0.0)),
    ]  # fmt: skip
    german, english, mean = bars["c", "mono", "map"]
    largest = -german.row.ci_low  # type: ignore[operator]
    assert (mean.begin, mean.width) == pytest.approx((50 - 50 * 0.1 / largest, 50 * 0.1 / largest))
    assert german.whisker == pytest.approx((0.0, 50 + 50 * german.row.ci_high / largest))  # type: ignore[operator]
    assert [(bar.kind, bar.verdict) for bar in (german, english)] == [("worse", "worse"), ("differs", None)]


def test_colours_are_as_strong_as_their_numbers(folders: list[Path], comparison: Comparison) -> None:
    """Of one system from 0 to 1, of a difference up to the largest there is."""
    found = {each.title: each for each in matrices.squares(read_contents(comparison)[0])}
    cells = [
        [(cell.kind, cell.strength) for cell in row if cell is not None]
        for title in ("b, multi: reciprocal rank of the answer in the pool",
                      "b minus a, multi: reciprocal rank of the answer in the pool")
        for _, row in found[title].rows
    ]  # fmt: skip
    assert cells == [
        [("more", 0.5), ("more", 0.5)], [("more", 0.125), ("more middle", 0.75)],
        [("less strong", 1.0), ("more", 0.5)], [("less", 0.25), ("less", 0.5)],
    ]  # fmt: skip


def test_every_number_of_the_leaderboard_as_csv_and_json(folders: list[Path], command: Any) -> None:
    """Unrounded, with what is a bound; the two hold the same rows."""
    rows = list(csv.DictReader(io.StringIO(command("leaderboard", "toy", *folders, "--format", "csv").out)))
    record = json.loads(command("leaderboard", "toy", *folders, "--format", "json").out)
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in record["rows"]] == rows
    found = {(row["name"], row["setting"], row["query_language"], row["metric"]): row for row in record["rows"]}
    wanted = {
        ("b", "mono", "de", "map"): (0.75, False, 1), ("b", "cross", "mean", "map"): (0.625, False, 2),
        ("c", "multi", "mean", "rank_distance"): (16.0, True, 2),
        ("a", "multi", "en", "rank_distance"): (100.0, False, 1),
    }  # fmt: skip
    for key, values in wanted.items():
        assert tuple(found[key][name] for name in ("value", "at_least", "languages")) == values, key


def test_a_leaderboard_of_some_settings_and_metrics(folders: list[Path], command: Any) -> None:
    """What was asked for and no more; a metric that nobody measured is named with the nearest."""
    done = command("leaderboard", "toy", *folders, "--settings", "multi", "--metrics", "map,rank_distance")
    assert list(tables_of_text(done.out)) == ["toy (test), multi: means"]
    assert tables_of_text(done.out)["toy (test), multi: means"][0] == ["system", "source", "langs", "map", "rank dist"]
    done = command("leaderboard", "toy", *folders, "--metrics", "rank_distanc")
    assert "nothing is known of metric 'rank_distanc'; did you mean 'rank_distance'?" in done.err


def test_means_over_other_numbers_of_languages_say_so(folders: list[Path], make_folder: Any) -> None:
    """A column of how many, only where they differ; one language alone has no such column."""
    german = make_folder("d", {"mono:de": {"map": [0.5] * 6}})
    comparison = compare([folders[0], german], intersect=True, settings="mono")
    assert Tables(render_page(comparison)).found["Query language: mean over all"][1][1] == "map"
    board = build_leaderboard("toy", [read_results(folder) for folder in (folders[0], german)], settings="mono")
    made = [panel(board, language, [("mono", "map")]) for language in ("mean", "de")]
    assert [each and each.counted for each in made] == [True, False]
    assert panel(board, "mean", [("mono", "recall@1")]) is None, "a column without a value is left out"


@pytest.mark.slow
def test_figures_draw_the_known_numbers(folders: list[Path], comparison: Comparison) -> None:
    """Bars in the colour of what can be said, whiskers where there is an interval, squares with their numbers."""
    contents = read_contents(comparison)[0]
    figure = Figure()
    bars = [each for each in all_bars(contents) if (each.setting, each.metric) == ("mono", "map")]
    figures._differences(contents, bars)(figure)
    one, two = figure.axes
    assert [bar.get_width() for bar in one.patches] == pytest.approx([0.25, 0.0, 0.125])
    assert [bar.get_width() for bar in two.patches] == pytest.approx([-0.2, 0.0, -0.1])
    colours = [[to_hex(bar.get_facecolor()) for bar in axes.patches] for axes in (one, two)]
    green, red, grey = figures._GREEN, figures._RED, figures._GREY
    assert colours == [[green, grey, green], [red, grey, red]]
    assert [text.get_text() for text in two.texts] == ["▼", "▼"]
    whiskers = [line.get_xdata() for line in two.lines if list(line.get_ydata()) == [2, 2]]
    assert [f"{end:+.3f}" for end in whiskers[0]] == [LOW, HIGH]
    (measure,) = (each for each in matrices.measures(contents) if each.key == "multi")
    figure = Figure()
    figures._heat(measure, measure.matrices["b"], "b")(figure)
    assert figure.axes[0].images[0].get_array().tolist() == [[0.5, 0.5], [0.125, 0.75]]
    assert [text.get_text() for text in figure.axes[0].texts] == [".50", ".50", ".12", ".75"]
    assert [text.get_color() for text in figure.axes[0].texts] == ["black", "black", "black", "white"]
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    figure = Figure()
    change = matrices.difference(measure.matrices["b"], measure.matrices["a"])
    figures._heat(measure, change, "b minus a", signed=True)(figure)
    assert figure.axes[0].images[0].get_clim() == (-0.5, 0.5)
    assert [(text.get_text(), text.get_color()) for text in figure.axes[0].texts] == [
        ("−.50", "white"), ("+.25", "black"), ("−.12", "black"), ("−.25", "black"),
    ]  # fmt: skip
    figure = Figure()
    figures._shares(figure, contents)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.5, 0.5, 0.9, 0.9, 0.5, 0.5]
    figure = Figure()
    figures._distances(figure, rank_distances(contents))
    widths = [[bar.get_width() for bar in axes.patches if bar.get_width()] for axes in figure.axes]
    assert widths == [[1.0], [1.0], [1.0]]
