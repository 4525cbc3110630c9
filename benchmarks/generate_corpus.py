"""Generate a corpus in MIRACL's raw layout: shards docs-{i}.jsonl.gz of {docid, title, text}, docid article#passage.

Lengths are log-normal as those of Wikipedia paragraphs are (median 50 words, mean 64 by default); an article has 5.6
passages on average, as in MIRACL's English corpus; words follow Zipf's law. The same arguments give the same bytes.

    python benchmarks/generate_corpus.py FOLDER [--passages 1000000] [--shard 500000] [--seed 0]
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = 200_000
STREAM = 2_000_000
"""Words that texts are cut from."""
MEDIAN_WORDS, SPREAD = 50, 0.7
PASSAGES_AN_ARTICLE = 5.6
DRAWN = 10_000
"""Articles whose numbers are drawn at a time."""


def words(rng: np.random.Generator) -> list[str]:
    """A stream of made-up words in Zipf's proportions."""
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    lengths = np.clip(rng.poisson(5, VOCABULARY), 2, 14)
    spelled = "".join(letters[rng.integers(0, len(letters), lengths.sum())])
    ends = np.cumsum(lengths).tolist()
    vocabulary = [spelled[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
    chances = 1 / np.arange(1, VOCABULARY + 1)
    return [vocabulary[at] for at in rng.choice(VOCABULARY, STREAM, p=chances / chances.sum())]


def records(passages: int, seed: int) -> Iterator[dict[str, str]]:
    rng = np.random.default_rng(seed)
    stream = words(rng)
    made, article = 0, 0
    while made < passages:
        # drawn for many articles at once: one by one it is the drawing that takes the time
        articles = article + np.cumsum(rng.integers(1, 4, DRAWN))  # numbers of deleted articles are missing
        article = int(articles[-1])
        titles = zip(rng.integers(0, STREAM - 8, DRAWN).tolist(), rng.integers(1, 5, DRAWN).tolist(), strict=True)
        sizes = rng.geometric(1 / PASSAGES_AN_ARTICLE, DRAWN)
        lengths = np.maximum(3, rng.lognormal(np.log(MEDIAN_WORDS), SPREAD, sizes.sum())).astype(np.int64)
        starts = rng.integers(0, STREAM - int(lengths.max()), len(lengths)).tolist()
        texts = zip(starts, lengths.tolist(), strict=True)
        for key, (begin, many), size in zip(articles.tolist(), titles, sizes.tolist(), strict=True):
            title = " ".join(stream[begin : begin + many]).title()
            for number in range(min(size, passages - made)):
                start, length = next(texts)
                text = " ".join(stream[start : start + length]).capitalize() + "."
                yield {"docid": f"{key}#{number}", "title": title, "text": text}
                made += 1


def generate(folder: Path, passages: int, shard: int = 500_000, seed: int = 0) -> list[Path]:
    """Write the shards; they are MIRACL's names and order."""
    folder.mkdir(parents=True, exist_ok=True)
    rest = records(passages, seed)
    paths = []
    for number, begin in enumerate(range(0, passages, shard)):
        paths.append(folder / f"docs-{number}.jsonl.gz")
        with paths[-1].open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as out:
            for _ in range(min(shard, passages - begin)):
                out.write(json.dumps(next(rest), ensure_ascii=False).encode() + b"\n")
    return paths


def main() -> None:
    parser: Any = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--shard", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=0)
    for path in generate(**vars(parser.parse_args())):
        print(path)


if __name__ == "__main__":
    main()
