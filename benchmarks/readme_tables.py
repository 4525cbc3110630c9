"""Print the tables of the README and of docs/ from the committed results; ``--write`` puts them there.

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``. A test compares the two.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from encoder_tables import (
    e5_recipes,
    e5_regimes,
    e5_seeds,
    e5_trainings,
    first,
    neutralized,
    neutralized_languages,
    paper,
)
from speed_tables import corpus, dense_growth, dense_scale, encoder_step, sampler, speed
from table_parts import RESULTS, load, markdown, value_cell

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
        results = load(f"{dataset}.bm25-{variant}")
        rows.append([f"`{variant}`", *(value_cell(results, *column) for column in columns)])
    return markdown(heads, rows)


def bm25_languages() -> str:
    found = {variant: load(f"xquad-r.bm25-{variant}") for variant in ("language", "standard")}
    languages = found["language"]["inputs"]["languages"]
    rows = []
    for variant, results in found.items():
        value = {
            s["query_language"]: s["value"] for s in results["scores"] if (s["setting"], s["metric"]) == ("mono", "map")
        }
        rows.append([f"`{variant}`", *(f"{value[language]:.3f}".removeprefix("0") for language in languages)])
    return markdown(["mono mAP", *languages], rows)


_OF_MEANS = ("dataset", "setting", "metric", "value", "deviation", "ci_low", "ci_high", "seeds", "tasks", "at_least")


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
    for row in load(f"comparison.{dataset}")["rows"]:
        cell = (
            "-" if row["value"] is None else format(row["value"], ".0f" if row["metric"] == "rank_distance" else ".3f")
        )
        if row["p_corrected"] is not None and row["p_corrected"] <= 0.05 and row["metric"] != "same_language_share@10":
            better = (row["delta"] > 0) != (row["metric"] == "rank_distance")
            cell += " +" if better else " -"
        rows.setdefault(row["name"], {})[row["setting"], row["metric"]] = cell
    heads = ["system", "mono mAP", "cross mAP", "multi mAP", "rank distance", "same language@10"]
    return markdown(heads, [[name, *(cells.get(column, "-") for column in columns)] for name, cells in rows.items()])


TABLES: dict[str, Callable[[], str]] = {
    "first": first,
    "paper": paper,
    "e5-regimes": e5_regimes,
    "e5-trainings": e5_trainings,
    "e5-seeds-xquad-r": lambda: e5_seeds("xquad-r"),
    "e5-seeds-mlqa-r": lambda: e5_seeds("mlqa-r"),
    "e5-recipes-xquad-r": lambda: e5_recipes("xquad-r"),
    "e5-recipes-mlqa-r": lambda: e5_recipes("mlqa-r"),
    "bm25-xquad-r": lambda: bm25("xquad-r"),
    "bm25-mlqa-r": lambda: bm25("mlqa-r"),
    "bm25-languages": bm25_languages,
    "speed": speed,
    "sampler": sampler,
    "encoder-step": encoder_step,
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
