"""Print the tables of the README and of docs/ from the committed results; ``--write`` puts them there.

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``. A test compares the two.
"""

from __future__ import annotations

import csv
import functools
import json
import re
import statistics
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_ROOT = Path(__file__).parents[1]
PAGES = [
    _ROOT / "README.md",
    _ROOT / "docs" / "limits.md",
    _ROOT / "docs" / "measured.md",
    _ROOT / "docs" / "how-to" / "large-corpora.md",
    _ROOT / "docs" / "how-to" / "neutralize.md",
    *sorted((_ROOT / "docs" / "studies").glob("*.md")),
]
_SLOT = re.compile(r"(<!-- table ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def markdown(heads: list[str], rows: list[list[str]], text_columns: Collection[int] = (0,)) -> str:
    """A Markdown table; the first column is text, the others are numbers unless said otherwise."""
    rule = ["---" if at in text_columns else "--:" for at, _ in enumerate(heads)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *rows))


def _value(results: dict[str, Any], setting: str, metric: str) -> str:
    value = results["summary"][setting][metric]
    if value is None:
        return ">= " + format(results["summary"][setting][f"{metric}_bound"], ".0f")
    return format(value, ".0f" if metric == "rank_distance" else ".3f")


def bm25(dataset: str) -> str:
    columns = [
        ("mono", "map"), ("mono", "recall@1"), ("cross", "map"), ("cross", "recall@1"),
        ("multi", "map"), ("multi", "recall@10"), ("multi", "same_language_share@10"),
    ]  # fmt: skip
    heads = [
        "BM25",
        *(f"{setting} {metric.replace('same_language_share', 'same language')}" for setting, metric in columns),
    ]
    rows = []
    for variant in ("language", "standard", "translated"):
        results = _load(f"{dataset}.bm25-{variant}")
        rows.append([f"`{variant}`", *(_value(results, *column) for column in columns)])
    return markdown(heads, rows)


def bm25_languages() -> str:
    found = {variant: _load(f"xquad-r.bm25-{variant}") for variant in ("language", "standard")}
    languages = found["language"]["inputs"]["languages"]
    rows = []
    for variant, results in found.items():
        value = {
            s["query_language"]: s["value"] for s in results["scores"] if (s["setting"], s["metric"]) == ("mono", "map")
        }
        rows.append([f"`{variant}`", *(f"{value[language]:.3f}".removeprefix("0") for language in languages)])
    return markdown(["mono mAP", *languages], rows)


def speed() -> str:
    found = _load("bench_evaluate")
    settings, beir, encoder, lucene, start = (found[p] for p in ("settings", "beir", "encoder", "bm25", "start"))
    rows = [
        [
            "132 settings, full depth, embeddings in hand",
            f"{settings['seconds']['median']:.1f} s, {settings['peak_mb']:.0f} MB",
            f"the matrix product alone: {settings['product_alone_seconds']:.1f} s",
        ],
        [
            "the same end to end (`evaluate`), vectors from a look-up",
            f"{beir['our_seconds']['median']:.1f} s",
            f"BEIR's search and evaluate in a loop: {beir['beir_seconds_132_settings_extrapolated']:.0f} s, "
            f"{beir['ratio']:.0f} times as long (extrapolated from {len(beir['beir_seconds_of'])} settings)",
        ],
        [
            "`evaluate` with a transformer of MiniLM's size",
            f"{encoder['ratio']:.2f} times",
            "encoding the same texts and one product alone",
        ],
        [
            "BM25, 11 monolingual settings, one thread",
            f"{lucene['our_seconds']:.1f} s",
            f"pyserini called by hand: {lucene['pyserini_seconds']:.1f} s",
        ],
        [
            "`import beir_hybrid`, `beir-hybrid --help`",
            f"{start['import beir_hybrid']['median']:.2f} s, {start['beir-hybrid --help']['median']:.2f} s",
            f"an empty Python process: {start['python -c pass']['median']:.2f} s",
        ],
    ]
    note = f"Measured in one run on {found['machine']['processors']} processors ({found['machine']['processor']})."
    return markdown(["what", "here", "beside it"], rows) + "\n\n" + note


