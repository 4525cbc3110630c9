"""Several corpora as one, in memory and on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beir_hybrid import Dataset, Passages, Queries, evaluate
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.pool import Joined, PooledCorpus
from beir_hybrid.datasets.beir_view import BeirView

TEXTS = {"de": ["Der Fuchs ist rot.", "Das Meer ist tief."], "en": ["The fox is red.", "The sea is deep.", "Red."]}


def passages(language: str, folder: Path | None) -> Passages:
    ids = [f"{language}-p-{number}" for number in range(len(TEXTS[language]))]
    if folder is None:
        return Passages(language, ids, TEXTS[language], ["T"] * len(ids))
    source = folder / f"{language}.jsonl"
    records = [{"_id": key, "title": "T", "text": text} for key, text in zip(ids, TEXTS[language], strict=True)]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    return ArrowCorpus.build([source], folder / language).passages(language)


def dataset(folder: Path | None) -> Dataset:
    queries = {x: Queries(x, [f"{x}-q-0", f"{x}-q-1"], ["fox Fuchs", "sea Meer"], ["a", "b"]) for x in TEXTS}
    qrels = {f"{x}-q-{n}": {f"{y}-p-{n}": 1 for y in TEXTS} for x in TEXTS for n in (0, 1)}
    return Dataset("two", "test", {x: passages(x, folder) for x in TEXTS}, queries, qrels)


def test_joined_ids_know_whether_they_ascend(tmp_path: Path) -> None:
    """Columns on disk are not read to find out that they are in order; lists, and parts out of order, say nothing."""
    de, en = (passages(language, tmp_path).ids for language in ("de", "en"))
    assert Joined([de, en]).distinct_ascending
    assert Joined([de, [], en[:0]]).distinct_ascending
    assert not Joined([en, de]).distinct_ascending
    assert not Joined([de, de]).distinct_ascending
    assert not Joined([de, list(en)]).distinct_ascending


def test_joined_sequences() -> None:
    """Items, negative positions and slices over parts, empty ones among them."""
    joined = Joined([["a"], [], ["b", "c"]])
    assert list(joined) == ["a", "b", "c"]
    assert [joined[0], joined[-1], list(joined[1:])] == ["a", "c", ["b", "c"]]
    with pytest.raises(IndexError):
        joined[3]


def test_a_pool_is_beirs_mapping() -> None:
    """Every passage under its id, records of the caller's own, KeyError for others."""
    pool = PooledCorpus([passages("de", None), passages("en", None)])
    assert len(pool) == 5
    assert list(pool) == ["de-p-0", "de-p-1", "en-p-0", "en-p-1", "en-p-2"]
    assert pool["en-p-2"] == {"title": "T", "text": "Red."}
    pool["en-p-2"].clear()
    assert pool["en-p-2"]["text"] == "Red."
    assert [pool.position(key) for key in ("de-p-1", "en-p-0", "en-p-9")] == [1, 2, None]
    assert "en-p-9" not in pool and 7 not in pool
    with pytest.raises(KeyError):
        pool["fr-p-0"]


def test_tasks_of_a_corpus_on_disk_are_those_of_one_in_memory(tmp_path: Path) -> None:
    """What BEIR gets, what is exported and where a passage stands do not depend on where the corpus lives."""
    on_disk, in_memory = dataset(tmp_path), dataset(None)
    for there, here in zip(on_disk.tasks(), in_memory.tasks(), strict=True):
        assert there.on_disk and not here.on_disk
        corpus, queries, qrels = BeirView(there).load()
        assert (dict(corpus), queries, qrels) == BeirView(here).load()
        assert list(there.passage_ids) == here.passage_ids
        pool = PooledCorpus(there.blocks)
        assert [pool.position(key) for key in here.passage_ids] == list(range(here.n_passages))
    views = [BeirView(each.task("cross:de-en")) for each in (on_disk, in_memory)]
    exported = [view.export(tmp_path / str(n)) for n, view in enumerate(views)]
    assert len({(folder / "corpus.jsonl").read_bytes() for folder in exported}) == 1


def test_a_corpus_on_disk_is_known_by_its_content(tmp_path: Path) -> None:
    """The fingerprint takes the digest of conversion; other texts give another one."""
    first = dataset(tmp_path).fingerprint
    assert dataset(tmp_path).fingerprint == first
    other = Dataset("two", "test", {x: passages(x, tmp_path if x == "de" else None) for x in TEXTS},
                    dataset(None).queries, dataset(None).qrels)  # fmt: skip
    assert other.fingerprint != first


@pytest.mark.slow
def test_evaluating_on_disk_is_evaluating_in_memory(tmp_path: Path) -> None:
    """Scores and kept runs are the same, and a TREC file can be written afterwards from the kept run."""
    import pyarrow.parquet as pq

    def encode(texts: list[str]) -> list[list[float]]:
        return [[float(text.count(letter)) for letter in "abdefFimorsuxM"] for text in texts]

    runs = []
    for name, data in (("disk", dataset(tmp_path)), ("memory", dataset(None))):
        results = evaluate(data, encode, out=tmp_path / f"out-{name}", top_k=2)
        runs.append((results.summary, pq.read_table(tmp_path / f"out-{name}" / "runs.parquet").to_pylist()))
    assert runs[0] == runs[1]
