"""One self-contained page of a comparison: no file beside it, no request to anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from beir_hybrid.comparison import Comparison, Row
from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.table import HEADS
from beir_hybrid.metrics.bias import SHARE_CUTOFF, direction
from beir_hybrid.published.scores import MEAN, sources
from beir_hybrid.report.commands import compare_command, made_by
from beir_hybrid.report.contents import Contents, read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.distances import rank_distances
from beir_hybrid.report.document import panel_choices, render_document
from beir_hybrid.report.hardest import COUNT, hardest_queries
from beir_hybrid.report.leaderboard_tables import panel, shown_metrics
from beir_hybrid.report.matrices import squares
from beir_hybrid.report.preference import own_language, pool_shares
from beir_hybrid.tables import Table

_SECTIONS = {
    "leaderboard": "Leaderboard", "heat": "Languages", "preference": "Own language", "distance": "Rank distance",
    "bars": "Baseline", "hardest": "Hardest queries", "provenance": "Provenance",
}  # fmt: skip

_LEAST, _RANKS = 3, 12_000
"""Of the hardest queries at least so many, and else as many as have that many ranks to show: a page can be mailed."""


def render_page(folders: Sequence[Path | str], comparison: Comparison, *, data_dir: Path | str | None = None) -> str:
    """The page of a comparison as HTML.

    Leaderboard with the published numbers, heat maps by query and passage language, same-language preference, rank
    distances, differences to the baseline, the hardest queries with their texts, provenance. It shows what was
    compared and no more; what means nothing for the data set is left out. The page needs no network and asks for
    nothing; every text of the data is escaped.

    Args:
        folders: those that were compared, in the same order.
        comparison: what `compare` made of them.
        data_dir: where the texts of the data set are; see `load_dataset`. They are left out where they are not on
            this machine: nothing is downloaded.

    Raises:
        ResultsError: a folder cannot be read, or the folders are not those of the comparison.
        ComparisonError: the comparison is over several data sets.
    """
    contents = read_contents(folders, comparison, data_dir)
    board = contents.board
    columns = [(s, m) for s in comparison.settings for m in shown_metrics(board, s)]
    languages = [MEAN, *(language for language in board.languages if language in contents.languages)]
    heat = squares(contents)
    shares = own_language(contents)
    distances = rank_distances(contents)
    bars = all_bars(contents)
    each = len(contents.languages) ** 2 * len(contents.names)
    hardest = hardest_queries(contents, min(COUNT, max(_LEAST, _RANKS // each)))
    shown = {
        "heat": heat, "preference": shares, "distance": distances, "bars": bars,
        "hardest": hardest and hardest.queries,
    }  # fmt: skip
    heat_choices, heat_keys = panel_choices([(each.measure, each.name) for each in heat])
    bar_choices, bar_keys = panel_choices([(each.name, f"{each.setting}: {each.metric}") for each in bars])
    return render_document(
        "beir_hybrid.report:comparison.html",
        title=contents.title,
        sections=[(key, name) for key, name in _SECTIONS.items() if shown.get(key, True)],
        comparison=comparison,
        names=contents.names,
        others=contents.others,
        best=_best(contents),
        board=[made for language in languages if (made := panel(board, language, columns))],
        by_language=contents.by_language,
        heads=HEADS,
        notes=board.notes,
        sources=sources(),
        heat=list(zip(heat_keys, heat, strict=True)),
        heat_choices=list(zip(["Measure", "System"], heat_choices, strict=False)),
        shares=shares,
        pool=pool_shares(shares),
        shared_languages=[language for language in contents.languages if any(key[1] == language for key in shares)],
        cutoff=SHARE_CUTOFF,
        distances=distances,
        largest_share=max((each.largest for each in distances.values()), default=1.0),
        bars=list(zip(bar_keys, bars, strict=True)),
        bar_choices=list(zip(["System", "Metric"], bar_choices, strict=False)),
        hardest=hardest,
        parallel=hardest is not None and any(len(query.languages) > 1 for query in hardest.queries),
        commands=[*(line for each in contents.results for line in made_by(each)),
                  compare_command(contents.folders, comparison)],
        versions=_versions(contents),
        records=[(each.name, _record(each)) for each in contents.results],
    )  # fmt: skip


def _best(contents: Contents) -> list[Row]:
    """The best system of every setting by its first metric, in the direction of the metric."""
    found = []
    for _, rows in groupby((r for r in contents.comparison.rows if r.is_mean), key=lambda row: row.setting):
        known = [row for row in rows if row.value is not None and direction(row.metric) != 0]
        own = [row for row in known if row.metric == known[0].metric]
        if own:
            found.append(max(own, key=lambda row: direction(row.metric) * (row.value or 0.0)))
    return found


def _versions(contents: Contents) -> Table:
    results = contents.results
    packages = list(dict.fromkeys(package for each in results for package in each.versions))
    rows = [[package, *(each.versions.get(package, "–") for each in results)] for package in packages]
    rows.append(["seconds", *(f"{each.seconds:,.0f}" for each in results)])
    return Table("Versions", ["package", *(each.name for each in results)], rows, len(results) + 1)


def _record(results: Results) -> str:
    """What a retriever says of itself, and the inputs, as JSON."""
    inputs = {key: value for key, value in results.inputs.items() if key not in ("tasks", "retriever")}
    if "tasks" in results.inputs:
        inputs["tasks"] = f"{len(results.inputs['tasks'])} tasks"
    return json.dumps({"retriever": dict(results.retriever), "inputs": inputs}, ensure_ascii=False, indent=1)
