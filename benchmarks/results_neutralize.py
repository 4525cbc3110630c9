"""A real encoder as it is and neutralized, on XQuAD-R and MLQA-R: methods, texts and languages left out.

    BEIR_HYBRID_DATA=... python benchmarks/results_neutralize.py WORK_DIR GROUPS [DATASET ...]

Vectors come from the cache where they are there; every evaluation is kept in WORK_DIR and not made again, so a second
call goes on where the first one stopped. The macro rows of the comparison with the model as it is, and the figures of
each language, are written to ``benchmarks/results/neutralize.DATASET.json``. Passages and queries of GROUPS (parallel
groups, another domain) are what is learnt from, or, in the rows called ``in domain``, passages of the pool itself.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import machine

from beir_hybrid import DenseRetriever, evaluate, load_dataset
from beir_hybrid.comparison import compare
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.neutralize.learn import learn
from beir_hybrid.neutralize.texts import Sample, Text, draw, texts_of_dataset, texts_of_groups
from beir_hybrid.neutralize.transform import Transform

MODEL = "e5-small"
LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
METRICS = "map,recall@1,recall@10"
SHOWN = ("map", "rank_distance", "same_language_share@10")
DRAWS = 2_000
AS_IS = "as it is"
PICTURED = (AS_IS, "project, 200")
# name, method, directions, texts a language, shrunk; texts of GROUPS
ELSEWHERE = (
    ("project, 1000", "project", None, 1000, False),
    ("project, 200", "project", None, 200, False),
    ("center, 200", "center", None, 200, False),
    ("common-mean, 200", "common-mean", None, 200, False),
    ("lir, 200", "lir", None, 200, False),
    ("project, 50", "project", None, 50, False),
    ("project, 5", "project", None, 5, False),
    ("common-mean, 5", "common-mean", None, 5, False),
    ("common-mean, 5, shrunk", "common-mean", None, 5, True),
)
IN_DOMAIN = (("project, in domain, 100", "project", 100), ("center, in domain, 100", "center", 100))


def own_queries(dataset: Dataset) -> list[Text]:
    return [Text(text, language, "query", group, key)
            for language, queries in dataset.queries.items()
            for key, text, group in zip(queries.ids, queries.texts, queries.groups, strict=True)]  # fmt: skip


def encoder(transform: Transform | None = None, name: str = AS_IS) -> DenseRetriever:
    return DenseRetriever(MODEL, dtype="bfloat16", name=name, neutralize=transform)


def measured(
    dataset: Dataset, name: str, out: Path, sample: Sample | None = None, method: str = "", k: int | None = None,
    *, shrink: bool = False,
) -> Results:  # fmt: skip
    """Results of the model, as it is or without what a method learns from a sample; kept ones are read."""
    print(f"{dataset.name}: {name}", flush=True)
    if not (out / "results.json").exists():
        transform = None if sample is None else learn(encoder(), sample, method, k, shrink=shrink)
        evaluate(dataset, encoder(transform, name), metrics=METRICS, out=out)
    return read_results(out)


def asked_in(dataset: Dataset, language: str) -> Dataset:
    """The whole pool, asked in one language alone."""
    queries = dataset.queries[language]
    qrels = {key: dataset.qrels[key] for key in queries.ids}
    return Dataset(f"{dataset.name}-{language}", dataset.split, dataset.passages, {language: queries}, qrels)


def pool(results: Results, language: str) -> dict[str, float | None]:
    """The figures of a language's queries in the pool."""
    return {each.metric: each.value for each in results.scores
            if (each.setting, each.query_language) == ("multi", language) and each.metric in SHOWN}  # fmt: skip


def left_out(dataset: Dataset, texts: list[Text], work: Path) -> dict[str, Any]:
    """Each language in turn is one that nothing was learnt from: its queries in the pool."""
    found: dict[str, Any] = {}
    for language in dataset.languages:
        asked = asked_in(dataset, language)
        others = [other for other in LANGUAGES if other != language]
        out = work / f"without {language}"
        if not (out / "results.json").exists():
            print(f"{dataset.name}: {out.name}", flush=True)
            transform = learn(encoder(), draw(texts, 200, 0, others))
            evaluate(asked, encoder(transform, out.name), settings="multi", metrics="map", out=out)
        found[language] = pool(read_results(out), language)
    return found


def main(work: Path, groups: Path, datasets: list[str]) -> None:
    elsewhere = list(texts_of_groups(groups))
    for name in datasets:
        dataset = load_dataset(name)
        out = work / name
        done = [measured(dataset, AS_IS, out / AS_IS)]
        for row, method, directions, n, shrink in ELSEWHERE:
            sample = draw(elsewhere, n, 0, LANGUAGES)
            done.append(measured(dataset, row, out / row, sample, method, directions, shrink=shrink))
        for row, method, n in IN_DOMAIN:
            sample = draw(texts_of_dataset(name, None, None, None, {}), n, 0)
            done.append(measured(dataset, row, out / row, sample, method))
        # no fair test, but the figure that others print: learnt from all that is measured, queries included
        everything = draw([*texts_of_dataset(name, None, None, None, {}), *own_queries(dataset)], 10**6, 0)
        row = "project, all that is measured"
        done.append(measured(dataset, row, out / row, everything, "project"))
        without = left_out(dataset, elsewhere, out)
        comparison = compare(
            [out / results.name for results in done], baseline=AS_IS, metrics=SHOWN, draws=DRAWS
        ).to_json()
        comparison["rows"] = [row for row in comparison["rows"] if row["query_language"] == "mean"]
        languages = {results.name: {language: pool(results, language) for language in dataset.languages}
                     for results in done}  # fmt: skip
        machine.keep(
            f"neutralize.{name}",
            {**comparison, "retrievers": {results.name: dict(results.retriever) for results in done},
             "pool_by_language": languages, "left_out": without,
             "matrix": {results.name: results.matrix for results in done if results.name in PICTURED}},
        )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["xquad-r", "mlqa-r"])
