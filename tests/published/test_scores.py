"""The published numbers are there, under this package's names, and agree with themselves."""

from __future__ import annotations

import pytest

from beir_hybrid.datasets import is_registered
from beir_hybrid.metrics.bias import BIAS_METRICS
from beir_hybrid.metrics.measures import parse_metric
from beir_hybrid.published.scores import MEAN, published_scores, sources
from beir_hybrid.records import SETTINGS


def value(dataset: str, system: str, setting: str, metric: str, language: str = MEAN) -> float:
    (found,) = (
        score.value
        for score in published_scores(dataset)
        if (score.system, score.setting, score.metric, score.query_language, score.split != "train")
        == (system, setting, metric, language, True)
    )
    return found


def test_the_headline_numbers_of_the_paper() -> None:
    """METHOD.md's table 1 of arXiv 2408.10536, from the rows the package carries."""
    assert [round(value("xquad-r", "LaBSE Hybrid", setting, "map"), 3) for setting in SETTINGS] == [0.817, 0.767, 0.682]
    assert round(value("xquad-r", "XLM-R X-X-mono", "multi", "rank_distance")) == 410
    assert round(value("mlqa-r", "XLM-R Hybrid", "cross", "map"), 3) == 0.623


def test_the_numbers_of_lareqa_and_pyserini() -> None:
    """One number of each of the other sources."""
    assert value("mlqa-r", "mBERT X-X-mono", "multi", "map") == 0.49
    assert value("miracl", "BM25", "mono", "ndcg@10", "yo") == 0.4059


@pytest.mark.parametrize(("dataset", "languages"), [("xquad-r", 11), ("mlqa-r", 7)])
def test_printed_means_are_the_means_of_the_printed_languages(dataset: str, languages: int) -> None:
    """A slip in copying would show: each of the paper's means follows from its rows."""
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for score in published_scores(dataset):
        rows.setdefault((score.system, score.setting, score.metric), {})[score.query_language] = score.value
    full = {key: dict(row) for key, row in rows.items() if len(row) > 1}
    assert len(full) == 6 * 7
    for key, row in full.items():
        mean = row.pop(MEAN)
        assert len(row) == languages
        assert sum(row.values()) / languages == pytest.approx(mean, abs=0.06 if "rank" in key[2] else 6e-5)


def test_every_number_has_a_source_and_a_metric_of_ours() -> None:
    """Metric names are those `evaluate` uses; what the source called them is kept, and where it stands."""
    datasets = {score.dataset for score in published_scores()}
    assert datasets == {"miracl", "mlqa-r", "mr-tydi", "xquad-r"}
    assert all(map(is_registered, datasets)), "no leaderboard would show it beside results"
    for score in published_scores():
        assert score.source in sources()
        assert score.table
        assert score.printed_as
        assert score.setting in SETTINGS
        assert score.metric in BIAS_METRICS or str(parse_metric(score.metric)) == score.metric
