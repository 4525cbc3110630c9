"""A converted corpus: BEIR's mapping, the columns of passages, cheap to open, to look up and to send."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.corpus import shards
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Passages, passage_text

Numbered = Callable[[int, int], list[dict[str, str]]]


@pytest.fixture
def records(numbered: Numbered, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """230 records; batches of 16 rows, so that there are many."""
    monkeypatch.setattr(shards, "BATCH", 16)
    return numbered(0, 230)


@pytest.fixture
def corpus(records: list[dict[str, str]], write_shards: Any, tmp_path: Path) -> ArrowCorpus:
    sources = write_shards(records[:100], [], records[100:])
    return ArrowCorpus.build(sources, tmp_path / "corpus", id_prefix="sw-p-", id_width=8)


def test_it_is_beirs_mapping(corpus: ArrowCorpus, records: list[dict[str, str]]) -> None:
    """Every record is there under its padded id, ids come in ascending order, and what is not there is a KeyError."""
    expected = {f"sw-p-{r['docid']:0>8}": {"title": r["title"], "text": r["text"]} for r in records}
    assert isinstance(corpus, Mapping)
    assert len(corpus) == 230
    assert dict(corpus) == expected
    assert list(corpus) == sorted(expected)
    assert all(key in corpus for key in expected)
    for absent in ("sw-p-0009#0#0", "sw-p-", "", "te-p-00000#0", "sw-p-" + "9" * 99, "sw-p-000000#0\0", 7):
        assert absent not in corpus
        with pytest.raises(KeyError):
            corpus[absent]  # type: ignore[index]


@pytest.mark.slow
def test_beirs_own_search_reads_it(corpus: ArrowCorpus) -> None:
    """BEIR's exact search takes the mapping for a dict: it sorts, slices and looks up."""
    import numpy as np
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    class Model:
        def encode_queries(self, queries: list[str], **_: Any) -> Any:
            return np.array([[len(text), 1.0] for text in queries])

        def encode_corpus(self, corpus: list[dict[str, str]], **_: Any) -> Any:
            return np.array([[len(record["text"]), 1.0] for record in corpus])

    search = DenseRetrievalExactSearch(Model(), batch_size=64)
    found = search.search(corpus, {"q1": "a", "q2": "bb"}, 5, "dot")
    longest = max(len(record["text"]) for record in corpus.values())
    assert {len(corpus[key]["text"]) for key in found["q1"]} <= {longest, longest - 1}


def test_its_columns_are_passages(corpus: ArrowCorpus, records: list[dict[str, str]]) -> None:
    """The same passages as from lists, position by position, slices included."""
    by_id = sorted((f"sw-p-{r['docid']:0>8}", r) for r in records)
    lists = Passages("sw", [k for k, _ in by_id], [r["text"] for _, r in by_id], [r["title"] for _, r in by_id],
                     [r["docid"] for _, r in by_id])  # fmt: skip
    mapped = corpus.passages("sw")
    for column in ("ids", "texts", "titles", "source_ids"):
        assert list(getattr(mapped, column)) == list(getattr(lists, column))
        assert list(getattr(mapped, column)[7:90:3][2:-1]) == getattr(lists, column)[7:90:3][2:-1]
        assert getattr(mapped, column)[-1] == getattr(lists, column)[-1]
        with pytest.raises(IndexError):
            getattr(mapped, column)[230]
    assert mapped.full_texts() == lists.full_texts()
    assert list(mapped.lazy_full_texts()[3:9]) == lists.full_texts()[3:9]
    assert [mapped.position(key) for key in lists.ids] == list(range(230))
    assert mapped.ids[10:20].position(lists.ids[12]) == 2
    assert mapped.ids[10:20].position(lists.ids[22]) is None
    assert mapped.on_disk and not lists.on_disk
    with pytest.raises(DatasetError, match="does not carry its language"):
        corpus.passages("te")


def test_ids_of_the_source_are_found(corpus: ArrowCorpus, records: list[dict[str, str]]) -> None:
    """Runs and indexes of others name passages as the published files do; what only looks alike is not there."""
    mapped = corpus.passages("sw")
    for record in records[::17]:
        position = mapped.source_position(record["docid"])
        assert position is not None
        assert mapped.texts[position] == record["text"]
    assert mapped.source_ids.position(records[0]["docid"]) == mapped.source_position(records[0]["docid"])  # type: ignore[attr-defined]
    for absent in ("0" + records[0]["docid"], f"{records[0]['docid']:0>8}", "sw-p-", "", "9" * 99):
        assert mapped.source_position(absent) is None
    lists = Passages("sw", ["sw-p-1", "sw-p-2"], ["a", "b"], source_ids=["one", "two"])
    assert [lists.source_position(key) for key in ("one", "two", "sw-p-1")] == [0, 1, None]


