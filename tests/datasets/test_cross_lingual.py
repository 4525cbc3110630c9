"""Data sets that are not parallel: queries in some languages, passages in others, judgments with gaps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, Passages, Queries, evaluate
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.evaluation.table import render_table

# as in AfriQA: African questions, answered by English and French passages
PASSAGES = {
    "en": Passages("en", ["en-p-1", "en-p-2"], ["The sea is deep.", "Bread needs yeast."]),
    "fr": Passages("fr", ["fr-p-1", "fr-p-2"], ["La mer est profonde.", "Le pain."]),
}
QUERIES = {
    "ha": Queries("ha", ["ha-q-1", "ha-q-2"], ["teku?", "burodi?"]),
    "yo": Queries("yo", ["yo-q-1"], ["okun?"]),
}
QRELS = {"ha-q-1": {"en-p-1": 1}, "ha-q-2": {"en-p-2": 1, "fr-p-2": 1}, "yo-q-1": {"fr-p-1": 1}}


def african(**changes: Any) -> Dataset:
    return Dataset(
        **{"name": "african", "split": "test", "passages": PASSAGES, "queries": QUERIES, "qrels": QRELS, **changes}
    )


def letters(texts: list[str]) -> np.ndarray:
    return np.array([[text.lower().count(chr(97 + at)) for at in range(26)] for text in texts], dtype=np.float32) + 0.01


def test_no_language_needs_both() -> None:
    """cross and multi are the settings of a purely cross-lingual set; the pool is that of the passage languages."""
    dataset = african()
    assert (dataset.query_languages, dataset.passage_languages) == (("ha", "yo"), ("en", "fr"))
    assert dataset.settings == ("cross", "multi")
    assert [task.name for task in dataset.tasks("cross")] == ["cross:ha-en", "cross:ha-fr", "cross:yo-fr"]
    assert [task.name for task in dataset.tasks("multi")] == ["multi:ha", "multi:yo"]
    assert [block.language for block in dataset.task("multi:ha").blocks] == ["en", "fr"]
    assert BeirView(dataset.task("multi:yo")).load()[2] == {"yo-q-1": {"fr-p-1": 1}}
    assert dataset.passed_over == ""
    with pytest.raises(SettingError, match="judges no passage in a query's own language, so 'mono' does not exist"):
        dataset.tasks("mono")
    # empty stand-ins change nothing, not the fingerprint either
    stand_ins = {"ha": Passages("ha", [], []), "yo": Passages("yo", [], [])}
    assert african(passages={**PASSAGES, **stand_ins}).fingerprint == dataset.fingerprint


def test_bias_columns_mean_something_or_nothing() -> None:
    """No pool holds the query's language, and one relevant passage is at no distance: both columns are dashes."""
    results = evaluate(african(), letters, metrics="map")
    assert results.value("multi", "same_language_share@10") is None
    # the distance of Hausa is that of its one query with two relevant passages, Yoruba has none
    assert results.value("multi", "rank_distance", query_language="ha") is not None
    assert results.value("multi", "rank_distance", query_language="yo") is None
    table = render_table(results)
    assert "yo" in table and "same@10" not in table.splitlines()[-1]
    assert table.splitlines()[0].endswith("5 settings, 1 to 2 queries each")


def test_a_subset_without_passages_says_what_to_add() -> None:
    """Not an empty table and exit 0."""
    with pytest.raises(
        DatasetError, match="african has no passages in ha, yo; add a language in which it has passages"
    ):
        african(passages={})
    unjudged = african(passages={"fr": PASSAGES["fr"]}, queries={"ha": Queries("ha", ["ha-q-9"], ["?"])}, qrels={})
    with pytest.raises(SettingError, match="has no query in ha that is judged against a passage in fr"):
        unjudged.tasks()


def test_gaps_in_the_judgments_are_counted_as_trec_eval_does() -> None:
    """An absent passage counts as never retrieved, absent and unjudged queries do not count; one line says so."""
    passages = {"en": PASSAGES["en"]}
    queries = {"en": Queries("en", ["en-q-1", "en-q-2"], ["the sea is deep", "bread"])}
    dataset = Dataset(
        "gaps", "test", passages, queries, {"en-q-1": {"en-p-1": 1, "en-p-9": 1}, "en-q-8": {"en-p-1": 1}}, unjudged=3
    )
    assert dataset.passed_over == (
        "1 judged passage is in no corpus (it counts as not retrieved); 1 judged query is not there (passed over)"
        "; 4 queries have no judgment (not asked)"
    )
    task = dataset.task("mono:en")
    assert task.query_ids == ["en-q-1"]
    results = evaluate(dataset, letters, metrics="map,recall@10,ndcg@10")
    # two relevant, one found at rank 1: trec_eval's map and recall are a half
    assert results.value("mono", "map") == 0.5
    assert results.value("mono", "recall@10") == 0.5
    assert math.isclose(results.value("mono", "ndcg@10") or 0, 1 / (1 + 1 / math.log2(3)))
    assert f"judgments: {dataset.passed_over}" in render_table(results)
    # BEIR is given the absent passage too, and so comes to the same
    assert BeirView(task).load()[2] == {"en-q-1": {"en-p-1": 1, "en-p-9": 1}}


def test_queries_without_a_relevant_passage_are_told() -> None:
    """Judged with grade 0 alone they are asked and score 0, as in trec_eval, which looks like a bad retriever."""
    queries = {"en": Queries("en", ["en-q-1", "en-q-2", "en-q-3"], ["the sea is deep", "bread", "sea"])}
    qrels = {"en-q-1": {"en-p-1": 1, "en-p-2": 0}, "en-q-2": {"en-p-1": 0}, "en-q-3": {"en-p-1": -1, "en-p-2": 0}}
    dataset = Dataset("zero", "test", {"en": PASSAGES["en"]}, queries, qrels)
    assert dataset.passed_over == "2 judged queries have no relevant passage (they score 0)"
    assert evaluate(dataset, letters, metrics="map").value("mono", "map") == pytest.approx(1 / 3)


def test_own_passages_make_no_setting_of_their_own() -> None:
    """A query that stands in a corpus, but is answered in another language only, is not asked in its own."""
    passages = {"en": Passages("en", ["en-p-1"], ["x"]), "fr": PASSAGES["fr"]}
    queries = {"en": Queries("en", ["en-q-1"], ["x"])}
    dataset = Dataset(
        "arguments", "test", passages, queries, {"en-q-1": {"fr-p-1": 1}}, own_passages={"en-q-1": "en-p-1"}
    )
    assert [task.name for task in dataset.tasks()] == ["cross:en-fr", "multi:en"]
    assert "1 query is a passage itself" in dataset.passed_over
