"""The records: texts, ids, and hits in trec_eval's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beir_hybrid.datasets import load_dataset
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Hits, Passages, Queries, ordered_bits, passage_text

SCORES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, -1e-30, 3e38, -3e38, 1.0 + 2**-30])


def expected_order(query: list[int], passages: list[int], scores: list[float]) -> list[tuple[int, int]]:
    single = [float(np.float32(score)) for score in scores]
    rows = sorted(zip(query, single, passages, strict=True), key=lambda row: (row[0], -row[1], -row[2]))
    return [(row[0], row[2]) for row in rows]


@given(data=st.data())
def test_hits_are_sorted_by_score_then_passage_descending(data: st.DataObject) -> None:
    """Both ways of ordering (the rectangle of keys and the lexsort) agree with a plain sort, ties included."""
    n_queries = data.draw(st.integers(1, 8))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, n_queries - 1), st.integers(0, 9)), unique=True, max_size=40))
    scores = data.draw(st.lists(SCORES, min_size=len(pairs), max_size=len(pairs)))
    for order in (pairs, sorted(pairs)):  # any order; queries together
        query, passages = [pair[0] for pair in order], [pair[1] for pair in order]
        hits = Hits.sorted(n_queries, query, passages, scores)
        assert list(zip(hits.query.tolist(), hits.passages.tolist(), strict=True)) == expected_order(
            query, passages, scores
        )
        assert hits.counts.tolist() == [query.count(row) for row in range(n_queries)]


def test_one_long_query_among_short_ones_is_ordered_as_well() -> None:
    """A run too uneven for the rectangle takes the other path to the same order."""
    query = [0] * 30 + list(range(1, 40))
    passages = [*range(30), *([7] * 39)]
    scores = [float(place % 3) for place in range(len(query))]
    hits = Hits.sorted(41, query, passages, scores)
    assert list(zip(hits.query.tolist(), hits.passages.tolist(), strict=True)) == expected_order(
        query, passages, scores
    )
    assert len(hits) == 41
    assert hits.counts[40] == 0


@pytest.fixture
def hits() -> Hits:
    """Query 0: passages 2, 1, 0; query 1: none; query 2: passage 5."""
    return Hits.sorted(3, [0, 0, 0, 2], [0, 1, 2, 5], [0.1, 0.2, 0.2, 9.0])


def test_ranks_start_at_one_in_every_query(hits: Hits) -> None:
    """Ranks and query numbers skip over a query without hits."""
    assert hits.passages.tolist() == [2, 1, 0, 5]
    assert hits.query.tolist() == [0, 0, 0, 2]
    assert hits.rank.tolist() == [1, 2, 3, 1]
    assert hits.counts.tolist() == [3, 0, 1]


def test_cut_keeps_the_best_of_every_query(hits: Hits) -> None:
    """A cut shortens long queries and leaves the others, and a deep one changes nothing."""
    assert hits.cut(2).passages.tolist() == [2, 1, 5]
    assert hits.cut(2).indptr.tolist() == [0, 2, 2, 3]
    assert hits.cut(0).indptr.tolist() == [0, 0, 0, 0]
    assert hits.cut(3) is hits


def test_take_reorders_repeats_and_drops_queries(hits: Hits) -> None:
    """Rows may be taken in any order, twice, and empty ones too."""
    taken = hits.take(np.array([2, 1, 0, 2]))
    assert taken.passages.tolist() == [5, 2, 1, 0, 5]
    assert taken.counts.tolist() == [1, 0, 3, 1]
    assert len(hits.take(np.array([], dtype=np.int64))) == 0


def test_no_hits_at_all_is_a_ranking_too() -> None:
    """Queries for which nothing was found keep their place."""
    empty = Hits.sorted(4, [], [], [])
    assert len(empty) == 4
    assert empty.counts.tolist() == [0, 0, 0, 0]
    assert empty.cut(3).rank.tolist() == []


@given(st.lists(SCORES, min_size=2, max_size=10))
def test_ordered_bits_order_as_the_scores_do(scores: list[float]) -> None:
    """The integers stand in for float32 scores: same order, same ties, minus zero equal to zero."""
    values = np.array(scores, dtype=np.float32)
    bits = ordered_bits(values)
    assert np.array_equal(values[:, None] < values[None, :], bits[:, None] < bits[None, :])
    assert bits.max() < 2**32


def test_title_and_text_become_one_string_as_in_beir() -> None:
    """Encoders and analyzers see what BEIR's would: title, space, text; the text alone without a title."""
    assert passage_text("Title", "text ") == "Title text"
    assert passage_text("", " text") == "text"
    assert Passages("de", ["de-p-0", "de-p-1"], ["a", "b"], ["T", ""]).full_texts() == ["T a", "b"]


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["de-1", "de-1"], "'de-1' of language 'de' appears twice"),
        (["de-2", "de-1"], "'de-2' of language 'de' comes before 'de-1'"),
        (["en-1"], "'en-1' does not carry its language"),
    ],
)
def test_ids_must_be_unique_ascending_and_carry_their_language(ids: list[str], problem: str) -> None:
    """The tie rule compares positions, which holds only while ids ascend."""
    with pytest.raises(DatasetError, match=problem):
        Passages("de", ids, ["x"] * len(ids))
    with pytest.raises(DatasetError, match=problem):
        Queries("de", ids, ["x"] * len(ids))


