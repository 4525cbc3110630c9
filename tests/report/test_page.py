"""The page: one file, safe, and working in a real browser."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.datasets import load_dataset
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.report.document import rank_text
from beir_hybrid.report.page import _record, render_page
from beir_hybrid.tables import interval, p_value
from tests.report.chromium import Browser
from tests.results_made import made_results
from tests.systems_made import EVIL, Made, letters

MEAN = '#leaderboard [data-panel="mean"]'
FIRST_COLUMN = f"[...document.querySelectorAll('{MEAN} tbody tr')].map(row => row.cells[{{}}].dataset.value ?? null)"


def test_the_same_input_gives_the_same_page(made: Made, page: Path) -> None:
    """No date, no random name: a page can be compared with another."""
    assert render_page(made.comparison) == page.read_text(encoding="utf-8")


def test_nothing_is_fetched_and_nothing_injected(page: Path) -> None:
    """No address but those of the sources as links; a system's name does not become markup."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|srcset|@import|url\()\s*=?\s*[\"']?(?:https?:)?//", text)
    assert "<link" not in text
    assert "<img" not in text
    assert text.count("</script>") == 1
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "$title" in text  # the name holds it, and is not taken for a slot of the template
    assert "evil &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp;amp; $title" in text


def test_one_system_alone(made: Made) -> None:
    """Without a second system there is nothing to subtract, and the rest is shown."""
    text = render_page(compare(made.folders[:1], draws=50))
    assert 'class="heat"' in text
    assert " minus letters-32" not in text
    assert 'id="section-bars"' not in text


def test_the_texts_of_a_right_to_left_language(page: Path) -> None:
    """Each text names its language and finds its own direction."""
    assert re.search(r'<p lang="ar" dir="auto" class="question">[^<]*[\u0600-\u06ff]', page.read_text(encoding="utf-8"))


def test_it_loads_without_errors_or_requests(chromium: Browser, page: Path) -> None:
    """Nothing in the console, and no request but for the file itself."""
    chromium.open(page)
    assert chromium.problems == []
    assert chromium.requests == [page.resolve().as_uri()]
    assert chromium.run("document.querySelectorAll('section').length") == 7
    assert chromium.run("document.querySelectorAll('img').length") == 0
    assert EVIL in chromium.run("document.body.innerText")


