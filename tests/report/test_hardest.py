"""The hardest queries: which they are, and what is said of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.datasets import load_dataset
from beir_hybrid.report import page
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.hardest import Hardest, _hard_query, hardest_queries
from beir_hybrid.report.page import render_page
from tests.systems_made import Made


def test_the_lowest_mean_over_systems_and_languages_comes_first(made: Made) -> None:
    """Worked out again from the aligned scores, one group at a time."""
    hardest = hardest_queries(made.contents, count=30)
    assert hardest is not None
    sums: dict[str, list[float]] = {}
    for task in made.comparison.scores[0].tasks:
        if task.key[0] == "multi":
            for column, group in enumerate(task.groups):
                sums.setdefault(group, []).extend(task.values["map"][:, column])
    means = {group: sum(values) / len(values) for group, values in sums.items()}
    assert [query.score for query in hardest.queries] == pytest.approx(sorted(means.values()))
    assert hardest.queries[0].score == pytest.approx(means[hardest.queries[0].group])


def test_every_question_of_a_group_counts(make_folder: Any) -> None:
    """Two of one group in a language, .9 and .1: it is at .5, whatever their order."""
    folder = make_folder("a", {"mono:de": {"map": [0.1, 0.9, 0.4, 0.6]}})
    table = pq.read_table(folder / "per_query.parquet")
    groups = pa.array(["g0", "g0", "g1", "g2"])
    table = table.set_column(table.column_names.index("group"), "group", groups)
    pq.write_table(table, folder / "per_query.parquet")
    hardest = hardest_queries(read_contents(compare([folder]))[0])
    assert hardest is not None
    assert [(query.group, query.score) for query in hardest.queries] == [("g1", 0.4), ("g0", 0.5), ("g2", 0.6)]


def test_hard_is_by_a_metric_that_was_compared(make_folder: Any) -> None:
    """Where map was left out, by the next of what was asked for, which another query has the lowest of."""
    folder = make_folder("a", {"mono:de": {"map": [0.1, 0.9], "recall@10": [0.8, 0.2]}})
    hardest = hardest_queries(read_contents(compare([folder], metrics="recall@10"))[0])
    assert hardest is not None
    assert (hardest.metric, [query.group for query in hardest.queries]) == ("recall@10", ["g1", "g0"])


def test_texts_and_ranks_of_every_language(made: Made) -> None:
    """The question and its answer in each language; ranks within what was kept, and how much that was."""
    hardest = hardest_queries(made.contents)
    assert hardest is not None
    assert (hardest.setting, hardest.metric, hardest.missing) == ("multi", "map", "")
    first = hardest.queries[0]
    dataset = load_dataset("sample", languages="ar,de,en,zh")
    query = dataset.groups[first.group]["de"]
    assert first.queries["de"] == dict(zip(dataset.queries["de"].ids, dataset.queries["de"].texts, strict=True))[query]
    (answer,) = (passage for passage in dataset.qrels[query] if passage.startswith("zh-"))
    assert first.answers["zh"] == dataset.passages["zh"].texts[dataset.passages["zh"].position(answer) or 0]
    assert first.kept["de"] == [100, 100, 5]
    everything = [r for each in hardest.queries for row in each.ranks.values() for ranks in row.values() for r in ranks]
    assert None in everything
    assert all(rank is None or 1 <= rank <= 100 for rank in everything)


def test_every_rank_is_that_of_its_system(made: Made) -> None:
    """As ``runs.parquet`` of each folder holds it, for every question and answer."""
    hardest = hardest_queries(made.contents)
    assert hardest is not None
    dataset = load_dataset("sample", languages="ar,de,en,zh")
    runs = []
    for folder in made.folders:
        rows = pq.read_table(folder / "runs.parquet").to_pylist()
        runs.append({(r["query_id"], r["passage_id"]): r["rank"] for r in rows if r["setting"] == "multi"})
    for each in hardest.queries:
        for language, query in dataset.groups[each.group].items():
            wanted = {p.partition("-")[0]: [run.get((query, p)) for run in runs] for p in dataset.qrels[query]}
            assert each.ranks[language] == wanted


def test_a_query_without_a_kept_passage_has_none() -> None:
    """No rank, and nothing kept."""
    dataset = load_dataset("sample", languages="de,en")
    query = dataset.queries["de"].ids[0]
    made = _hard_query("g", 0.0, {"de": query}, dataset, [({}, {}), ({}, {query: 7})], "mono")
    assert made.kept == {"de": [0, 7]}
    assert made.ranks == {"de": {"de": [None, None]}}


def test_of_several_answers_in_a_language_the_best_rank_counts() -> None:
    """Whichever is looked at first, and where one has no rank."""
    dataset = load_dataset("sample", languages="de")
    query = dataset.queries["de"].ids[0]
    (one,) = dataset.qrels[query]
    other = next(passage for passage in dataset.passages["de"].ids if passage != one)
    dataset = dataclasses.replace(dataset, qrels={**dataset.qrels, query: {one: 1, other: 1}})
    runs: list[Any] = [({(query, one): 5, (query, other): 3}, {}), ({(query, one): 3, (query, other): 5}, {}),
                       ({(query, one): 3}, {}), ({(query, other): 3}, {})]  # fmt: skip
    assert _hard_query("g", 0.0, {"de": query}, dataset, runs, "mono").ranks == {"de": {"de": [3, 3, 3, 3]}}


def test_a_page_that_would_be_too_long_shows_fewer(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as have so many ranks to show, four languages squared for each of three systems; three at the least."""
    shown = {}
    for ranks in (0, 5 * 16 * 3, 10**6):
        monkeypatch.setattr(page, "_RANKS", ranks)
        shown[ranks] = render_page(made.comparison).count('<details class="card"')
    assert list(shown.values()) == [3, 5, 15]


def test_without_the_texts_it_says_so(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content under the same name is not shown as what was measured."""
    contents = made.contents
    changed = [dataclasses.replace(r, inputs={**r.inputs, "dataset_fingerprint": "other"}) for r in contents.results]
    hardest = hardest_queries(dataclasses.replace(contents, results=tuple(changed)))
    assert hardest is not None
    assert "is not the one that was measured" in hardest.missing
    assert hardest.queries[0].queries == {}
    assert set(hardest.queries[0].languages) == {"ar", "de", "en", "zh"}


def test_nothing_is_downloaded_for_a_page(made: Made, no_data: Path) -> None:
    """Files that are not on this machine are named, not fetched."""
    contents = made.contents
    elsewhere = [
        dataclasses.replace(r, dataset="xquad-r", inputs={**r.inputs, "languages": ["ar", "de"]})
        for r in contents.results
    ]
    hardest = hardest_queries(dataclasses.replace(contents, results=tuple(elsewhere)))
    assert hardest is not None
    assert "the files of xquad-r are not in" in hardest.missing
    assert not no_data.exists()


def test_a_non_commercial_licence_is_seen() -> None:
    """MLQA-R's texts may be shown, and the page must say under what terms."""
    for licence in ("CC BY-NC 4.0 (non-commercial use only)", "CC BY-NC 4.0", "Non-commercial use"):
        assert Hardest("multi", "map", (), licence=licence).non_commercial
    assert not Hardest("multi", "map", (), licence="CC BY-SA 4.0").non_commercial
