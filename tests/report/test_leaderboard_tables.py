"""A leaderboard as tables and records."""

from __future__ import annotations

import dataclasses

from beir_hybrid.evaluation.scores import Score
from beir_hybrid.published.leaderboard import build_leaderboard
from beir_hybrid.report.leaderboard_tables import language_tables, mean_tables, records
from tests.results_made import made_results


def test_a_table_for_each_setting() -> None:
    """The best system first; what a source has not measured is a dash, and decimals are the source's own."""
    tables = {
        table.title: table for table in mean_tables(build_leaderboard("xquad-r", [made_results("mine", {"de": 0.9})]))
    }
    mono = tables["xquad-r (test), mono: means"]
    assert mono.heads == ["system", "source", "langs", "map", "recall@1"]
    assert mono.rows[0] == ["mine", "", "1", "0.900", "-"]
    assert mono.rows[1] == ["LaBSE Hybrid [published]", "arXiv:2408.10536, table 5", "11", "0.817", "0.734"]
    multi = tables["xquad-r (test), multi: means"]
    assert ["mBERT X-Y [published]", "arXiv:2004.05484, LAReQA main", "", "0.66", "-", "-"] in multi.rows


def test_a_table_for_each_metric_by_language() -> None:
    """MIRACL's published systems by language, the mean last."""
    ndcg = next(language_tables(build_leaderboard("miracl")))
    assert ndcg.title == "miracl (dev), mono: ndcg@10 by query language"
    assert (ndcg.heads[1], ndcg.heads[-1], len(ndcg.heads)) == ("ar", "mean", 20)
    bm25 = next(row for row in ndcg.rows if row[0] == "BM25 [published]")
    assert (bm25[1], bm25[-1]) == ("0.481", "0.385")


def test_records_hold_everything() -> None:
    """Unrounded numbers, and for published ones the source, the table and the printed name."""
    found = records(build_leaderboard("xquad-r"))
    first = next(r for r in found if (r["name"], r["setting"], r["query_language"]) == ("XLM-R X-X-mono", "mono", "ar"))
    assert (first["value"], first["source"], first["table"], first["printed_as"], first["kind"]) == (
        0.7581, "arXiv:2408.10536", "3", "mAP", "published",
    )  # fmt: skip


def test_nothing_is_below_zero() -> None:
    """A system without a value comes after one that has none to be proud of."""
    given = {"none": None, "zero": 0.0, "half": 0.5}
    results = [made_results(name, {"de": value}, dataset="own") for name, value in given.items()]
    (table,) = mean_tables(build_leaderboard("own", results))
    assert [row[0] for row in table.rows] == ["half", "zero", "none"]


def test_what_has_no_best_is_in_the_order_given() -> None:
    """More of the own language is neither better nor worse."""
    scores = {name: [Score("multi", "de", "all", "same_language_share@10", value, queries=4)] for name, value in
              (("half", 0.5), ("most", 0.9), ("few", 0.1))}  # fmt: skip
    made = [dataclasses.replace(made_results(name, {}, dataset="own"), scores=own) for name, own in scores.items()]
    (table,) = mean_tables(build_leaderboard("own", made))
    assert [row[0] for row in table.rows] == ["half", "most", "few"]


def test_of_unusual_metrics_five_have_a_column() -> None:
    """The first, in the order they were measured in."""
    scores = [Score("mono", "de", "de", f"precision@{k}", 0.5, queries=4) for k in range(1, 8)]
    results = dataclasses.replace(made_results("a", {"de": 0.5}, dataset="own"), scores=scores)
    (table,) = mean_tables(build_leaderboard("own", [results]))
    assert table.heads[3:] == [f"precision@{k}" for k in range(1, 6)]


def test_a_value_in_the_last_language_alone_has_a_row() -> None:
    """Whoever measured one language stands in the tables by language; whoever has but a mean does not."""
    results = [made_results("first", {"de": 0.5}, dataset="own"), made_results("last", {"en": 0.25}, dataset="own")]
    (table,) = language_tables(build_leaderboard("own", results))
    assert table.heads == ["system", "de", "en", "mean"]
    assert table.rows == [["first", "0.500", "-", "0.500"], ["last", "-", "0.250", "0.250"]]
