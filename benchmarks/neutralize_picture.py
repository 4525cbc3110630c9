"""The picture of the first page, from ``results/neutralize.xquad-r.json``: docs/assets/neutralize.svg.

The language matrix (mean reciprocal rank, in the pool, of the answer in each language) of a real encoder as it is and
neutralized, and the rank distance of each query language.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHOWN = {"as it is": "as it is", "project, 200": "neutralized"}
COLOURS = ("#b5500c", "#14508c")


def main() -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "neutralize", "svg.fonttype": "path", "font.size": 9,
                                "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    from matplotlib import pyplot

    kept = json.loads((ROOT / "benchmarks" / "results" / "neutralize.xquad-r.json").read_text(encoding="utf-8"))
    languages = list(kept["pool_by_language"]["as it is"])
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.9), width_ratios=(1, 1, 1.15), layout="constrained")
    for axis, (name, title) in zip(axes, SHOWN.items(), strict=False):
        shown = square(axis, kept["matrix"][name], languages, title)
    axes[0].set_ylabel("language of the query")
    label = "reciprocal rank of the answer in each language, in the pool of all (in the cells times 100)"
    figure.colorbar(shown, ax=axes[:2], location="bottom", shrink=0.5, aspect=40, label=label)
    distances = axes[2]
    for offset, (name, title), colour in zip((0.2, -0.2), SHOWN.items(), COLOURS, strict=True):
        own = [kept["pool_by_language"][name][each]["rank_distance"] for each in languages]
        distances.barh([at - offset for at in range(len(languages))], own, 0.38, color=colour, label=title)
    distances.set_yticks(range(len(languages)), languages)
    distances.invert_yaxis()
    distances.set_xlabel("ranks")
    distances.set_title("rank distance: worst minus best rank\nof the parallel answers", fontsize=9)
    distances.legend(loc="upper right", fontsize=8, frameon=False)
    figure.savefig(ROOT / "docs" / "assets" / "neutralize.svg", metadata={"Date": None})


def square(axis: Any, matrix: dict[str, dict[str, float]], languages: list[str], title: str) -> Any:
    """A heat map of a language matrix, its values in the cells in hundredths."""
    values = [[matrix[query][passage] for passage in languages] for query in languages]
    shown = axis.imshow(values, vmin=0, vmax=1, cmap="viridis")
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=6.5,
                      color="white" if value < 0.6 else "black")  # fmt: skip
    axis.set_xticks(range(len(languages)), languages)
    axis.set_yticks(range(len(languages)), languages)
    axis.tick_params(length=0)
    axis.set_xlabel("language of the passage")
    axis.set_title(title)
    return shown


if __name__ == "__main__":
    main()