def test_columns_must_have_one_length() -> None:
    """A text too few is found when the records are made, not when they are searched."""
    with pytest.raises(DatasetError, match="ids and texts of passages in language 'de' are 2 and 1; there must"):
        Passages("de", ["de-1", "de-2"], ["x"])
    with pytest.raises(DatasetError, match="queries in language 'de' are 1, 1, 2 and 1"):
        Queries("de", ["de-1"], ["x"], ["g", "h"])


@pytest.mark.parametrize(
    ("ids", "texts", "message"),
    [
        ([1, 2], ["a", "b"], "id 1 of language 'de' is no string"),
        (["de-1", "de-2"], ["a", None], "the text of 'de-2' is None; expected a string"),
        (["de-1", "de-2"], ["\ud83d\ude00", "\ud800"], "the text of 'de-1' holds half of a surrogate pair"),
        (["de-1", "de-2"], ["\U0001f600", "\udc00"], "the text of 'de-2' holds half of a surrogate pair"),
    ],
)
@pytest.mark.parametrize("kind", [Passages, Queries])
def test_what_is_no_id_or_text_is_named(kind: type, ids: list[str], texts: list[str], message: str) -> None:
    """From Python as from files: one line that names the record, before anything encodes it."""
    with pytest.raises(DatasetError, match=message):
        kind("de", ids, texts)


def test_a_title_that_is_no_text_is_named() -> None:
    """Titles are part of what is encoded."""
    with pytest.raises(DatasetError, match="the title of 'de-1' is 3; expected a string"):
        Passages("de", ["de-1"], ["a"], [3])  # type: ignore[list-item]


@pytest.mark.parametrize("form", [tuple, np.array, pd.Series, pa.array, iter])
def test_columns_of_other_libraries_are_lists_here(form: Callable[[list[str]], Any]) -> None:
    """What numpy, pandas and pyarrow hold columns in is taken as its values, be its truth or its index what it may."""
    block = Passages("de", form(["de-1", "de-2"]), form(["a", "b"]), form(["", "t"]))
    assert (list(block.ids), block.full_texts(), block.position("de-2")) == (["de-1", "de-2"], ["a", "t b"], 1)
    assert Queries("de", form(["de-1"]), form(["a"]), form(["g"])).groups[0] == "g"


def test_a_notebook_shows_what_it_is_not_all_that_is_in_it() -> None:
    """The last line of a cell is shown by its repr: of a data set that would be every text, megabytes of them."""
    dataset = load_dataset("sample", languages=["de", "en"])
    (task,) = dataset.tasks("cross")[:1]
    hits = Hits.sorted(2, [0, 0, 1], [3, 1, 2], [0.5, 0.25, 1.0])
    assert repr(dataset) == "Dataset('sample', 'test': 2 languages, 80 passages, 60 queries)"
    assert repr(task) == "Task('cross:de-en' of 'sample': 30 queries, 40 passages)"
    assert [repr(dataset.passages["de"]), repr(dataset.queries["en"]), repr(task.judged), repr(hits)] == [
        "Passages('de': 40 passages)", "Queries('en': 30 queries)", "Judged(30 pairs)", "Hits(3 hits of 2 queries)",
    ]  # fmt: skip
