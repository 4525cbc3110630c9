"""One self-contained page of a comparison: no file beside it, no request to anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from beir_hybrid.comparison import Comparison, Row
from beir_hybrid.comparison.notes import cautions
from beir_hybrid.comparison.render import tables
from beir_hybrid.comparison.sample import EQUAL
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
    "bars": "Baseline", "hardest": "Hardest queries",
}  # fmt: skip

_LEAST = 3
_RANKS = 12_000
"""Of the hardest queries at least so many, and else as many as have that many ranks to show: a page can be mailed."""


def render_page(comparison: Comparison, *, data_dir: Path | str | None = None) -> str:
    """The page of a comparison as HTML.

    Of each data set a leaderboard with the published numbers, heat maps by query and passage language, same-language
    preference, rank distances, differences to the baseline, the hardest queries with their texts; before them the mean
    over several, after them provenance. It shows what was compared and no more; what means nothing for a data set is
    left out. The page needs no network and asks for nothing; every text of the data is escaped.

    Args:
        comparison: of result folders, which still stand where they were.
        data_dir: where the texts of the data sets are; see `load_dataset`. They are left out where they are not on
            this machine: nothing is downloaded.

    Raises:
        ResultsError: a folder cannot be read.
    """
    every = read_contents(comparison, data_dir)
    several = len(every) > 1
    parts = [_part(each, f"{at}-" if several else "", len(every)) for at, each in enumerate(every)]
    count = f"{len(comparison.names)} systems" if len(comparison.names) > 1 else comparison.names[0]
    names = [(f"{part['id']}leaderboard", each.comparison.dataset) for part, each in zip(parts, every, strict=True)]
    over = tables(comparison, [MEAN], per_language=False) if several else []
    sections = [("over", "Mean"), *names] if over else names
    if not several:
        sections = [each for each in _SECTIONS.items() if parts[0][each[0]]]
    results = [(f"{each.comparison.dataset}: " if several else "", one) for each in every for one in each.results]
    return render_document(
        "beir_hybrid.report:comparison.html",
        title=f"{comparison.dataset} ({comparison.split}): {count}",
        sections=[*sections, ("provenance", "Provenance")],
        comparison=comparison,
        best=sorted(_best(comparison), key=lambda row: row.dataset != MEAN),
        over=over,
        cautions=cautions(comparison),
        parts=parts,
        heads=HEADS,
        sources=sources(),
        cutoff=SHARE_CUTOFF,
        commands=[
            *(line for _, one in results for line in made_by(one)),
            compare_command([folder for each in every for folder in each.aligned.folders], comparison),
        ],
        versions=_versions(results),
        records=[(f"{of}{one.name}", _record(one)) for of, one in results],
    )


def _part(contents: Contents, key: str, among: int) -> dict[str, Any]:
    """What is shown of one data set among some; the key is what its elements' names begin with."""
    board = contents.board
    columns = [(s, m) for s in contents.comparison.settings for m in shown_metrics(board, s)]
    languages = [MEAN, *(language for language in board.languages if language in contents.languages)]
    shares, distances = own_language(contents), rank_distances(contents)
    ranks = among * len(contents.languages) ** 2 * len(contents.names)
    hardest = hardest_queries(contents, min(COUNT, max(_LEAST, _RANKS // ranks)))
    heat, bars = squares(contents), all_bars(contents)
    heat_choices, heat_keys = panel_choices(("Measure", "System"), [(each.measure, each.name) for each in heat])
    of_bars = [(each.name, f"{each.setting}: {each.metric}") for each in bars]
    bar_choices, bar_keys = panel_choices(("System", "Metric"), of_bars)
    return {
        "id": key,
        "of": f"{contents.comparison.dataset}: " if among > 1 else "",
        "contents": contents,
        "leaderboard": [made for language in languages if (made := panel(board, language, columns))],
        "notes": board.notes,
        "heat": list(zip(heat_keys, heat, strict=True)),
        "heat_choices": heat_choices,
        "preference": shares,
        "pool": pool_shares(shares),
        "shared_languages": [language for language in contents.languages if any(k[1] == language for k in shares)],
        "distance": distances,
        "largest_share": max((each.largest for each in distances.values()), default=None),
        "bars": list(zip(bar_keys, bars, strict=True)),
        "bar_choices": bar_choices,
        "hardest": hardest if hardest and hardest.queries else None,
        "parallel": hardest is not None and any(len(query.languages) > 1 for query in hardest.queries),
    }


def _best(comparison: Comparison) -> list[Row]:
    """The best of every data set and setting by its first metric, in the direction of the metric; all that tie."""
    found = []
    means = (row for row in comparison.rows if row.is_mean)
    for _, rows in groupby(means, key=lambda row: (row.dataset, row.setting)):
        known = [
            (row.value * direction(row.metric), row)
            for row in rows
            if row.value is not None and direction(row.metric) != 0
        ]
        own = [each for each in known if each[1].metric == known[0][1].metric]
        if own:
            largest = max(value for value, _ in own)
            first, *others = [row for value, row in own if abs(value - largest) <= EQUAL]
            found.append(replace(first, name=", ".join([first.name, *(row.name for row in others)])))
    return found


def _versions(results: Sequence[tuple[str, Results]]) -> Table:
    packages = list(dict.fromkeys(package for _, each in results for package in each.versions))
    rows = [[package, *(each.versions.get(package, "–") for _, each in results)] for package in packages]
    rows.append(["seconds", *(f"{each.seconds:,.0f}" for _, each in results)])
    return Table("Versions", ["package", *(of + each.name for of, each in results)], rows, len(results) + 1)


def _record(results: Results) -> str:
    """What a retriever says of itself, and the inputs, as JSON."""
    inputs = {key: value for key, value in results.inputs.items() if key not in ("tasks", "retriever")}
    if "tasks" in results.inputs:
        inputs["tasks"] = f"{len(results.inputs['tasks'])} tasks"
    return json.dumps({"retriever": dict(results.retriever), "inputs": inputs}, ensure_ascii=False, indent=1)
