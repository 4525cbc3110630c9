"""The picture of the page on neutralizing, from ``results/neutralize.DATASET.json``: docs/assets/neutralize.svg."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATASETS = {"xquad-r": "XQuAD-R", "mlqa-r": "MLQA-R"}
BEFORE, AFTER = "as it is", "project, 200"


def main() -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "neutralize", "svg.fonttype": "path", "font.size": 9,
                                "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(DATASETS), figsize=(9, 5), width_ratios=(11, 7), squeeze=False)
    for column, (dataset, name) in enumerate(DATASETS.items()):
        kept = json.loads((ROOT / "benchmarks" / "results" / f"neutralize.{dataset}.json").read_text(encoding="utf-8"))
        before, after = (kept["pool_by_language"][which] for which in (BEFORE, AFTER))
        languages = list(before)
        for row, (metric, label) in enumerate(
            (("same_language_share@10", "own language among\nthe first 10"), ("rank_distance", "rank distance"))
        ):
            axis = axes[row][column]
            for offset, (which, colour, said) in enumerate(
                ((before, "#b5500c", "as it is"), (after, "#14508c", "neutralized"))
            ):
                places = [at + 0.4 * offset for at in range(len(languages))]
                axis.bar(places, [which[language][metric] for language in languages], 0.38, color=colour, label=said)
            if metric == "same_language_share@10":
                axis.axhline(1 / len(languages), color="grey", linestyle=":", linewidth=1, label="an equal share")
                axis.set_ylim(0, 1)
                axis.set_title(name)
            axis.set_xticks([at + 0.2 for at in range(len(languages))], languages)
            if column == 0:
                axis.set_ylabel(label)
    axes[0][0].legend(loc="upper left", ncols=3, fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "assets" / "neutralize.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
