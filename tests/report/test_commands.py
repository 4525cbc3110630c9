"""Commands that are rebuilt from the record of a result."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.cli import build_parser
from beir_hybrid.comparison import compare
from beir_hybrid.datasets import load_dataset
from beir_hybrid.evaluation.results import read_results, read_results_file
from beir_hybrid.report.commands import compare_command, evaluate_command, fuse_command, made_by
from beir_hybrid.report.contents import read_contents
from tests.results_made import made_results
from tests.systems_made import Made

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_default_bm25_needs_no_options() -> None:
    """The command the README gives for the committed result."""
    results = read_results_file(RESULTS / "mlqa-r.bm25-standard.json")
    assert evaluate_command(results) == "beir-hybrid evaluate mlqa-r --bm25 standard --out DIR"


@pytest.mark.parametrize(
    ("retriever", "inputs", "options"),
    [
        ({"type": "bm25", "variant": "language", "k1": 1.2, "b": 0.4}, {}, ["--bm25 language --k1 1.2", "--name x"]),
        ({"type": "dense", "model": "a b", "query_prompt": "Query: "}, {}, ["--model 'a b' --query-prompt 'Query: '"]),
        (
            {"type": "dense", "model": "m", "query_prompt": "", "passage_prompt": "", "precision": "int8",
             "truncate_dim": 64},
            {}, ["--query-prompt '' --passage-prompt ''", "--truncate-dim 64 --precision int8"],
        ),
        ({"type": "bm25", "variant": "anserini", "index": "x-{language}"}, {}, ["--bm25-index 'x-{language}'"]),
        ({"type": "sparse", "model": "m", "query_prompt": "q: "}, {}, ["--model m --query-prompt 'q: '"]),
        ({"type": "late interaction", "model": "m"}, {}, ["--model m"]),
        ({"type": "dense", "model": "m", "neutralize": {}, "neutralize_folder": "n"}, {}, ["--neutralize n"]),
        (
            {"type": "reranking", "model": "c", "depth": 20, "first_stage": {"type": "bm25", "variant": "standard"}},
            {}, ["--bm25 standard --rerank c --rerank-depth 20"],
        ),
        ({"type": "run", "file": "r.trec", "path": "a b/r.trec"}, {}, ["--run 'a b/r.trec'"]),
        ({"type": "run", "file": "r.trec"}, {"top_k": 5, "metrics": ["map"]}, ["--run r.trec", "map --top-k 5"]),
        (
            {"type": "dense", "model": "m"}, {"dataset_options": {"with_paragraph": True}},
            ["--languages de --settings mono --with-paragraph"],
        ),
    ],
)  # fmt: skip
def test_what_is_not_default_is_an_option(retriever: Any, inputs: Any, options: list[str]) -> None:
    """Quoted for a shell, and understood by the command line itself."""
    command = evaluate_command(made_results("x", {"de": 0.5}, retriever=retriever, **inputs))
    assert command is not None
    for option in options:
        assert option in command
    build_parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize(
    "retriever",
    [
        {"type": "mine"},
        {"type": "dense", "model": "m", "neutralize": {}},
        {"type": "late interaction", "model": "m", "candidates": {"depth": 10}},
        {"type": "reranking", "model": "m", "depth": 10, "first_stage": {"type": "mine"}},
    ],
)
def test_a_retriever_of_ones_own_has_no_command(retriever: Any) -> None:
    """No command line builds it, nor what rests on it."""
    assert evaluate_command(made_results("x", {"de": 0.5}, retriever=retriever)) is None


def test_what_was_computed_in_float32_after_a_trial_is_again() -> None:
    """Whatever the next machine would choose."""
    results = made_results("x", {"de": 0.5}, retriever={"type": "dense", "model": "m"})
    assert "--dtype" not in str(evaluate_command(results))
    tried = dataclasses.replace(results, observed={"agreement_of_dtype": {}})
    assert "--dtype float32" in str(evaluate_command(tried))


def test_everything_is_measured_again_of_which_a_page_shows_some(made: Made) -> None:
    """The command of a folder is that of the whole folder: measured otherwise it would be refused."""
    page = read_contents(compare(made.folders, settings="mono", metrics="map", draws=50))[0]
    shown = dataclasses.replace(page.results[0], retriever={"type": "bm25"})
    assert {score.setting for score in shown.scores} == {"mono"}
    assert "--settings" not in str(evaluate_command(shown))


def test_a_fusion_is_named_as_it_was() -> None:
    """Not as a page tells it apart from another of that name; a folder of before that was kept, by the one it has."""
    retriever = {"type": "fusion", "method": "rrf", "inputs": [{"folder": "a"}, {"folder": "b"}]}
    results = made_results("fused (x/out)", {"de": 0.5}, retriever=retriever)
    assert "--name fused --out" in str(fuse_command(dataclasses.replace(results, inputs={"name": "fused"})))
    assert "--name old --out" in str(fuse_command(dataclasses.replace(results, name="old")))


@pytest.mark.parametrize("changed", [{"inputs": [{"name": "a"}, {"folder": "b"}]}, {"tuned_on": {"dataset": "other"}}])
def test_a_fusion_of_what_is_not_known_has_no_command(changed: Any) -> None:
    """Of parts without a folder, or tuned on what an earlier version did not record: said, with no half command."""
    retriever = {"type": "fusion", "method": "rrf", "inputs": [{"folder": "a"}, {"folder": "b"}], **changed}
    results = made_results("x", {"de": 0.5}, retriever=retriever)
    assert fuse_command(results) is None
    assert made_by(results) == ["# x: no command makes it, see its retriever below"]


def test_the_test_and_its_correction_are_in_the_command(made: Made) -> None:
    """Tukey's needs no correction, and takes none."""
    for test, part in (("tukey", "--test tukey --alpha"), ("student", "--test student --correction holm --alpha")):
        comparison = compare(made.folders, test=test, draws=50, settings="mono", metrics="map")
        assert part in compare_command(made.folders, comparison)
    assert "--metrics" not in compare_command(made.folders, made.comparison)