def test_a_script_from_the_data_would_not_run(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """Even where a text became markup, the page's policy lets only its own script run, and nothing be fetched."""
    broken = tmp_path / "broken.html"
    text = page.read_text(encoding="utf-8")
    broken.write_text(text.replace("<main>", "<main><script>window.bad = 1</script><img src='http://a.invalid/x'>"))
    chromium.open(broken)
    assert chromium.run("window.bad === undefined")
    assert any("Content Security Policy" in problem for problem in chromium.problems)


def test_sorting_by_press_and_by_key(chromium: Browser, page: Path) -> None:
    """A press sorts, another turns it round, rows without a value stay last; the state is told in aria-sort."""
    chromium.open(page)
    states = f"[...document.querySelectorAll('{MEAN} th[aria-sort]')].map(head => head.getAttribute('aria-sort'))"
    assert [state for state in chromium.run(states) if state != "none"] == ["descending"]
    column = chromium.run(f"[...document.querySelectorAll('{MEAN} th button')].findIndex(b => b.title === 'mono: map')")

    def values() -> list[float]:
        found = [float(value) for value in chromium.run(FIRST_COLUMN.format(column)) if value is not None]
        assert len(found) == 3
        return found

    head = f"document.querySelectorAll('{MEAN} th button')[{column}]"
    assert values() == sorted(values(), reverse=True)
    chromium.run(f"{head}.click()")
    assert values() == sorted(values())
    assert chromium.run(states)[column] == "ascending"
    chromium.run(f"{head}.focus()")
    chromium.press("Enter", 13)
    assert values() == sorted(values(), reverse=True)
    assert chromium.run(states).count("none") == len(chromium.run(states)) - 1


def choose(chromium: Browser, group: str, label: str, text: str) -> None:
    """As a reader does: by the words of the choice."""
    chromium.run(
        f"(() => {{ const s = [...document.querySelectorAll('[data-panels={group}]')]"
        f".find(s => s.labels[0].textContent.includes('{label}'));"
        f"s.value = [...s.options].find(o => o.textContent === `{text}`).value;"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def shown(chromium: Browser, group: str) -> list[str]:
    """The titles of the panels that show."""
    return chromium.run(f"[...document.querySelectorAll('#{group} > div')].filter(p => !p.hidden)"
                        ".map(p => p.querySelector('.chosen').textContent)")  # fmt: skip


def test_choices_change_what_is_shown(chromium: Browser, page: Path, made: Made) -> None:
    """A language of the leaderboard, a system and a difference of the heat map, a metric of the bars."""
    chromium.open(page)
    assert shown(chromium, "leaderboard") == ["Query language: mean over all"]
    choose(chromium, "leaderboard", "Query", "German (de)")
    assert shown(chromium, "leaderboard") == ["Query language: German (de)"]
    choose(chromium, "heat", "System", "letters-8")
    cell = "[...document.querySelectorAll('#heat > div')].find(p => !p.hidden).querySelector('td[class^=m]')"
    wanted = f"{made.contents.results[1].matrix['ar']['ar']:.2f}".replace("0.", ".")
    assert chromium.run(f"{cell}.textContent") == wanted
    choose(chromium, "heat", "Measure", "mono and cross: map")
    assert shown(chromium, "heat") == ["letters-8, mono and cross: map"]
    choose(chromium, "heat", "System", "letters-8 minus letters-32")
    assert shown(chromium, "heat") == ["letters-8 minus letters-32, mono and cross: map"]
    choose(chromium, "bars", "Metric", "multi: rank_distance")
    assert shown(chromium, "bars") == ["letters-8, multi: rank_distance"]
    assert chromium.problems == []


GROUPS = "[...document.querySelectorAll('[data-panel]')]"


def test_without_the_script_every_panel_is_shown(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """Each with the title that the choice would have; no control that would do nothing."""
    still = tmp_path / "still.html"
    still.write_text(re.sub(r"<script>.*</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    chromium.open(still)
    assert chromium.run(f"{GROUPS}.length") > 20
    assert chromium.run(f"{GROUPS}.every(p => p.offsetHeight > 0 && p.querySelector('.chosen').offsetHeight > 0)")
    assert chromium.run("[...document.querySelectorAll('select')].every(s => s.offsetHeight === 0)")


def test_on_paper(chromium: Browser, page: Path) -> None:
    """Controls give way to what they were set to, colours stay, and no column is cut at the width of a page."""
    chromium.open(page, width=1020)
    choose(chromium, "leaderboard", "Query", "German (de)")
    chromium.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert chromium.run("[...document.querySelectorAll('select, nav')].every(s => s.offsetHeight === 0)")
        assert "Press" not in chromium.run("document.body.innerText"), "nothing on paper can be pressed"
        titles = f"{GROUPS}.filter(p => p.offsetHeight > 0).map(p => p.querySelector('.chosen').textContent)"
        assert chromium.run(titles)[0] == "Query language: German (de)"
        assert chromium.run(f"{GROUPS}.filter(p => p.offsetHeight > 0).length") == 3
        bar = "document.querySelector('#bars td[data-sure]')"
        assert chromium.run(f"getComputedStyle({bar}, '::before').printColorAdjust") == "exact"
        wide = "[...document.querySelectorAll('table, pre')].filter(t => t.getBoundingClientRect().right > innerWidth)"
        assert chromium.run(f"{wide}.map(t => t.className)") == []
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="")


def test_many_systems_fit_on_paper(chromium: Browser, make_folder: Any, tmp_path: Path) -> None:
    """Sixteen with long names: no table is wider than the page."""
    shares = {"same_language_share@10": [0.5] * 3, "same_language_lift@10": [1.5] * 3}
    tasks = {f"multi:{code}": {"map": [0.5] * 3, **shares} for code in ("de", "en")}
    folders = [make_folder(f"{at}", tasks, name=f"intfloat/multilingual-e5-small-{at}") for at in range(16)]
    path = tmp_path / "page.html"
    path.write_text(render_page(compare(folders, draws=50)), encoding="utf-8")
    chromium.open(path, width=1020)
    chromium.call("Emulation.setEmulatedMedia", media="print")
    try:
        wide = "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth)"
        assert chromium.run(f"{wide}.map(t => t.className)") == []
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="")


def test_intervals_and_p_values_are_text(chromium: Browser, page: Path, made: Made) -> None:
    """What a number's interval and p are stands in cells, not in what only a mouse finds."""
    chromium.open(page)
    choose(chromium, "bars", "Metric", "multi: map")
    row = "[...document.querySelectorAll('#bars > div')].find(p => !p.hidden).querySelector('tbody tr')"
    cells = chromium.run(f"[...{row}.cells].map(c => c.innerText.trim())")
    (wanted,) = made.comparison.select("multi", "map", "letters-8", "ar")
    assert cells[0] == "Arabic (ar)"
    assert cells[3:6] == [
        interval(wanted.ci_low, wanted.ci_high, "map"), p_value(wanted.p), p_value(wanted.p_corrected)
    ]  # fmt: skip
    assert cells[6] == f"{wanted.wins}/{wanted.ties}/{wanted.losses}"
    assert chromium.run("[...document.querySelectorAll('td [title], td[title]')].length") == 0


def test_from_right_to_left(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """Turned round, the page still fits, and what stuck to the left sticks to the right."""
    turned = tmp_path / "rtl.html"
    turned.write_text(page.read_text(encoding="utf-8").replace('<html lang="en">', '<html lang="en" dir="rtl">'))
    chromium.open(turned, width=400, height=800, phone=True)
    assert chromium.run("document.documentElement.scrollWidth") == 400
    head = "document.querySelector('.board tbody th').getBoundingClientRect()"
    table = "document.querySelector('.board').getBoundingClientRect()"
    assert chromium.run(f"Math.abs({head}.right - {table}.right) < 2")
    # the sign and the point stand before their digits, the sentence's point at its end
    place = (
        "((node) => { const at = (i) => { const r = document.createRange(); r.setStart(node, i); r.setEnd(node, i + 1);"
        " return r.getBoundingClientRect().left; }; return at(0) < at(node.length - 1); })"
    )
    for found in ("'#bars td:nth-child(3)'", "'.heat td[class^=m]'", "'.histogram th[scope=row]'", "'.kicker'"):
        text = chromium.run(f"document.querySelector({found}).textContent")
        assert chromium.run(f"{place}(document.querySelector({found}).firstChild)"), text


def test_dark_mode(chromium: Browser, page: Path) -> None:
    """Light text on a dark ground, and dark on light."""
    brightness = (
        "['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k].match(/\\d+/g).slice(0, 3)"
        ".reduce((sum, part) => sum + Number(part), 0) / 765)"
    )
    chromium.open(page, dark=True)
    ground, text = chromium.run(brightness)
    assert ground < 0.2 < 0.8 < text
    chromium.open(page)
    ground, text = chromium.run(brightness)
    assert text < 0.2 < 0.8 < ground


def test_a_phone_scrolls_one_way(chromium: Browser, page: Path) -> None:
    """At 400 pixels the page is as wide as the screen; wide tables scroll by themselves, by keyboard too."""
    chromium.open(page, width=400, height=844, phone=True)
    assert chromium.run("[document.documentElement.scrollWidth, window.innerWidth]") == [400, 400]
    assert chromium.run("[...document.querySelectorAll('.scroll')].every(part => part.tabIndex === 0)")
    assert chromium.run("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 5
    assert chromium.run("document.documentElement.scrollWidth") == 400


def test_the_leaderboard_fits_a_laptop(chromium: Browser, page: Path) -> None:
    """Three settings with their usual metrics are seen at 1,200 pixels, none behind the edge."""
    chromium.open(page, width=1200)
    board = "document.querySelector('.board')"
    assert chromium.run(f"{board}.querySelectorAll('thead tr:last-child th').length") >= 12
    assert chromium.run(f"{board}.closest('.scroll').scrollWidth <= {board}.closest('.scroll').clientWidth")


def test_everything_has_a_name(chromium: Browser, page: Path) -> None:
    """Choices, buttons and links can be told apart by a screen reader, and every section has a head."""
    chromium.open(page)
    assert chromium.run("[...document.querySelectorAll('select')].every(s => s.labels.length === 1)")
    assert chromium.run("[...document.querySelectorAll('button, a')].every(b => b.textContent.trim() !== '')")
    assert chromium.run("[...document.querySelectorAll('section')].every(s => s.querySelector('h2'))")
    assert chromium.run("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))")
    assert chromium.run("document.documentElement.lang") == "en"


def test_no_text_breaks_the_page(made: Made, chromium: Browser, tmp_path: Path) -> None:
    """A comparison in which nothing is significant and the mean is not defined is still a page."""
    rows = [dataclasses.replace(row, p_corrected=None, delta=None, value=None) for row in made.comparison.rows]
    path = tmp_path / "bare.html"
    path.write_text(render_page(dataclasses.replace(made.comparison, rows=tuple(rows))), encoding="utf-8")
    chromium.open(path)
    assert chromium.problems == []


def test_one_setting_alone(chromium: Browser, tmp_path: Path) -> None:
    """Without the pooled setting there is no heat map, no preference and no distance, and everything else."""
    dataset = load_dataset("sample", languages="de,en")
    for size in (32, 8):
        evaluate(dataset, letters(size), settings="mono", out=tmp_path / str(size))
    folders = [tmp_path / "32", tmp_path / "8"]
    path = tmp_path / "mono.html"
    path.write_text(render_page(compare(folders, draws=50)), encoding="utf-8")
    chromium.open(path)
    sections = chromium.run("[...document.querySelectorAll('section')].map(s => s.id.replace('section-', ''))")
    assert sections == ["leaderboard", "bars", "hardest", "provenance"]
    assert chromium.problems == []


def test_the_record_of_a_system_is_what_it_and_its_inputs_were() -> None:
    """All of it as JSON, but the tasks are counted, and the retriever stands there once."""
    made = made_results("a", {"de": 0.5}, retriever={"type": "mine"}, tasks=["mono:de", "multi:de"], retriever_of="x")
    inputs = {"languages": ["de"], "tasks": "2 tasks", "retriever_of": "x"}
    assert json.loads(_record(made)) == {"retriever": {"type": "mine"}, "inputs": inputs}


def test_what_found_nothing_says_so() -> None:
    """An answer below what was kept, and a system that found no passage at all, are different things."""
    assert [rank_text(3, 5), rank_text(None, 5), rank_text(None, 0)] == ["3", "> 5", "nothing"]


CONTRAST = """(() => {
  const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
  const light = (colour) => {
    context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
    const linear = parts.map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const cell = document.querySelector('.heat td[class^=m]');
  let worst = 99;
  for (const kind of ['m', 'l']) for (let step = 1; step <= 25; step += 1) {
    cell.className = kind + step;
    const style = getComputedStyle(cell);
    const [one, two] = [light(style.backgroundColor), light(style.color)];
    worst = Math.min(worst, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05));
  }
  return worst;
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_can_be_read_on_every_colour(chromium: Browser, page: Path, dark: bool) -> None:
    """The contrast of a heat map's numbers is at least 4.5 on every shade (WCAG AA)."""
    chromium.open(page, dark=dark)
    assert chromium.run(CONTRAST) >= 4.5
