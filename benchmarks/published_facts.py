"""Build the published facts that the package carries: ``python benchmarks/published_facts.py REFERENCE_DIR``.

Reads ``published_results.csv``, ``miracl_pyserini.json``, ``mrtydi_pyserini.json`` and ``languages.csv`` of the
reference folder and our own committed BM25 results; writes ``scores.csv``, ``languages.csv`` and ``expected.json`` of
``beir_hybrid/published``.
Numbers are copied as they were printed; names become those of this package.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE.parent / "beir_hybrid" / "published"
SETTINGS = {"monolingual": "mono", "cross-lingual": "cross", "multilingual": "multi"}
METRICS = {
    "mAP": "map", "nDCG@10": "ndcg@10", "Recall@1": "recall@1", "Recall@10": "recall@10", "Recall@100": "recall@100",
    "R@100": "recall@100", "MRR@100": "mrr@100", "rank_distance": "rank_distance",
}  # fmt: skip
SPLITS = {"xquad-r": "test", "mlqa-r": "dev", "miracl": "dev"}
SOURCES = {"arXiv:2408.10536v1": "arXiv:2408.10536", "arXiv:2004.05484": "arXiv:2004.05484"}
SYSTEMS = {
    "bm25": "BM25",
    "mdpr-tied-pft-msmarco": "mDPR (MS MARCO)",
    "mdpr-tied-pft-msmarco-ft-all": "mDPR (MS MARCO, all Mr. TyDi)",
    "mdpr-tied-pft-msmarco-ft-miracl": "mDPR (MS MARCO, MIRACL)",
    "mdpr-tied-pft-nq": "mDPR (NQ)",
    "mdpr-split-pft-nq": "mDPR (NQ, two encoders)",
    "bm25-mdpr-tied-pft-msmarco-hybrid": "BM25 + mDPR",
    "mcontriever-tied-pft-msmarco": "mContriever (MS MARCO)",
}
HEADS = ("source", "table", "system", "dataset", "split", "setting", "query_language", "metric", "value", "printed_as")
TOLERANCE = 0.005
# what a BM25 run must give again: not the bounds of a truncated ranking
CHECKED = ("map", "ndcg@10", "recall@1", "recall@10", "recall@100", "mrr@10", "same_language_share@10")


def papers(path: Path) -> Iterator[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            system = " ".join(part for part in (row["model"], row["sampling"]) if part)
            yield (
                SOURCES[row["source"]], row["table"], system, row["dataset"], SPLITS[row["dataset"]],
                SETTINGS[row["setting"]], row["query_language"], METRICS[row["metric"]], row["value"], row["metric"],
            )  # fmt: skip


def pyserini(path: Path, dataset: str) -> Iterator[tuple[str, ...]]:
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    for run, splits in runs.items():
        for split, languages in splits.items():
            for language, metrics in sorted(languages.items()):
                for printed, value in metrics.items():
                    yield (
                        "pyserini-1.6.0", f"2cr/{dataset}.yaml {run}", SYSTEMS[run], dataset, split, "mono",
                        language, METRICS[printed], format(value, ".4f"), printed,
                    )  # fmt: skip


def our_bm25() -> Iterator[dict[str, object]]:
    """Macro means of all settings and the monolingual mAP of each language, from the committed results."""
    for path in sorted((HERE / "results").glob("*.bm25-*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        retriever = results["retriever"]
        scores = [
            {"setting": setting, "query_language": "mean", "metric": metric, "value": round(value, 4)}
            for setting, metrics in results["summary"].items()
            for metric, value in metrics.items()
            if metric in CHECKED
        ]
        scores += [
            {"setting": "mono", "query_language": s["query_language"], "metric": "map", "value": round(s["value"], 4)}
            for s in results["scores"]
            if (s["setting"], s["metric"]) == ("mono", "map")
        ]
        yield {
            "name": results["name"],
            "source": "beir-hybrid 0.1.0",
            "dataset": results["dataset"],
            "split": results["split"],
            "languages": results["inputs"]["languages"],
            "options": results["inputs"]["dataset_options"],
            "match": {key: retriever[key] for key in ("type", "variant", "k1", "b")},
            "tolerance": TOLERANCE,
            "command": f"beir-hybrid evaluate {results['dataset']} --bm25 {retriever['variant']} --out DIR",
            "note": f"Lucene {retriever['lucene']}, Java {retriever['java']}; a Thai word breaker that differs, or "
            "another Lucene, moves the scores",
            "scores": scores,
        }


# read otherwise by Anserini (split at spaces) than by our default: its numbers are not expected of that
UNLIKE_ANSERINI = {"sw", "yo"}
MIRACL_NOTE = (
    "published by pyserini (2cr/miracl.yaml), not measured here: title and text, k1 .9, b .4, 1000 hits, queries "
    "without hits count 0. pyserini's indexes are of 2022: another Lucene or Thai word breaker moves scores a little, "
    "and it breaks ties by ascending docid where trec_eval's order is descending. "
)


def miracl_bm25(rows: list[tuple[str, ...]], variant: str) -> dict[str, object]:
    """The published BM25 of MIRACL: what ours should give again, with the same analyzers (anserini) or its own."""
    found = [dict(zip(HEADS, row, strict=True)) for row in rows]
    found = [r for r in found if (r["dataset"], r["split"], r["system"]) == ("miracl", "dev", "BM25")]
    note = MIRACL_NOTE + "That Yoruba was indexed split at spaces is inferred from how it is searched. "
    if variant == "language":
        found = [r for r in found if r["query_language"] not in UNLIKE_ANSERINI]
        note = MIRACL_NOTE + "Swahili and Yoruba are split at spaces there and not here: see --bm25 anserini. "
    return {
        "name": "BM25 of pyserini",
        "source": "pyserini-1.6.0",
        "dataset": "miracl",
        "split": "dev",
        "languages": sorted({r["query_language"] for r in found}),
        "options": {},
        "match": {"type": "bm25", "variant": variant, "k1": 0.9, "b": 0.4},
        "tolerance": TOLERANCE,
        "command": "beir-hybrid evaluate miracl --bm25 anserini --settings mono --out DIR",
        "note": note + "One language is enough: --languages yo",
        "scores": [
            {key: r[key] for key in ("setting", "query_language", "metric")} | {"value": float(r["value"])}
            for r in found
        ],
    }


def main(reference: Path) -> None:
    rows = [*papers(reference / "published_results.csv")]
    rows += pyserini(reference / "miracl_pyserini.json", "miracl")
    rows += pyserini(reference / "mrtydi_pyserini.json", "mr-tydi")
    with (OUT / "scores.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([HEADS, *rows])
    (OUT / "languages.csv").write_bytes((reference / "languages.csv").read_bytes())
    expected = [*our_bm25(), *(miracl_bm25(rows, variant) for variant in ("anserini", "language"))]
    text = json.dumps({"schema": 1, "expectations": expected}, ensure_ascii=False, indent=1)
    # a score a line: the file is read by people too
    lines = text.replace('{\n     "setting"', '{"setting"').replace(',\n     "', ', "').replace("\n    }", "}")
    (OUT / "expected.json").write_text(lines + "\n", encoding="utf-8")
    print(f"{len(rows)} published numbers, {len(expected)} expectations")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
