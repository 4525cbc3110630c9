"""`neutralize` from the command line, as a newcomer types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.refusals import refused
from tests.neutralize.toy import CONTENTS, toy_model, write_groups


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, groups, and texts of two languages as Windows writes them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))
    toy_model().save("model", create_model_card=False)
    write_groups(tmp_path / "groups.jsonl")
    for language in ("de", "en"):
        lines = "\r\n".join(f"{language}{at}" for at in range(CONTENTS))
        (tmp_path / f"{language}.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    return tmp_path


def test_learn_write_and_measure(here: Path, command: Command) -> None:
    """Two languages and six texts are enough; the table says what was learnt, the next command measures it."""
    done = command("neutralize", "model", "--texts", "de=de.txt,en=en.txt", "--out", "out")
    assert done.status == 0
    assert "method      project, 2 directions\nlanguages   2: de en\n" in done.out
    assert "few passage texts: de 6, en 6" in done.err
    assert "\nloading model\n" in done.err
    hint = "next: beir-hybrid evaluate sample --model model --neutralize out --out results/out"
    assert done.err.splitlines()[-1] == hint
    again = command(
        "evaluate", "sample", "--model", "model", "--neutralize", "out", "--languages", "de,tr", "--out", "r"
    )
    assert again.status == 0, again.err
    assert "neutralize: learnt from no text in tr; from these the same as from all others is removed" in again.err
    results = json.loads((here / "r" / "results.json").read_text())
    assert results["name"] == "model neutralized"  # not the name of the model as it is, which it is compared with
    record = results["retriever"]["neutralize"]
    assert (record["method"], record["languages"]) == ("project", ["de", "en"])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--texts", "de=de.txt"], ["texts in 1 language (de)", "shows between two or more"]),
        (["--texts", "de=de.txt,en=none.txt"], ["none.txt: cannot be read"]),
        (["--groups", "none.jsonl"], ["none.jsonl is no file"]),
        (["--groups", "groups.jsonl", "--languages", "de,sw"], ["no text in sw", "there are texts in de, en, fr"]),
        (
            ["--groups", "groups.jsonl", "--directions", "9"],
            ["9 directions are more than the means of 3 languages span", "--directions 6 or less"],
        ),
        (["--groups", "groups.jsonl", "--method", "lir", "--directions", "7"], ["de has 6", "fewer than the 7"]),
        (["--groups", "groups.jsonl", "--check-leaks", "nothing"], ["unknown dataset 'nothing'"]),
        (["--groups", "groups.jsonl", "--method", "whiten"], ["unknown method 'whiten'", "project"]),
        (["--texts", "deutsch=de.txt,en=en.txt"], ["'deutsch' is no language code; did you mean 'de'?"]),
        ([], ["nothing to learn from", "--groups FILE"]),
        (["--groups", "groups.jsonl", "--device", "cuda:0,cuda:1"], ["several devices", "evaluate --engine ray"]),
    ],
)
def test_bad_input_is_one_line(here: Path, command: Command, arguments: list[str], parts: list[str]) -> None:
    """What was got, what was expected, what to do; nothing is written."""
    done = command("neutralize", "model", *arguments, "--out", "out")
    last = done.err.splitlines()[-1]
    assert (done.status, done.out, (here / "out").exists()) == (1, "", False)
    assert last.startswith("beir-hybrid: ")
    for part in parts:
        assert part in last


def test_folder_without_what_was_learnt(here: Path, command: Command) -> None:
    """`--neutralize` of a plain model, and without a model."""
    done = command("evaluate", "sample", "--model", "model", "--neutralize", "model", "--out", "r")
    assert (done.status, done.out) == (1, "")
    assert "beir-hybrid: model holds no neutralize.json; give a folder that was written by" in done.err
    done = command("evaluate", "sample", "--model", "model", "--device", "cuda:0,cuda:1", "--out", "r")
    assert (done.status, done.out) == (1, "")
    assert "'cuda:0,cuda:1' names several devices" in done.err.splitlines()[-1]
    done = command("evaluate", "sample", "--run", "r.trec", "--neutralize", "model", "--out", "r")
    refused(done, 2, "--neutralize needs --model")
