"""What a report is about: the languages, and whether nothing was left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beir_hybrid.comparison import compare
from beir_hybrid.report.contents import Contents, read_contents
from beir_hybrid.report.differences import all_bars
from beir_hybrid.report.distances import rank_distances
from beir_hybrid.report.page import render_page
from tests.tables_read import Tables


def contents(folders: list[Path], **options: Any) -> Contents:
    return read_contents(compare(folders, draws=50, **options))[0]


def test_languages_that_are_asked_in_or_found_in(make_folder: Any) -> None:
    """Of a setting with a pool all of the pool; else those of its tasks, also where one is only asked in."""
    inputs = {"languages": ["de", "en", "fr"]}
    tasks = {"cross:yo-en": {"map": [0.5] * 3}, "mono:de": {"map": [0.5] * 3}, "multi:de": {"map": [0.5] * 3}}
    folder = make_folder("a", tasks, inputs=inputs)
    assert contents([folder], settings="cross").languages == ("en", "yo")
    assert contents([folder], settings="mono").languages == ("de",)
    assert contents([folder], settings="multi").languages == ("de", "en", "fr")


def test_whether_something_was_left_out(make_folder: Any) -> None:
    """Queries, or metrics: either is enough."""
    one = make_folder("one", {"mono:de": {"map": [0.5] * 3, "mrr@10": [0.5] * 3}})
    more = make_folder("more", {"mono:de": {"map": [0.5] * 4, "mrr@10": [0.5] * 4}})
    assert contents([one]).whole
    assert not contents([one], metrics="map").whole
    assert not contents([one, more], intersect=True).whole


def test_what_no_system_has_a_difference_in_has_no_bars(make_folder: Any) -> None:
    """A rank distance that nobody knows, and a distance without its bounds."""
    pooled = {"map": [0.5] * 3, "rank_distance": [None] * 3}
    folders = [make_folder(name, {"multi:de": pooled, "mono:de": {"map": [0.5] * 3}}) for name in "ab"]
    found = contents(folders)
    assert [(each.setting, each.metric) for each in all_bars(found)] == [("mono", "map"), ("multi", "map")]
    assert rank_distances(found) == {}


def test_preference_is_told_of_the_languages_that_are_asked_in(make_folder: Any) -> None:
    """The pool has three languages, and one is asked in."""
    pooled = {"map": [0.5] * 3, "same_language_share@10": [0.5] * 3, "same_language_lift@10": [1.5] * 3}
    folder = make_folder("a", {"multi:de": pooled}, inputs={"languages": ["de", "en", "fr"]})
    found = Tables(render_page(compare([folder], draws=50))).found.values()
    (shares,) = (rows for rows in found if rows[0][:2] == ["query language", "share of the pool"])
    assert shares[1:] == [["German (de)", "33 %", "50 % 1.5×"]]


def test_a_bound_stands_beside_a_distance_once(folders: list[Path]) -> None:
    """Where the bounds were not asked for, and where they were: of the rank distance, and of nothing else."""
    for metrics in ("map,rank_distance", "map,rank_distance,rank_distance_bound"):
        last = contents(folders, settings="multi", metrics=metrics).results[2]
        found = [(score.metric, score.value and round(score.value, 9)) for score in last.scores]
        assert sorted(set(found), key=str) == [
            ("map", 0.3),
            ("map", 0.5),
            ("rank_distance", None),
            ("rank_distance_bound", 16.0),
        ]