_COLUMNS = {
    ("mono", "map"): "mono mAP",
    ("cross", "map"): "cross mAP",
    ("multi", "map"): "multi mAP",
    ("multi", "rank_distance"): "rank distance",
    ("multi", "same_language_share@10"): "same language@10",
}
_REGIMES = {"mono": "X-X-mono", "cross": "X-Y", "hybrid": "Hybrid"}
_OF_MEANS = ("dataset", "setting", "metric", "value", "deviation", "ci_low", "ci_high", "seeds", "tasks", "at_least")


def study(name: str, dataset: str, values: Mapping[str, str] | None = None) -> str:
    """Mean and standard deviation over the seeds for every combination of a study's factors.

    Args:
        name: of the study.
        dataset: one of those it was measured on.
        values: what to call a value of the first factor; the rows are in this order.
    """
    with (RESULTS / "studies" / name / "means.csv").open(encoding="utf-8", newline="") as lines:
        measured = [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
    factors = [key for key in measured[0] if key not in _OF_MEANS]
    cells: dict[tuple[str, ...], dict[tuple[str, str], dict[str, str]]] = {}
    for row in measured:
        key = tuple(row[factor] for factor in factors)
        cells.setdefault(key, {})[row["setting"], row["metric"]] = row
    if values:
        cells = {key: cells[key] for wanted in values for key in cells if key[0] == wanted}
    rows = []
    for key, found in cells.items():
        seeds = next(iter(found.values()))["seeds"]
        first = values[key[0]] if values else key[0]
        rows.append([first, *key[1:], *(_mean(found.get(column)) for column in _COLUMNS), seeds])
    return markdown([*factors, *_COLUMNS.values(), "seeds"], rows, range(len(factors)))


def _mean(row: Mapping[str, str] | None) -> str:
    if row is None or not row["value"]:
        return "-"
    digits = ".0f" if row["metric"] == "rank_distance" else ".3f"
    spread = f" ± {float(row['deviation']):{digits}}" if row["deviation"] else ""
    return f"{float(row['value']):{digits}}{spread}"


def report(name: str, section: str) -> str:
    """A section of a study's report, its headings a level lower; of the means the tables of mAP."""
    text = (RESULTS / "studies" / name / "report.md").read_text(encoding="utf-8")
    body = re.split(r"^## ", text, flags=re.MULTILINE)
    found = next(part for part in body if part.startswith(f"{section}\n")).removeprefix(section).strip()
    parts = re.split(r"^### ", found, flags=re.MULTILINE)
    if section == "Means":
        parts = [part for part in parts if part.split("\n")[0].endswith(": map") or part == parts[0]]
    return "\n\n".join([parts[0].strip(), *(f"#### {part.strip()}" for part in parts[1:])]).strip()


_SECTIONS = {"found": "What was found", "means": "Means", "cautions": "What cannot be concluded"}


def _reports() -> dict[str, Callable[[], str]]:
    return {
        f"{folder.name}-{short}": functools.partial(report, folder.name, section)
        for folder in sorted((RESULTS / "studies").glob("*"))
        for short, section in _SECTIONS.items()
    }


def comparison(dataset: str) -> str:
    """Macro means of every system, marked where they differ from the baseline."""
    columns = [("mono", "map"), ("cross", "map"), ("multi", "map"), ("multi", "rank_distance"),
               ("multi", "same_language_share@10")]  # fmt: skip
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for row in _load(f"comparison.{dataset}")["rows"]:
        cell = (
            "-" if row["value"] is None else format(row["value"], ".0f" if row["metric"] == "rank_distance" else ".3f")
        )
        if row["p_corrected"] is not None and row["p_corrected"] <= 0.05 and row["metric"] != "same_language_share@10":
            better = (row["delta"] > 0) != (row["metric"] == "rank_distance")
            cell += " +" if better else " -"
        rows.setdefault(row["name"], {})[row["setting"], row["metric"]] = cell
    heads = ["system", "mono mAP", "cross mAP", "multi mAP", "rank distance", "same language@10"]
    return markdown(heads, [[name, *(cells.get(column, "-") for column in columns)] for name, cells in rows.items()])


_MENDED = "project, 200"


def neutralized(dataset: str) -> str:
    """Macro means of the encoder as it is and neutralized; the pool's mAP against as it is, with its interval."""
    cells: dict[str, list[str]] = {}
    for row in _load(f"neutralize.{dataset}")["rows"]:
        shown = format(row["value"], ".0f" if row["metric"] == "rank_distance" else ".3f")
        if (row["setting"], row["metric"]) == ("multi", "map") and row["delta"] is not None:
            shown += f" ({row['delta']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}])"
        if row["metric"] == "map" or row["setting"] == "multi":
            cells.setdefault(row["name"], []).append(shown)
    heads = ["multilingual-e5-small, 4 bit", "mono mAP", "cross mAP", "multi mAP (against as it is)", "rank distance",
             "same language@10"]  # fmt: skip
    return markdown(heads, [[name, *row] for name, row in cells.items()])


_FIRST = {
    "as it is": "multilingual-e5-small (4 bit)",
    "project, 200": "the same, neutralized",
    "common-mean, 200": "the same, means moved together",
    "project, 5": "neutralized by 5 texts a language",
}


def first() -> str:
    """The table of the README: a real encoder as it is and mended, BM25, and the paper's fine-tuned model."""
    columns = tuple(_COLUMNS)
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in _load("neutralize.xquad-r")["rows"]:
        found.setdefault(row["name"], {})[row["setting"], row["metric"]] = row["value"]
    rows = [[shown, *(format(found[name][column], ".0f" if column[1] == "rank_distance" else ".3f")
                      for column in columns)] for name, shown in _FIRST.items()]  # fmt: skip
    bm25_means = _load("xquad-r.bm25-language")
    rows.insert(0, ["BM25, an analyzer for each language", *(_value(bm25_means, *column) for column in columns)])
    rows.append(["*published:* XLM-R, hybrid batches", *(_published("XLM-R Hybrid", *column) for column in columns)])
    return markdown(["XQuAD-R", *_COLUMNS.values()], rows)


def _published(system: str, setting: str, metric: str) -> str:
    """The mean over languages that a paper prints; a dash where it prints none."""
    from beir_hybrid.published.scores import published_scores

    for score in published_scores("xquad-r"):
        if (score.system, score.setting, score.metric, score.query_language) == (system, setting, metric, "mean"):
            return format(score.value, ".0f" if metric == "rank_distance" else ".3f")
    return "-"


def neutralized_languages(dataset: str) -> str:
    """The pool for each query language: as it is, neutralized, and by what was learnt without texts of it."""
    kept = _load(f"neutralize.{dataset}")
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
    for row in _load("e5_regimes")["trainings"]["rows"]:
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
    mended: dict[str, dict[tuple[str, str], float]] = {}
    for row in _load("neutralize.xquad-r")["rows"]:
        mended.setdefault(row["name"], {})[row["setting"], row["metric"]] = row["value"]
    rows = []
    for name, shown in (("as it is", "e5-small as it is"), ("project, 200", "neutralized, not trained")):
        values = (format(mended[name][at], ".0f" if at[1] == "rank_distance" else ".3f") for at in _COLUMNS)
        rows.append([shown, *values, "-"])
    for regime, shown in _REGIMES.items():
        found = {(row["setting"], row["metric"]): row for row in measured if row["regime"] == regime}
        seeds = next(iter(found.values()))["seeds"]
        rows.append([f"{shown} batches", *(_mean(found.get(column)) for column in _COLUMNS), seeds])
    for system in ("X-X-mono", "X-Y", "Hybrid"):
        published = [_published(f"XLM-R {system}", *column) for column in _COLUMNS]
        rows.append([f"*published:* XLM-R, {system}", *published, "-"])
    return markdown(["XQuAD-R", *_COLUMNS.values(), "seeds"], rows)


def e5_recipes(dataset: str) -> str:
    """What recipes of fine-tuning e5-small give, one seed each; and with the means' span projected out as well."""
    found = []
    for row in _load("e5_regimes")["exploration"]["rows"]:
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


def sampler() -> str:
    found = _load("sampler")
    rows = [
        [
            name.replace("_", " "),
            f"{found[name]['rows'] / 1e6:.0f} million",
            f"{found[name]['set_up_seconds']:.1f} s",
            f"{found[name]['resident_bytes_a_row']:.1f}",
            f"{found[name]['microseconds_a_batch']:.1f}",
        ]
        for name in ("fully_parallel", "partly_parallel")
    ]
    return markdown(["groups", "rows", "set-up", "bytes a row", "microseconds a batch"], rows)


def corpus() -> str:
    """Every size of corpus that was measured, side by side."""
    sizes = _load("corpus")["sizes"]
    lines: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("converting, passages a CPU second", lambda size: f"{size['convert_passages_a_cpu_second']:,}"),
        ("converting, peak memory", lambda size: f"{size['convert_peak_mb']:.0f} MB"),
        ("opening", lambda size: f"{size['open_seconds'] * 1000:.1f} ms"),
        ("memory of its own after 20,000 look-ups", lambda size: f"{size['after_look_ups_mb']['own_mb']:.0f} MB"),
        ("a look-up", lambda size: f"{size['look_up_cpu_microseconds']:.1f} microseconds"),
    ]
    for kind in ("near", "anywhere"):
        lines += [
            (f"search, `{kind}`", lambda size, kind=kind: f"{size[kind]['search_cpu_seconds']:.1f} s"),
            (f"share of the product, `{kind}`", lambda size, kind=kind: f"{size[kind]['share_of_the_product']:.2f}"),
        ]
    rows = [[name, *(cell(size) for size in sizes)] for name, cell in lines]
    return markdown(["what", *(f"{size['passages']:,} passages" for size in sizes)], rows)