def test_a_run_with_the_ids_of_the_source_is_read(corpus: ArrowCorpus, tmp_path: Path) -> None:
    """A published run of one language is evaluated without a table of all ids, and so are the hits we keep of it."""
    from beir_hybrid.datasets.dataset import Dataset
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.evaluation.kept_runs import read_hits
    from beir_hybrid.records import Queries

    passages = corpus.passages("sw")
    queries = Queries("sw", ["sw-q-1"], ["x"], source_ids=["1"])
    dataset = Dataset("toy", "test", {"sw": passages}, {"sw": queries}, {"sw-q-1": {passages.ids[9]: 1}})
    named = [passages.source_ids[at] for at in (3, 9)]
    (tmp_path / "run.trec").write_text("".join(f"1 Q0 {key} 1 {2 - n} x\n" for n, key in enumerate(named)))
    results = evaluate(dataset, tmp_path / "run.trec", metrics="mrr", out=tmp_path / "out")
    assert results.value("mono", "mrr") == 0.5
    assert read_hits(tmp_path / "out", dataset.task("mono:sw")).passages.tolist() == [3, 9]


def test_a_pickle_is_a_path(corpus: ArrowCorpus) -> None:
    """Workers get the folder, not the texts, whatever has been read before."""
    list(corpus.texts)
    packed = pickle.dumps(corpus)
    assert len(packed) < 1000
    assert dict(pickle.loads(packed)) == dict(corpus)
    assert list(pickle.loads(pickle.dumps(corpus.ids[3:5]))) == list(corpus.ids[3:5])


def test_an_empty_corpus_is_one(write_shards: Any, tmp_path: Path) -> None:
    """No passage at all: nothing to map, nothing found."""
    corpus = ArrowCorpus.build([*map(str, write_shards([]))], tmp_path / "corpus")
    assert len(corpus) == 0
    assert list(corpus) == []
    assert "a" not in corpus


def test_ids_of_any_script_and_length_keep_their_order(write_shards: Any, tmp_path: Path) -> None:
    """Without padding ids are kept as they are, in the order Python's strings have."""
    keys = ["b", "a", "ab", "é", "z" * 40, "天", "\U0001f600", "0", "a b"]
    corpus = ArrowCorpus.build(write_shards([{"docid": key, "text": f"t{key}"} for key in keys]), tmp_path / "corpus")
    assert list(corpus) == sorted(keys)
    assert all(corpus[key] == {"title": "", "text": f"t{key}"} for key in keys)


@pytest.mark.parametrize("change", ["truncate", "remove"])
def test_a_damaged_folder_says_what_to_delete(corpus: ArrowCorpus, change: str) -> None:
    """A file that lost bytes, or is gone, is noticed on opening and not in the middle of an evaluation."""
    path = corpus.folder / "passages.arrow"
    content = path.read_bytes()
    path.unlink()
    if change == "truncate":
        path.write_bytes(content[:-9])
    with pytest.raises(DatasetError, match=rf"passages.*bytes, expected \d+; delete {corpus.folder}"):
        ArrowCorpus(corpus.folder)


@pytest.mark.parametrize(("name", "content"), [
    ("firsts.txt", None), ("firsts.txt", b""), ("firsts.txt", b'a'), ("passages.arrow", b"x"),
])  # fmt: skip
def test_damage_that_shows_later_says_what_to_delete(corpus: ArrowCorpus, name: str, content: bytes | None) -> None:
    """The list of first ids lost, empty, or of another corpus; bytes that are no Arrow file: one line each."""
    path = corpus.folder / name
    size = path.stat().st_size
    path.unlink()
    if content is not None:
        path.write_bytes(content * size if name == "passages.arrow" else content)
    with pytest.raises(DatasetError, match=rf"is damaged.*; delete {corpus.folder}, it is then made again"):
        ArrowCorpus(corpus.folder)["sw-p-000000#0"]


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    """A wrong path ends in one line."""
    with pytest.raises(DatasetError, match=f"{tmp_path} holds no whole corpus"):
        ArrowCorpus(tmp_path)


def test_full_texts_join_title_and_text(corpus: ArrowCorpus) -> None:
    """One rule for what is indexed and encoded, on disk as in memory."""
    passages = corpus.passages("sw")
    for at in (0, 1, 229):
        assert passages.lazy_full_texts()[at] == passage_text(passages.titles[at], passages.texts[at])
