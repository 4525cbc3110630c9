"""`compare`: every format, the file it writes, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from beir_hybrid.cli import main, options
from beir_hybrid.comparison.correction import CORRECTIONS
from beir_hybrid.comparison.significance import TESTS
from tests.cli.refusals import failed, refused

TASKS = {"mono:de": {"map": [0.1, 0.2, 0.3, 0.4] * 5}, "multi:de": {"map": [0.1] * 20, "rank_distance": [30.0] * 20}}
BETTER = {"mono:de": {"map": [0.5, 0.6, 0.7, 0.9] * 5}, "multi:de": {"map": [0.1] * 20, "rank_distance": [20.0] * 20}}


@pytest.fixture
def folders(make_folder: Any) -> list[Path]:
    return [make_folder("bm25", TASKS), make_folder("dense", BETTER)]


def test_the_table_is_the_default(command: Any, folders: list[Path]) -> None:
    """Values with three decimals, the better one marked, nothing on stderr."""
    done = command("compare", *folders, "--draws", 500)
    assert (done.status, done.err) == (0, "")
    assert "baseline bm25" in done.out
    assert "0.675 ▲" in done.out


def test_json_has_the_documented_shape(command: Any, folders: list[Path]) -> None:
    """What was asked, macro rows with "mean", null where there is no value."""
    done = command(
        "compare", *folders, "--format", "json", "--baseline", "dense", "--test", "wilcoxon", "--correction", "bh"
    )
    record = json.loads(done.out)
    assert [record[key] for key in ("baseline", "test", "correction")] == ["dense", "wilcoxon", "bh"]
    rows = {
        (r["name"], r["setting"], r["query_language"], r["corpus_language"], r["metric"]): r for r in record["rows"]
    }
    mean = rows["bm25", "mono", "mean", "mean", "map"]
    assert mean["value"] == pytest.approx(0.25)
    assert mean["delta"] == pytest.approx(-0.425)
    assert (mean["wins"], mean["ties"], mean["losses"], mean["queries"]) == (0, 0, 20, 20)
    assert rows["dense", "multi", "mean", "mean", "map"]["delta"] is None
    assert rows["bm25", "multi", "de", "all", "rank_distance"]["losses"] == 20


def test_settings_and_metrics_are_chosen(command: Any, folders: list[Path]) -> None:
    """Only what was asked for, by our names or ir_measures'."""
    done = command("compare", *folders, "--settings", "multi", "--metrics", "AP", "--format", "csv")
    rows = list(csv.DictReader(done.out.splitlines()))
    assert {(row["setting"], row["metric"]) for row in rows} == {("multi", "map")}


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "csv", "json"])
def test_out_writes_what_stdout_would_say(command: Any, folders: list[Path], tmp_path: Path, form: str) -> None:
    """The same text in a file, whole; stdout stays empty."""
    shown = command("compare", *folders, "--format", form, "--draws", 200).out
    done = command("compare", *folders, "--format", form, "--draws", 200, "--out", tmp_path / "new" / "file")
    assert (done.status, done.out) == (0, "")
    assert (tmp_path / "new" / "file").read_text(encoding="utf-8") == shown
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_the_page_is_rendered_by_the_report(command: Any, folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """html hands the comparison to the page; nothing of it is loaded otherwise."""
    page = ModuleType("beir_hybrid.report.page")
    page.render_page = lambda comparison, data_dir: f"<p>{comparison.baseline}</p>"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "beir_hybrid.report", ModuleType("beir_hybrid.report"))
    monkeypatch.setitem(sys.modules, "beir_hybrid.report.page", page)
    assert command("compare", *folders, "--format", "html").out == "<p>bm25</p>\n"


def test_what_cannot_be_compared_is_one_line(
    command: Any, folders: list[Path], make_folder: Any, tmp_path: Path
) -> None:
    """Exit 1 and no traceback for each kind of bad input."""
    other = make_folder("other", TASKS, dataset="mlqa-r")
    refused(command("compare", folders[0], other), 1, "toy has results of bm25", "mlqa-r of other", "under one name")
    fewer = make_folder("fewer", {name: {m: v[:19] for m, v in task.items()} for name, task in TASKS.items()})
    refused(command("compare", folders[0], fewer), 1, "de-q19", "only in", "--intersect")
    assert command("compare", folders[0], fewer, "--intersect").status == 0
    refused(command("compare", folders[0], tmp_path / "none"), 1, "does not exist")
    refused(command("compare", folders[0], folders[0]), 1, "same folder")
    refused(command("compare", *folders, "--baseline", "bm26"), 1, "did you mean 'bm25'")
    refused(command("compare", *folders, "--test", "ttest"), 2, "argument --test: unknown choice 'ttest'", "student")
    refused(command("compare", *folders, "--metrics", "mrr"), 1, "do not all have", "map")
    (folders[1] / "per_query.parquet").unlink()
    refused(command("compare", *folders), 1, "per_query.parquet does not exist")


