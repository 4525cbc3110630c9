"""`fuse`: from two folders to a third."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.report.commands import made_by
from tests.cli.refusals import failed, refused


@pytest.fixture
def folders(command: Any, tmp_path: Path) -> list[Path]:
    """Two runs of the German and English pool: one has the answer in each language first, the other one last."""
    dataset = load_dataset("sample", languages=["de", "en"])
    made = []
    for name, best in (("first", 9), ("last", 0)):
        lines = []
        for language in ("de", "en"):
            for query in dataset.queries[language].ids:
                scores = {f"{x}-p-{at:04}": 5 - at for x in ("de", "en") for at in (1, 2, 3)}
                scores |= dict.fromkeys(dataset.qrels[query], best)
                lines += [f"{query} Q0 {passage} 1 {score} x\n" for passage, score in scores.items()]
        path = tmp_path / f"{name}.trec"
        path.write_text("".join(lines))
        out = tmp_path / name
        command("evaluate", "sample", "--run", path, "--languages", "de,en", "--settings", "mono,multi", "--out", out)
        made.append(out)
    return made


@pytest.mark.slow
def test_a_fusion_is_measured_and_kept(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """The table on stdout, the folder as named, its record complete; with all weight on the first it is the first."""
    done = command(
        "fuse", *folders, "--method", "wsum", "--weights", "1,0", "--name", "both", "--out", tmp_path / "out"
    )
    assert done.status == 0
    assert done.out.startswith("both on sample (test): 4 settings, 30 queries each")
    assert "fusing: 4 settings\n" in done.err
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert record["retriever"]["params"] == {"weights": [1.0, 0.0]}
    assert record["retriever"]["norm"] == "min-max"
    assert record["summary"]["mono"]["map"] == 1.0
    compared = command("compare", *folders, tmp_path / "out", "--metrics", "map", "--format", "json", "--draws", 100)
    assert {row["name"] for row in json.loads(compared.out)["rows"]} == {"first", "last", "both"}


def test_parameters_and_folds(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """k by hand, or tuned on folds."""
    command("fuse", *folders, "--param", "k=10", "--out", tmp_path / "k", "--settings", "mono")
    assert json.loads((tmp_path / "k" / "results.json").read_text())["retriever"]["params"] == {"k": 10}
    done = command("fuse", *folders, "--tune-on", "folds:2", "--out", tmp_path / "folds", "--settings", "mono")
    assert done.status == 0
    record = json.loads((tmp_path / "folds" / "results.json").read_text())["retriever"]
    assert record["tuned_on"]["folds"] == len(record["params"]["mono"]) == 2
    first, second = (fold["k"] for fold in record["params"]["mono"])
    assert done.out.endswith(
        f"\neach fold is fused with what was tuned on the others\ntuned mono: k {first}; k {second}\n"
    )


def test_refusals_are_one_line(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """Tuning on what is reported, unknown methods, a single folder; usage errors exit 2."""
    for arguments, part in (
        ((*folders, "--method", "wsum", "--tune-on", *folders), "which is what is reported"),
        ((*folders, "--method", "wsumm"), "did you mean 'wsum'"),
        ((folders[0],), "two result folders or more"),
        ((*folders, "--tune-on", "train"), "'train' is no folder"),
    ):
        done = command("fuse", *arguments, "--out", tmp_path / "out")
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert part in done.err
    assert command("fuse", *folders).status == 2
    assert command("fuse", *folders, "--weights", "a,b", "--out", tmp_path / "out").status == 2
    assert command("fuse", *folders, "--param", "k", "--out", tmp_path / "out").status == 2


def test_folds_leave_the_folders_alone(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """`--tune-on folds:2 A B` is `A B --tune-on folds:2`."""
    options = ["--method", "wsum", "--metrics", "map"]
    one = command("fuse", *folders, "--tune-on", "folds:2", *options, "--out", tmp_path / "one")
    two = command("fuse", *options, "--out", tmp_path / "two", "--tune-on", "folds:2", *folders)
    assert (one.status, two.status) == (0, 0), two.err
    assert one.out == two.out


def test_a_norm_that_would_be_ignored_is_refused(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """rrf looks at ranks alone."""
    done = command("fuse", *folders, "--norm", "zmuv", "--out", tmp_path / "out")
    failed(done, "method 'rrf' looks at ranks alone", "'zmuv'")
    refused(command("fuse", "--out", tmp_path / "out"), 2, "required: DIR")


def test_the_printed_command_makes_a_fusion_again(command: Any, folders: list[Path], tmp_path: Path) -> None:
    """The page's command for a fusion, run: the same scores."""
    out = tmp_path / "out"
    command(
        "fuse",
        *folders,
        "--method",
        "wsum",
        "--norm",
        "zmuv",
        "--weights",
        "0.25,0.75",
        "--metrics",
        "map",
        "--out",
        out,
    )
    results = read_results(out)
    (printed,) = made_by(results)
    assert command(*shlex.split(printed.replace(str(out), str(tmp_path / "again")))[1:]).status == 0
    again = read_results(tmp_path / "again")
    assert [vars(score) for score in again.scores] == [vars(score) for score in results.scores]