def test_numbers_are_printed_whole() -> None:
    """A weight or a level is not rounded to the six digits of a short print."""
    retriever = {
        "type": "fusion", "method": "wsum", "norm": "max", "params": {"weights": [0.123456789, 1.0]},
        "inputs": [{"folder": "a"}, {"folder": "b"}], "standardised": "yes",
    }  # fmt: skip
    made = str(fuse_command(made_results("x", {"de": 0.5}, retriever=retriever)))
    assert "--standardise --weights 0.123456789,1.0 " in made
    tuned = {**retriever, "tuned_on": {"folders": ["c", "d"], "metric": "map", "seed": 3}}
    made = str(fuse_command(made_results("x", {"de": 0.5}, retriever=tuned)))
    assert "--tune-on c d --tune-metric map --seed 3 " in made
    assert "--k1 1.23456789 " in str(
        evaluate_command(made_results("x", {"de": 0.5}, retriever={"type": "bm25", "k1": 1.23456789}))
    )


def test_the_printed_command_repeats_the_comparison(command: Any, made: Made) -> None:
    """Run as it is printed, restricted in every way there is, it gives every row again."""
    asked = {
        "baseline": made.comparison.names[1], "settings": "multi,mono", "metrics": "map,rank_distance", "seed": 3,
        "intersect": True, "test": "permutation", "correction": "bh", "alpha": 0.123456789, "draws": 200,
    }  # fmt: skip
    wanted = compare(made.folders, **asked)
    printed = compare_command(made.folders, wanted)
    arguments = shlex.split(printed.replace("--format html --out page.html", "--format json"))
    assert json.loads(command(*arguments[1:]).out) == json.loads(json.dumps(wanted.to_json()))
    plain = shlex.split(compare_command(made.folders, made.comparison).replace("html --out page.html", "json"))
    assert json.loads(command(*plain[1:]).out) == json.loads(json.dumps(made.comparison.to_json()))


def test_the_printed_evaluation_gives_the_same_scores(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as it is printed where its run file is, into another folder: every score again."""
    monkeypatch.chdir(tmp_path)
    dataset = load_dataset("sample", languages="de,en")
    run = tmp_path / "a run.trec"
    run.write_text("".join(f"{q} Q0 {p} 1 {1 + len(p) % 3} x\n" for q, own in dataset.qrels.items() for p in own))
    asked = ["--languages", "de", "en", "--settings", "mono", "multi", "--metrics", "map,mrr@5", "--top-k", "1"]
    done = command("evaluate", "sample", "--run", run, *asked, "--name", "odd name", "--out", tmp_path / "one")
    assert done.status == 0, done.err
    (printed,) = made_by(read_results(tmp_path / "one"))
    again = shlex.split(printed.replace(str(tmp_path / "one"), str(tmp_path / "two")))
    assert command(*again[1:]).status == 0
    one, two = (read_results(tmp_path / name) for name in ("one", "two"))
    assert (one.name, [vars(score) for score in one.scores]) == (two.name, [vars(score) for score in two.scores])