@pytest.mark.parametrize("words", [["compare"], ["leaderboard", "xquad-r"]])
def test_where_nothing_can_be_written_nothing_is_compared(command: Any, tmp_path: Path, words: list[str]) -> None:
    """The place of the answer is looked at before the folders are."""
    (tmp_path / "taken").write_text("a file")
    for out in (tmp_path, tmp_path / "taken" / "page.html"):
        failed(command(*words, tmp_path / "nowhere", "--format", "html", "--out", out), f"could not write {out}: ")


def test_usage_errors(command: Any, folders: list[Path]) -> None:
    """No folder, an unknown format: exit 2."""
    assert command("compare").status == 2
    assert command("compare", *folders, "--format", "xml").status == 2


def test_per_language_prints_every_pair(command: Any, folders: list[Path]) -> None:
    """n, difference, interval, p and corrected p of every language of every metric."""
    done = command("compare", *folders, "--per-language", "--draws", 500)
    line = next(line.split() for line in done.out.splitlines() if line.startswith("de "))
    assert line[:5] == ["de", "dense", "20", "+0.425", "▲"]


def test_what_was_meant_is_named(command: Any, folders: list[Path]) -> None:
    """One line for an unknown command, option or choice; no wall of usage."""
    refused(command("comapre"), 2, "unknown command 'comapre'; did you mean 'compare'?")
    refused(command("datasets", "sample", "again"), 2, "datasets: unexpected argument 'again'; see: ")
    named = "unexpected argument 'english'; what --languages lists, commas join"
    refused(command("evaluate", "sample", "--bm25", "--languages", "German", "english", "--out", "x"), 2, named)
    refused(command("compare", *folders, "--aplha", "0.1"), 2, "unknown option --aplha; did you mean '--alpha'?")
    refused(command("compare", *folders, "--format", "htm"), 2, "unknown choice 'htm'; did you mean 'html'?")
    refused(
        command("compare"), 2, "compare: the following arguments are required: DIR; see: beir-hybrid compare --help"
    )


def test_lists_with_commas_or_spaces(command: Any, folders: list[Path]) -> None:
    """--settings mono multi is --settings mono,multi, and swallows no folder after it."""
    one = command("compare", *folders, "--settings", "mono,multi", "--draws", 200).out
    assert command("compare", "--settings", "mono", "multi", *folders, "--draws", 200).out == one
    assert command("compare", "--settings", "mono,", "multi", *folders, "--draws", 200).out == one


def test_a_stream_that_is_not_utf8_ends_no_command(make_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs have stand-ins in ASCII, letters are escaped; nothing is lost and nothing raised."""
    folders = [make_folder("one", TASKS, name="α 한국"), make_folder("two", BETTER, name="line\nbreak \x1b[31m")]
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["compare", *map(str, folders), "--draws", "200"]) == 0
    out.seek(0)
    text = out.read()
    assert "\\u03b1 \\ud55c\\uad6d" in text
    assert "0.675 +" in text
    assert "line\\nbreak \\x1b[31m" in text
    # columns stand below each other as they are shown
    rows = [line for line in text.splitlines() if "\\u03b1" in line or "line\\n" in line]
    assert len({line.index(" 0.") for line in rows[:2]}) == 1 and rows[0].startswith("\\u03b1 ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_what_programs_read_is_whole_on_any_stream(
    make_folder: Any, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """JSON is JSON there too, of letters of one, two and four bytes; a page is UTF-8, as it says of itself."""
    names = ["é α 한국 😀", "two"]
    folders = [make_folder(f"f{at}", TASKS, name=name) for at, name in enumerate(names)]
    for form in ("json", "html"):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["compare", *map(str, folders), "--draws", "50", "--format", form]) == 0
        out.flush()
        written = out.buffer.getvalue()  # type: ignore[attr-defined]
        if form == "json":
            assert json.loads(written.decode(encoding))["rows"][0]["name"] == names[0]
        else:
            assert names[0] in written.decode("utf-8")


def test_choices_are_those_of_the_comparison() -> None:
    """The command line knows them without loading numpy."""
    shared = options.command_table()["shared"]["comparison"]["how it is tested"]
    choices = dict(key.split() for key in shared)
    assert choices["--test"].split("|") == list(TESTS)
    assert choices["--correction"].split("|") == list(CORRECTIONS)


def test_several_data_sets_at_once(command: Any, folders: list[Path], make_folder: Any) -> None:
    """Each system once on each: the tables of both and of their mean, and a page of all."""
    more = [make_folder(f"{name}2", task, name=name, dataset="other") for name, task in
            (("dense", BETTER), ("bm25", TASKS))]  # fmt: skip
    done = command("compare", *folders, *more, "--draws", 200)
    assert "mean over data sets, mono: against bm25" in done.out
    assert "toy + other (test), baseline bm25" in done.out
    page = command("compare", *folders, *more, "--baseline", "bm25", "--draws", 200, "--format", "html").out
    assert "toy + other (test): 2 systems" in page and "Mean over data sets" in page
