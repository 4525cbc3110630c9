"""`leaderboard`: tables on stdout, a check that a script can rely on."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets import load_dataset
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.report import figures
from tests.cli.refusals import failed
from tests.systems_made import letters

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
LANGUAGE = RESULTS / "xquad-r.bm25-language.json"


def test_a_table_of_ours_and_the_published(command: Any) -> None:
    """Means by setting; the notes say what differs."""
    done = command("leaderboard", "xquad-r", LANGUAGE)
    assert (done.status, done.err) == (0, "")
    assert "xquad-r (test), multi: means" in done.out
    assert "bm25-language" in done.out
    assert "LaBSE Hybrid [published]" in done.out
    assert "never tested for significance" in done.out
    assert "by query language" not in done.out


def test_published_numbers_alone_by_language(command: Any) -> None:
    """No results are needed to look at what is known."""
    done = command("leaderboard", "miracl", "--per-language", "--languages", "sw,yo")
    assert done.status == 0
    assert "ndcg@10 by query language" in done.out
    assert "BM25 + mDPR [published]" in done.out


@pytest.mark.parametrize(("form", "part"), [("markdown", "| --- |"), ("latex", r"\toprule"), ("table", "langs")])
def test_forms_to_paste(command: Any, tmp_path: Path, form: str, part: str) -> None:
    """--out writes the same text to a file, and stdout stays empty."""
    shown = command("leaderboard", "mlqa-r", "--format", form)
    done = command("leaderboard", "mlqa-r", "--format", form, "--out", tmp_path / "board")
    assert part in shown.out
    assert (done.status, done.out) == (0, "")
    assert (tmp_path / "board").read_text(encoding="utf-8") == shown.out


def test_forms_for_programs(command: Any) -> None:
    """json and csv hold the same rows, in every language, whatever the tables show."""
    rows = json.loads(command("leaderboard", "xquad-r", LANGUAGE, "--format", "json").out)["rows"]
    lines = list(csv.DictReader(io.StringIO(command("leaderboard", "xquad-r", LANGUAGE, "--format", "csv").out)))
    assert len(rows) == len(lines) > 800
    assert {row["kind"] for row in rows} == {"ours", "published"}
    assert float(lines[0]["value"]) == rows[0]["value"]


def test_check_of_our_own_results(command: Any) -> None:
    """Expected, got, OK; the command that makes the result; exit 0."""
    done = command("leaderboard", "xquad-r", LANGUAGE, "--check")
    assert done.status == 0
    assert done.err == "bm25-language: 30 OK, 0 FAIL, 0 not measured\n"
    assert "made with: beir-hybrid evaluate xquad-r --bm25 language --out DIR" in done.out
    assert "tolerance 0.005" in done.out


def test_check_fails_with_status_1(command: Any, tmp_path: Path) -> None:
    """Scores of another retriever are told from the expected ones, in every form."""
    record = json.loads(LANGUAGE.read_text(encoding="utf-8"))
    for score in record["scores"]:
        if (score["setting"], score["query_language"], score["metric"]) == ("mono", "de", "map"):
            score["value"] -= 0.02
    (tmp_path / "results.json").write_text(json.dumps(record))
    done = command("leaderboard", "xquad-r", tmp_path, "--check")
    assert done.status == 1
    assert "29 OK, 1 FAIL" in done.err
    assert "FAIL" in done.out
    done = command("leaderboard", "xquad-r", tmp_path, "--check", "--format", "json")
    assert json.loads(done.out)["ok"] is False
    assert done.status == 1


def test_check_against_a_file(command: Any) -> None:
    """Another run's results are an expectation; the standard analyzer does not reach the language ones."""
    standard = RESULTS / "xquad-r.bm25-standard.json"
    assert command("leaderboard", "xquad-r", standard, "--check", "--expect", standard).status == 0
    assert command("leaderboard", "xquad-r", standard, "--check", "--expect", LANGUAGE).status == 1


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["xquad"], 1, "did you mean 'xquad-r'"),
        (["mlqa-r", LANGUAGE], 1, "holds results of xquad-r, not of mlqa-r"),
        (["mlqa-r", LANGUAGE, "--check"], 1, "holds results of xquad-r, not of mlqa-r"),
        (["xquad-r", "nowhere"], 1, "does not exist"),
        (["xquad-r", "--languages", "xx"], 1, "unknown language 'xx'"),
        (["xquad-r", "--check"], 2, "--check needs a results folder"),
        (["xquad-r", LANGUAGE, "--expect", LANGUAGE], 2, "--expect needs --check"),
        (["xquad-r", LANGUAGE, "--format", "html", "--languages", "de"], 2, "the page has every language"),
        (["xquad-r", LANGUAGE, "--format", "latex", "--check"], 2, "--check prints as table, markdown, csv or json"),
    ],
)
def test_bad_input(command: Any, arguments: list[Any], status: int, part: str) -> None:
    """One line that says what to do; nothing on stdout."""
    done = command("leaderboard", *arguments)
    assert (done.status, done.out) == (status, "")
    assert part in done.err