def dense_scale() -> str:
    """Exact search against faiss and the bare product, in one run."""
    found = _load("dense_scale")["compare"]
    names = {
        "ours": "beir-hybrid, from disk, exact ranks",
        "faiss": "faiss `IndexFlatIP`",
        "product": "the bare matrix product",
    }
    rows = [[name, f"{found[key]['seconds']:.2f} s", f"{found[key]['peak_mb']:,.0f} MB"] for key, name in names.items()]
    return markdown(["what", "search", "peak memory"], rows)


def dense_growth() -> str:
    """The same search over growing corpora."""
    rows = [
        [
            f"{size['passages']:,}",
            f"{size['disk_mb']:,.0f} MB",
            f"{size['search']['seconds']:.1f} s",
            f"{size['search']['peak_mb']:.0f} MB",
        ]
        for size in _load("dense_scale")["growth"]["sizes"]
    ]
    return markdown(["passages", "vectors on disk", "search", "peak memory"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "first": first,
    "e5-regimes": e5_regimes,
    "e5-trainings": e5_trainings,
    "e5-recipes-xquad-r": lambda: e5_recipes("xquad-r"),
    "e5-recipes-mlqa-r": lambda: e5_recipes("mlqa-r"),
    "bm25-xquad-r": lambda: bm25("xquad-r"),
    "bm25-mlqa-r": lambda: bm25("mlqa-r"),
    "bm25-languages": bm25_languages,
    "speed": speed,
    "regimes-xquad-r": lambda: study("regimes", "xquad-r", _REGIMES),
    "regimes-mlqa-r": lambda: study("regimes", "mlqa-r", _REGIMES),
    "alpha-xquad-r": lambda: study("alpha", "xquad-r"),
    "alpha-mlqa-r": lambda: study("alpha", "mlqa-r"),
    "sampler": sampler,
    "corpus": corpus,
    "dense-scale": dense_scale,
    "dense-growth": dense_growth,
    "comparison-xquad-r": lambda: comparison("xquad-r"),
    "comparison-mlqa-r": lambda: comparison("mlqa-r"),
    "neutralize-xquad-r": lambda: neutralized("xquad-r"),
    "neutralize-mlqa-r": lambda: neutralized("mlqa-r"),
    "neutralize-languages-xquad-r": lambda: neutralized_languages("xquad-r"),
    "neutralize-languages-mlqa-r": lambda: neutralized_languages("mlqa-r"),
    **_reports(),
}


def filled(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """A page with every table made anew."""
    return _SLOT.sub(lambda slot: f"{slot[1]}{tables[slot[2]]()}\n{slot[3]}", text)


def main(arguments: list[str]) -> None:
    if arguments == ["--write"]:
        for page in PAGES:
            page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        return
    for name, table in TABLES.items():
        print(f"{name}\n\n{table()}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
