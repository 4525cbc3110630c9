"""`leaderboard`: tables on stdout, a check that a script can rely on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

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
    ],
)
def test_bad_input(command: Any, arguments: list[Any], status: int, part: str) -> None:
    """One line that says what to do; nothing on stdout."""
    done = command("leaderboard", *arguments)
    assert (done.status, done.out) == (status, "")
    assert part in done.err


def test_results_of_a_future_schema(command: Any, tmp_path: Path) -> None:
    """A newer version's folder is refused with what to do."""
    (tmp_path / "results.json").write_text('{"schema": 2}')
    done = command("leaderboard", "xquad-r", tmp_path)
    assert done.status == 1
    assert "schema 2; this version reads schema 1: upgrade beir-hybrid" in done.err
