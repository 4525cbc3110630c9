"""Our results and the published numbers in one list."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from beir_hybrid.errors import DatasetError, ResultsError, SettingError
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.published.leaderboard import Entry, Leaderboard, build_leaderboard
from tests.results_made import made_results, multi_scores


def find(board: Leaderboard, name: str, setting: str, metric: str, language: str = "mean") -> Entry:
    (system,) = (system for system in board.systems if system.name == name)
    entry = board.entry(system, setting, metric, language)
    assert entry is not None
    return entry


def test_ours_beside_the_published() -> None:
    """Both kinds stand in one list; a published number says where it was printed, and as what."""
    board = build_leaderboard("xquad-r", [made_results("mine", {"ar": 0.5, "de": 0.7})])
    ours, theirs = find(board, "mine", "mono", "map"), find(board, "LaBSE Hybrid", "mono", "map")
    assert (ours.value, ours.languages, ours.system.kind) == (pytest.approx(0.6), 2, "ours")
    assert (theirs.system.kind, theirs.system.source, theirs.table, theirs.printed_as, theirs.languages) == (
        "published", "arXiv:2408.10536", "5", "mAP", 11,
    )  # fmt: skip
    assert round(theirs.value or 0, 3) == 0.817
    assert theirs.system.label == "LaBSE Hybrid [published]"


def test_what_a_source_does_not_print() -> None:
    """LAReQA prints means alone, with two decimals; pyserini no mean: it is computed from its languages."""
    lareqa = find(build_leaderboard("mlqa-r"), "mBERT X-Y", "multi", "map")
    assert (lareqa.value, lareqa.languages, lareqa.decimals) == (0.49, 0, 2)
    bm25 = find(build_leaderboard("miracl"), "BM25", "mono", "ndcg@10")
    assert (round(bm25.value or 0, 3), bm25.languages) == (0.385, 18)


def test_the_four_published_systems_of_miracl() -> None:
    """BM25, mDPR, their hybrid and mContriever have every one of the 18 languages."""
    board = build_leaderboard("miracl")
    for name in ("BM25", "mDPR (MS MARCO)", "BM25 + mDPR", "mContriever (MS MARCO)"):
        for metric in ("ndcg@10", "recall@100"):
            assert all(find(board, name, "mono", metric, language).value for language in board.languages)
    assert len(board.languages) == 18


def test_chosen_languages() -> None:
    """Means are over the chosen languages, and only of systems that have them all."""
    board = build_leaderboard("miracl", languages="ar,yo")
    assert board.languages == ("ar", "yo")
    assert find(board, "BM25", "mono", "ndcg@10").value == pytest.approx((0.4809 + 0.4059) / 2)
    assert all(entry.query_language != "mean" for entry in board.entries if entry.system.name == "LaBSE Hybrid")


def test_a_rank_distance_that_is_not_defined_is_a_bound() -> None:
    """Its lower bound is shown and marked; the bound itself is no column."""
    results = made_results("mine", {"ar": 0.5, "de": 0.5})
    scores = [
        *multi_scores("ar", rank_distance=None, rank_distance_bound=80.0),
        *multi_scores("de", rank_distance=100.0, rank_distance_bound=100.0),
    ]
    board = build_leaderboard("xquad-r", [dataclasses.replace(results, scores=scores)])
    mean = find(board, "mine", "multi", "rank_distance")
    assert (mean.value, mean.at_least) == (90.0, True)
    assert not find(board, "mine", "multi", "rank_distance", "de").at_least
    assert "rank_distance_bound" not in board.metrics("multi")
    assert any(note.startswith(">=: a lower bound") for note in board.notes)


def test_a_cutoff_deeper_than_the_ranking_is_a_bound() -> None:
    """recall@100 of a run five passages deep is no value beside others; over how many queries all this is, is said."""
    scores = [Score("mono", "ar", "ar", "recall@100", 0.4, 7, depth=5), Score("mono", "ar", "ar", "recall@5", 0.4, 9)]
    board = build_leaderboard("xquad-r", [dataclasses.replace(made_results("mine", {}), scores=scores)])
    for language in ("ar", "mean"):
        assert find(board, "mine", "mono", "recall@100", language).at_least
        assert not find(board, "mine", "mono", "recall@5", language).at_least
    assert ">=: a lower bound; rankings are less deep than the cutoff of recall@100." in board.notes
    assert board.notes[0] == "Our means are over 7 to 9 queries of each language."


def test_cross_is_a_mean_over_pairs() -> None:
    """By query language over its passage languages, and over all ordered pairs."""
    pairs = {("ar", "de"): 0.1, ("ar", "en"): 0.3, ("de", "ar"): 0.8}
    scores = [Score("cross", *pair, "map", value, 4) for pair, value in pairs.items()]
    board = build_leaderboard("xquad-r", [dataclasses.replace(made_results("mine", {}), scores=scores)])
    assert find(board, "mine", "cross", "map", "ar").value == pytest.approx(0.2)
    assert find(board, "mine", "cross", "map").value == pytest.approx(0.4)


def test_what_differs_is_said() -> None:
    """A smaller pool, another loading option, the sources: each is a note."""
    full = made_results("full", {"ar": 0.5, "de": 0.5, "en": 0.5})
    small = made_results("small", {"de": 0.5}, dataset_options={"with_paragraph": True})
    notes = "\n".join(build_leaderboard("xquad-r", [full, small]).notes)
    assert "small: with_paragraph=True." in notes
    assert "small: its pool holds only de" in notes
    assert "full: its pool" not in notes
    assert "arXiv:2408.10536: Elmahdy" in notes
    assert "never tested for significance" in notes
    assert "Means over different numbers of languages" in notes


def test_what_is_not_measured_counts_no_queries() -> None:
    """The agreement of rankings has no query where no question is asked twice: means are not over 0 to 7 queries."""
    scores = [Score("multi", "ar", "all", "map", 0.4, 7), Score("multi", "ar", "all", "consistency_rbo@100", None, 0)]
    board = build_leaderboard("xquad-r", [dataclasses.replace(made_results("mine", {}), scores=scores)])
    assert board.notes[0] == "Our means are over 7 queries of each language."


def test_equal_names_are_told_apart() -> None:
    """Two results of one name are two lines, named by their folders."""
    results = [dataclasses.replace(made_results("x", {"de": 0.5}), folder=Path(name)) for name in ("a", "b")]
    assert [s.name for s in build_leaderboard("xquad-r", results).systems if s.kind == "ours"] == ["x (a)", "x (b)"]


def test_what_does_not_belong_together_is_refused() -> None:
    """Unknown names, results of other data sets or several splits, and nothing at all."""
    with pytest.raises(DatasetError, match="unknown data set 'xquad'; did you mean 'xquad-r'"):
        build_leaderboard("xquad")
    with pytest.raises(SettingError, match="unknown language 'xx'"):
        build_leaderboard("xquad-r", languages=["xx"])
    with pytest.raises(ResultsError, match="x holds results of sample, not of xquad-r"):
        build_leaderboard("xquad-r", [made_results("x", {"de": 0.5}, dataset="sample")])
    with pytest.raises(ResultsError, match="several splits of miracl: x is of 'dev'; y is of 'train'"):
        build_leaderboard(
            "miracl", [made_results(n, {}, dataset="miracl", split=s) for n, s in (("x", "dev"), ("y", "train"))]
        )
    with pytest.raises(ResultsError, match=r"no scores of sample \(test\) are published"):
        build_leaderboard("sample")


def test_results_of_a_data_set_that_is_not_installed() -> None:
    """They can be looked at without the package that loads their texts."""
    board = build_leaderboard("elsewhere", [made_results("x", {"de": 0.5}, dataset="elsewhere", split="eval")])
    assert (board.dataset, board.split, [system.name for system in board.systems]) == ("elsewhere", "eval", ["x"])
