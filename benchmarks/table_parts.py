"""What the tables of the pages are made of: committed results, cells, Markdown."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.tables import number

RESULTS = Path(__file__).parent / "results"
COLUMNS = {
    ("mono", "map"): "mono mAP",
    ("cross", "map"): "cross mAP",
    ("multi", "map"): "multi mAP",
    ("multi", "rank_distance"): "rank distance",
    ("multi", "same_language_share@10"): "same language@10",
}


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def markdown(heads: list[str], rows: list[list[str]], text_columns: Collection[int] = (0,)) -> str:
    """A Markdown table; the first column is text, the others are numbers unless said otherwise."""
    rule = ["---" if at in text_columns else "--:" for at, _ in enumerate(heads)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *rows))


def value_cell(results: dict[str, Any], setting: str, metric: str) -> str:
    value = results["summary"][setting][metric]
    if value is None:
        bound = results["summary"][setting][f"{metric}_bound"]
        return number(bound, metric, at_least=True).replace(">=", ">= ")
    return number(value, metric)


def mean_cell(row: Mapping[str, str] | None) -> str:
    if row is None or not row["value"]:
        return "-"
    digits = ".0f" if row["metric"] == "rank_distance" else ".3f"
    spread = f" ± {float(row['deviation']):{digits}}" if row["deviation"] else ""
    return f"{float(row['value']):{digits}}{spread}"


def published_cell(system: str, setting: str, metric: str) -> str:
    """The mean over languages that a paper prints; a dash where it prints none."""
    from beir_hybrid.published.scores import published_scores

    for score in published_scores("xquad-r"):
        if (score.system, score.setting, score.metric, score.query_language) == (system, setting, metric, "mean"):
            return format(score.value, ".0f" if metric == "rank_distance" else ".3f")
    return "-"
