"""One self-contained page of a comparison: no file beside it, no request to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from beir_hybrid.comparison import Comparison
from beir_hybrid.report.contents import Contents, read_contents
from beir_hybrid.report.document import render_document
from beir_hybrid.report.hardest import hardest_queries
from beir_hybrid.report.markup import Html, h
from beir_hybrid.report.sections import bars, distance, hardest, heat_maps, leaderboard, preference, provenance


def render_page(folders: Sequence[Path | str], comparison: Comparison, *, data_dir: Path | str | None = None) -> str:
    """The page of a comparison as HTML.

    Leaderboard with the published numbers, heat maps by query and passage language, same-language preference, rank
    distances, differences to the baseline, the hardest queries with their texts, provenance. The page needs no
    network and asks for nothing; every text of the data is escaped.

    Args:
        folders: those that were compared, in the same order.
        comparison: what `compare` made of them.
        data_dir: where the texts of the data set are; see `load_dataset`. They are left out where they are not on
            this machine: nothing is downloaded.

    Raises:
        ResultsError: a folder cannot be read, or the folders are not those of the comparison.
    """
    contents = read_contents(folders, comparison, data_dir)
    hard = hardest_queries(contents)
    sections = [
        leaderboard.section(contents),
        heat_maps.section(contents),
        preference.section(contents),
        distance.section(contents),
        bars.section(contents),
        hardest.section(contents, hard),
        provenance.section(contents),
    ]
    data = {"heat": heat_maps.data(contents), "hardest": hardest.data(hard)}
    return render_document(contents.title, _summary(contents), sections, _TITLES, data)


_TITLES = {
    "section-leaderboard": "Leaderboard", "section-heat": "Languages", "section-preference": "Own language",
    "section-distance": "Rank distance", "section-bars": "Baseline", "section-hardest": "Hardest queries",
    "section-provenance": "Provenance",
}  # fmt: skip


def _summary(contents: Contents) -> Html:
    """The best system of every setting by its first metric, in one sentence each."""
    lines = []
    for setting in contents.comparison.settings:
        metric = next((m for m in contents.comparison.metrics if contents.rows.get(_mean(contents, setting, m))), None)
        values = {
            name: row.value
            for name in contents.names
            if metric and (row := contents.by_language.get((name, setting, metric, "mean"))) and row.value is not None
        }
        if values:
            best = max(values, key=lambda name: values[name])
            lines.append(h("li", h("b", setting), f": best {metric} ", h("b", f"{values[best]:.3f}"), " by ", best))
    return h("ul", lines, class_="summary")


def _mean(contents: Contents, setting: str, metric: str) -> tuple[str, str, str, str, str]:
    return contents.names[0], setting, metric, "mean", "mean"