def test_results_without_their_data_set(command: Any, tmp_path: Path) -> None:
    """What was forgotten is said, not that the folder is no data set."""
    (tmp_path / "results.json").write_text(LANGUAGE.read_text(encoding="utf-8"), encoding="utf-8")
    failed(command("leaderboard", tmp_path), f"{tmp_path} is a results folder; name the data set before it")


def test_results_of_a_future_schema(command: Any, tmp_path: Path) -> None:
    """A newer version's folder is refused with what to do."""
    (tmp_path / "results.json").write_text('{"schema": 2}')
    done = command("leaderboard", "xquad-r", tmp_path)
    assert done.status == 1
    assert "schema 2; this version reads schema 1: upgrade beir-hybrid" in done.err


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two result folders of the sample in two languages."""
    root = tmp_path_factory.mktemp("folders")
    for size in (32, 8):
        evaluate(load_dataset("sample", languages="ar,de"), letters(size), out=root / str(size))
    return [root / "32", root / "8"]


def test_the_page(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """--format html compares the folders and writes one file."""
    done = command("leaderboard", "sample", *folders, "--format", "html", "--out", tmp_path / "page.html")
    assert (done.status, done.out) == (0, "")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<h1>sample (test): 2 systems</h1>" in text


def test_the_figures(command: Any, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--figures writes them beside the table, and says where."""
    drawn = figures._figures
    monkeypatch.setattr(figures, "_figures", lambda contents: (f for f in drawn(contents) if f[0] == "rank-distance"))
    done = command("leaderboard", "sample", *folders, "--figures", tmp_path / "figures")
    assert done.status == 0
    assert "sample (test), mono: means" in done.out
    assert f"figure: {tmp_path / 'figures' / 'rank-distance.svg'}" in done.err
    assert (tmp_path / "figures" / "rank-distance.svg").exists()


def test_a_page_needs_results(command: Any) -> None:
    """Published numbers have no scores by query: there is nothing to draw."""
    for option in (["--format", "html"], ["--figures", "x"]):
        assert command("leaderboard", "xquad-r", *option).status == 2


def test_a_page_needs_the_scores_of_single_queries(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """A results.json alone, or a folder without its per-query file, is refused in one line."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "results.json").write_text((folders[0] / "results.json").read_text())
    for given in (tmp_path / "bare", tmp_path / "bare" / "results.json"):
        done = command("leaderboard", "sample", given, "--format", "html")
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert "does not exist" in done.err


def test_what_a_refusal_advises_is_an_option_here_too(command: Any, make_folder: Any, tmp_path: Path) -> None:
    """Folders of other queries: --intersect is advised, and taken."""
    one = make_folder("one", {"mono:de": {"map": [0.5, 0.25, 1.0]}})
    two = make_folder("two", {"mono:de": {"map": [0.5, 0.25]}})
    page = tmp_path / "page.html"
    failed(
        command("leaderboard", "toy", one, two, "--format", "html", "--out", page), "--intersect compares the others"
    )
    assert command("leaderboard", "toy", one, two, "--format", "html", "--out", page, "--intersect").status == 0
    assert "best map 0.375" in " ".join(re.sub("<[^>]*>", "", page.read_text(encoding="utf-8")).split())
