"""MIRACL's published way, end to end: real topics and qrels over a small corpus, against Anserini's own programs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.cli import main
from beir_hybrid.evaluation.results import read_results
from beir_hybrid.readers.judgments import read_judgments
from beir_hybrid.readers.passages import read_records
from beir_hybrid.retrieval.bm25.bridge import java_class

pytestmark = [pytest.mark.java, pytest.mark.data, pytest.mark.usefixtures("jvm")]
QUERIES = 60


class Small:
    """A language of MIRACL with its first queries and made-up passages that share words with them."""

    def __init__(self, data: Path, root: Path, language: str) -> None:
        base = f"miracl-v1.0-{language}"
        rng = np.random.default_rng(0)
        path = data / "miracl" / base / "topics" / f"topics.{base}-dev.tsv"
        topics = {record.key: record.text for record in read_records(path)}
        self.topics = dict(list(topics.items())[:QUERIES])
        judged = read_judgments(data / "miracl" / base / "qrels" / f"qrels.{base}-dev.tsv")
        self.qrels: dict[str, dict[str, int]] = {}
        for _, _, query, passage, grade in judged:
            if query in self.topics:
                self.qrels.setdefault(query, {})[passage] = grade
        words = [word for text in self.topics.values() for word in text.split()]

        def some(text: str, least: int, most: int) -> str:
            mixed = [*text.split(), *rng.choice(words, 12)]
            return " ".join(rng.choice(mixed, rng.integers(least, most)))

        about = {passage: self.topics[query] for query, judged in self.qrels.items() for passage in judged}
        about |= {f"9{number}#0": "" for number in range(10**6, 10**6 + 1500)}
        records = [{"docid": key, "title": some(text, 0, 3), "text": some(text, 5, 60)} for key, text in about.items()]
        self.corpus = root / f"miracl-corpus-v1.0-{language}"
        self.corpus.mkdir(parents=True)
        for number, part in enumerate((records[::2], records[1::2])):
            lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in part)
            (self.corpus / f"docs-{number}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
        self.topics_file = root / base / "topics" / f"topics.{base}-dev.tsv"
        self.topics_file.parent.mkdir(parents=True)
        self.topics_file.write_text("".join(f"{key}\t{text}\n" for key, text in self.topics.items()))
        qrels_file = root / base / "qrels" / f"qrels.{base}-dev.tsv"
        qrels_file.parent.mkdir()
        rows = [f"{q}\tQ0\t{p}\t{grade}\n" for q, judged in self.qrels.items() for p, grade in judged.items()]
        qrels_file.write_text("".join(rows))

    def anserini_scores(self, folder: Path, language: str) -> dict[str, float]:
        """nDCG@10 and Recall@100 as pyserini's reproduction page makes them, by Anserini and trec_eval."""
        import pytrec_eval

        java_class("io.anserini.index.IndexCollection").main(
            ["-collection", "MrTyDiCollection", "-input", str(self.corpus), "-index", str(folder / "index"),
             "-threads", "2", "-generator", "DefaultLuceneDocumentGenerator", "-storePositions", "-storeDocvectors",
             "-storeRaw", "-language", language, "-quiet"]
        )  # fmt: skip
        java_class("io.anserini.search.SearchCollection").main(
            ["-index", str(folder / "index"), "-topics", str(self.topics_file), "-topicReader", "TsvString",
             "-output", str(folder / "run"), "-bm25", "-hits", "1000", "-language", language]
        )  # fmt: skip
        run: dict[str, dict[str, float]] = {}
        for line in (folder / "run").read_text().splitlines():
            query, _, passage, _, score, _ = line.split()
            run.setdefault(query, {})[passage] = float(score)
        measured = pytrec_eval.RelevanceEvaluator(self.qrels, {"ndcg_cut.10", "recall.100"}).evaluate(run)
        names = {"ndcg@10": "ndcg_cut_10", "recall@100": "recall_100"}
        # -c: a judged query that is not in the run counts 0
        return {ours: sum(m[theirs] for m in measured.values()) / len(self.qrels) for ours, theirs in names.items()}


@pytest.mark.parametrize("language", ["sw", "ar"])
def test_the_published_way_is_reproduced(
    data_dir: Path, tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate miracl --bm25 anserini` and `leaderboard --check` get the numbers of Anserini's programs."""
    small = Small(data_dir, tmp_path / "data" / "miracl", language)
    (tmp_path / "anserini").mkdir()
    expected = small.anserini_scores(tmp_path / "anserini", language)
    assert 0.2 < expected["ndcg@10"] < 0.9
    out = tmp_path / "out"
    options: list[Any] = ["--languages", language, "--data-dir", tmp_path / "data", "--out", out, "--threads", 2]
    metrics = ["--settings", "mono", "--metrics", "ndcg@10,recall@100"]
    assert main(["evaluate", "miracl", "--bm25", "anserini", *metrics, *map(str, options)]) == 0
    results = read_results(out)
    for metric, value in expected.items():
        assert results.value("mono", metric, language) == pytest.approx(value, abs=1e-6)
    record = {
        "name": "Anserini", "dataset": "miracl", "split": "dev", "languages": [language], "tolerance": 1e-6,
        "scores": [
            {"setting": "mono", "query_language": language, "metric": metric, "value": value}
            for metric, value in expected.items()
        ],
    }  # fmt: skip
    (tmp_path / "expected.json").write_text(json.dumps(record))
    capsys.readouterr()
    assert main(["leaderboard", "miracl", str(out), "--check", "--expect", str(tmp_path / "expected.json")]) == 0
    assert "2 OK, 0 FAIL" in capsys.readouterr().err
    # against the published numbers of the whole corpus this small one fails, and says by how much
    assert main(["leaderboard", "miracl", str(out), "--check"]) == 1
    shown = capsys.readouterr()
    assert "BM25 of pyserini" in shown.out and "FAIL" in shown.out
    assert "0 OK, 2 FAIL, 34 not measured" in shown.err
