"""Tables of a real encoder, multilingual-e5-small: as it is, neutralized, fine-tuned."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping
from typing import Any

from table_parts import COLUMNS, RESULTS, load, markdown, mean_cell, published_cell, value_cell

_REGIMES = {"mono": "X-X-mono", "cross": "X-Y", "hybrid": "Hybrid"}
_MENDED = "project, 200"
_FIRST = {
    "as it is": "multilingual-e5-small (4 bit)",
    "project, 200": "the same, neutralized",
    "common-mean, 200": "the same, means moved together",
    "project, 5": "neutralized by 5 texts a language",
}


_STARTS = {"as it is": "e5-small as it is", _MENDED: "neutralized, not trained"}


def _not_trained(dataset: str, shown: Mapping[str, str]) -> list[list[str]]:
    """Rows of the encoder that was not trained, under these names."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in load(f"neutralize.{dataset}")["rows"]:
        found.setdefault(row["name"], {})[row["setting"], row["metric"]] = row["value"]
    return [
        [name, *(format(found[key][at], ".0f" if at[1] == "rank_distance" else ".3f") for at in COLUMNS)]
        for key, name in shown.items()
    ]


def neutralized(dataset: str) -> str:
    """Macro means of the encoder as it is and neutralized; the pool's mAP against as it is, with its interval."""
    cells: dict[str, list[str]] = {}
    for row in load(f"neutralize.{dataset}")["rows"]:
        shown = format(row["value"], ".0f" if row["metric"] == "rank_distance" else ".3f")
        if (row["setting"], row["metric"]) == ("multi", "map") and row["delta"] is not None:
            shown += f" ({row['delta']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}])"
        if row["metric"] == "map" or row["setting"] == "multi":
            cells.setdefault(row["name"], []).append(shown)
    heads = ["multilingual-e5-small, 4 bit", "mono mAP", "cross mAP", "multi mAP (against as it is)", "rank distance",
             "same language@10"]  # fmt: skip
    return markdown(heads, [[name, *row] for name, row in cells.items()])


def first() -> str:
    """The table of the README: a real encoder as it is and mended, BM25, and the paper's fine-tuned model."""
    columns = tuple(COLUMNS)
    rows = _not_trained("xquad-r", _FIRST)
    bm25_means = load("xquad-r.bm25-language")
    rows.insert(0, ["BM25, an analyzer for each language", *(value_cell(bm25_means, *column) for column in columns)])
    rows.append(
        ["*published:* XLM-R, hybrid batches", *(published_cell("XLM-R Hybrid", *column) for column in columns)]
    )
    return markdown(["XQuAD-R", *COLUMNS.values()], rows)


def neutralized_languages(dataset: str) -> str:
    """The pool for each query language: as it is, neutralized, and by what was learnt without texts of it."""
    kept = load(f"neutralize.{dataset}")
    as_is, mended, without = kept["pool_by_language"]["as it is"], kept["pool_by_language"][_MENDED], kept["left_out"]
    heads = ["queries in", "mAP as it is", "neutralized", "learnt without it", "same language@10 as it is",
             "neutralized", "learnt without it"]  # fmt: skip
    return markdown(
        heads,
        [[language, *(f"{each[language][metric]:.3f}" for metric in ("map", "same_language_share@10")
                      for each in (as_is, mended, without))] for language in as_is],
    )  # fmt: skip


