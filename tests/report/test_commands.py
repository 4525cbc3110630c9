"""Commands that are rebuilt from the record of a result."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.cli import build_parser
from beir_hybrid.comparison import compare
from beir_hybrid.evaluation.results import read_results_file
from beir_hybrid.report.commands import compare_command, evaluate_command
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


def test_a_retriever_of_ones_own_has_no_command() -> None:
    """No command line builds it."""
    assert evaluate_command(made_results("x", {"de": 0.5}, retriever={"type": "mine"})) is None


def test_the_printed_command_repeats_the_comparison(command: Any, made: Made) -> None:
    """Run as it is printed, restricted in every way there is, it gives every row again."""
    asked = {
        "baseline": made.comparison.names[1], "settings": "multi,mono", "metrics": "map,rank_distance", "seed": 3,
        "intersect": True, "test": "permutation", "correction": "bh", "alpha": 0.1, "draws": 200,
    }  # fmt: skip
    wanted = compare(made.folders, **asked)
    printed = compare_command(made.folders, wanted)
    arguments = shlex.split(printed.replace("--format html --out page.html", "--format json"))
    assert json.loads(command(*arguments[1:]).out) == json.loads(json.dumps(wanted.to_json()))
    plain = shlex.split(compare_command(made.folders, made.comparison).replace("html --out page.html", "json"))
    assert json.loads(command(*plain[1:]).out) == json.loads(json.dumps(made.comparison.to_json()))
