"""Help: examples that the command line itself understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.cli import build_parser

(COMMANDS,) = (action.choices for action in build_parser()._actions if action.dest == "command")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_that_are_understood(command: Any, name: str) -> None:
    """Each begins with the program and parses, and one is of this command."""
    done = command(name, "--help")
    assert done.status == 0
    _, _, examples = done.out.partition("examples:\n")
    lines = [re.split(r"\s{2,}", line.strip())[0] for line in examples.splitlines() if line.strip()]
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "beir-hybrid"
        if "--neutralize" not in words or name == "evaluate":
            assert build_parser().parse_args(words[1:]).command in COMMANDS
    assert any(line.split()[1] == name for line in lines)


def test_a_home_folder_after_an_equals_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """bash expands the tilde of ``--out ~/x`` and leaves that of ``--out=~/x``: both are one place."""
    monkeypatch.setenv("HOME", "/home/one")
    args = build_parser().parse_args(["evaluate", "sample", "--bm25", "--out=~/results"])
    assert args.out == Path("/home/one/results")


def test_the_first_help_names_every_command(command: Any) -> None:
    """With what each is for."""
    out = command("--help").out
    for name in COMMANDS:
        assert re.search(rf"^ +{name}\b", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("leaderboard xquad-r --check a b", {"dataset": "xquad-r", "results": [Path("a"), Path("b")], "check": True}),
        ("fuse a --method wsum b --weights -1,2 --out o", {"folders": [Path("a"), Path("b")], "weights": [-1.0, 2.0]}),
        ("study --show alpha", {"study": "alpha", "show": True}),
        ("datasets --json miracl", {"name": "miracl", "json": True}),
        ("export sample --trec out --setting mono:de", {"dataset": "sample", "folder": Path("out"), "trec": True}),
        ("evaluate --bm25 --trec sample --out o", {"dataset": "sample", "bm25": True, "trec": True}),
        ("compare --metrics map a -- -b", {"folders": [Path("a"), Path("-b")], "metrics": "map"}),
    ],
)
def test_arguments_may_stand_among_the_options(line: str, found: dict[str, Any]) -> None:
    """In whatever order a person types them; argparse alone refuses arguments that an option parts."""
    given = vars(build_parser().parse_args(line.split()))
    assert {name: given[name] for name in found} == found