def e5_trainings() -> str:
    """Fine-tuned e5-small on validation groups, mean and deviation over the seeds."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in load("e5_regimes")["trainings"]["rows"]:
        rows.setdefault(row["regime"], []).append(row)
    columns = ("dev_mono_map", "dev_cross_map", "dev_multi_map", "dev_rank_distance")

    def shown(own: list[dict[str, Any]], column: str) -> str:
        values = [row[column] for row in own]
        digits = 1 if column == "dev_rank_distance" else 3
        return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"

    names = {"mono": "X-X-mono", "cross": "X-Y", "hybrid": "hybrid, alpha 0.5"}
    return markdown(
        ["batches", "mono mAP", "cross mAP", "multi mAP", "rank distance", "seeds"],
        [[name, *(shown(rows[key], c) for c in columns), str(len(rows[key]))] for key, name in names.items()],
    )


def e5_regimes() -> str:
    """The paper's comparison on e5-small, zero-shot on XQuAD-R: as it is, mended, fine-tuned in three ways."""
    with (RESULTS / "studies" / "regimes-e5-small" / "means.csv").open(encoding="utf-8", newline="") as lines:
        measured = [row for row in csv.DictReader(lines) if row["dataset"] == "xquad-r"]
    rows = [[*row, "-"] for row in _not_trained("xquad-r", _STARTS)]
    for regime, shown in _REGIMES.items():
        found = {(row["setting"], row["metric"]): row for row in measured if row["regime"] == regime}
        seeds = next(iter(found.values()))["seeds"]
        rows.append([f"{shown} batches", *(mean_cell(found.get(column)) for column in COLUMNS), seeds])
    for system in ("X-X-mono", "X-Y", "Hybrid"):
        published = [published_cell(f"XLM-R {system}", *column) for column in COLUMNS]
        rows.append([f"*published:* XLM-R, {system}", *published, "-"])
    return markdown(["XQuAD-R", *COLUMNS.values(), "seeds"], rows)


def paper() -> str:
    """The paper's two encoders after each kind of batches."""
    columns = [column for column in COLUMNS if column[1] != "same_language_share@10"]  # which it does not print
    rows = [
        [start, batches, *(published_cell(f"{start} {batches}", *column) for column in columns)]
        for start in ("XLM-R", "LaBSE")
        for batches in _REGIMES.values()
    ]
    return markdown(["start", "batches", *(COLUMNS[column] for column in columns)], rows, text_columns=(0, 1))


def e5_seeds(dataset: str) -> str:
    """Each fine-tuning, some neutralized afterwards, below e5-small as it is and neutralized."""
    rows = [[*row, "-"] for row in _not_trained(dataset, _STARTS)]
    seeds: dict[str, list[dict[str, Any]]] = {}
    for kept in load("e5_seeds")["rows"]:
        if kept["dataset"] == dataset:
            seeds.setdefault(kept["label"], []).append(kept)
    for label, own in seeds.items():
        rows.append([label, *(_over_seeds(own, *column) for column in COLUMNS), str(len(own))])
    return markdown([{"xquad-r": "XQuAD-R", "mlqa-r": "MLQA-R"}[dataset], *COLUMNS.values(), "seeds"], rows)


def _over_seeds(seeds: list[dict[str, Any]], setting: str, metric: str) -> str:
    values = [one["summary"][setting][metric] for one in seeds]
    deviation = str(statistics.stdev(values)) if len(values) > 1 else ""
    return mean_cell({"metric": metric, "value": str(statistics.mean(values)), "deviation": deviation})


def e5_recipes(dataset: str) -> str:
    """What recipes of fine-tuning e5-small give, one seed each; and with the means' span projected out as well."""
    found = []
    for row in load("e5_regimes")["exploration"]["rows"]:
        plain, projected = row[dataset], row[f"{dataset} projected"]
        recipe = "-"
        if row["steps"]:
            sources = "all text" if row["sources"] is None or len(row["sources"]) == 3 else "+".join(row["sources"])
            recipe = f"{sources}, {row['batch_size']} x {row['steps']}, lr {row['learning_rate']:g}"
            recipe += f", scale {row['scale']:g}"
            recipe += f", anchor {row['anchor']} {row['anchor_weight']:g}" if row["anchor"] else ""
            recipe += f", averaged {row['wise_ft']:g}" if row["wise_ft"] else ""
        cells = [f"{plain[key]:.3f}" for key in ("mono_map", "cross_map", "multi_map")]
        found.append([row["regime"], recipe, *cells, f"{plain['rank_distance']:.0f}", f"{projected['multi_map']:.3f}"])
    return markdown(["batches", "recipe", "mono mAP", "cross mAP", "multi mAP", "rank distance", "multi mAP projected"],
                    found, (0, 1))  # fmt: skip
