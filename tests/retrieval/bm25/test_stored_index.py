"""Indexes that others have built: the hits of our own index, and one line where they do not fit."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DownloadError, RetrieverError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.records import Passages, Queries
from beir_hybrid.retrieval.bm25 import prebuilt
from beir_hybrid.retrieval.bm25.analyzers import anserini_analyzer, standard_analyzer
from beir_hybrid.retrieval.bm25.bridge import java_class
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.prebuilt import PrebuiltIndex, find_indexes, published_indexes
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
from beir_hybrid.retrieval.bm25.runtimes import Jvm
from beir_hybrid.retrieval.bm25.stored_index import StoredIndex

pytestmark = pytest.mark.java

RECORDS = {
    "sw": [
        {"docid": "7#1", "title": "Maji", "text": "Maji ni uhai wa watu."},
        {"docid": "12#0", "title": "Kilimanjaro", "text": "Mlima mrefu wa Afrika, na maji yake."},
        {"docid": "3#0", "title": "", "text": "maji maji"},
        {"docid": "9#0", "title": "Watu", "text": "Watu wa Afrika wanapenda Maji"},
    ],
    "de": [
        {"docid": "1#0", "title": "Haus", "text": "Die Häuser stehen leer."},
        {"docid": "1#1", "title": "Haus", "text": "Ein Haus steht am See."},
        {"docid": "2#0", "title": "Baum", "text": "Bäume stehen im Wald."},
    ],
}
QUERIES = {"sw": ["Maji ya watu", "Mlima wa Afrika?", "maji"], "de": ["stehende Häuser", "der Baum"]}


def anserini_index(folder: Path, records: Sequence[dict[str, str]], language: str) -> Path:
    """An index by Anserini's own program, from MIRACL's raw files, as its published ones were made."""
    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (source / "docs-0.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    java_class("io.anserini.index.IndexCollection").main(
        ["-collection", "MrTyDiCollection", "-input", str(source), "-index", str(folder), "-threads", "1",
         "-generator", "DefaultLuceneDocumentGenerator", "-storePositions", "-storeDocvectors", "-storeRaw",
         "-language", language, "-quiet"]
    )  # fmt: skip
    return folder


def corpus(language: str) -> Passages:
    by_id = sorted((f"{language}-p-{record['docid']:0>8}", record) for record in RECORDS[language])
    return Passages(
        language, [key for key, _ in by_id], [r["text"] for _, r in by_id], [r["title"] for _, r in by_id],
        [r["docid"] for _, r in by_id],
    )  # fmt: skip


def dataset(*languages: str) -> Dataset:
    passages = {language: corpus(language) for language in languages}
    queries = {x: Queries(x, [f"{x}-q-{i}" for i in range(len(QUERIES[x]))], QUERIES[x]) for x in languages}
    qrels = {f"{x}-q-{i}": {passages[x].ids[i]: 1} for x in languages for i in range(len(QUERIES[x]))}
    return Dataset("toy", "test", passages, queries, qrels)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory, jvm: Jvm) -> Path:
    """A folder of Anserini's indexes, one for each language."""
    folder = tmp_path_factory.mktemp("anserini")
    for language, records in RECORDS.items():
        anserini_index(folder / language, records, language)
    return folder


def opened(folder: Path, language: str, jvm: Jvm, **options: Any) -> StoredIndex:
    block = corpus(language)
    given = {"passages": len(block), "position": block.source_position, "corpus": f"the corpus of {language!r}"}
    return StoredIndex(folder, anserini_analyzer(language, jvm), **(given | options))


@pytest.mark.parametrize("language", ["sw", "de"])
def test_anserinis_index_and_ours_agree(indexes: Path, jvm: Jvm, tmp_path: Path, language: str) -> None:
    """Title and text are joined alike, read by the same analyzer, and scored alike: MIRACL's published way."""
    block, analyzer = corpus(language), anserini_analyzer(language, jvm)
    ours = LuceneIndex.open_or_build(block.ids, block.full_texts(), analyzer, cache_dir=tmp_path)
    theirs = opened(indexes / language, language, jvm)
    for top_k in (1, 2, 10):
        expected, found = ours.search(QUERIES[language], top_k), theirs.search(QUERIES[language], top_k, threads=2)
        assert found.indptr.tolist() == expected.indptr.tolist()
        assert found.passages.tolist() == expected.passages.tolist()
        assert found.scores.tolist() == expected.scores.tolist()


def test_a_cut_among_equal_scores_keeps_the_right_ones(tmp_path: Path, jvm: Jvm) -> None:
    """Lucene knows the order of indexing only; trec_eval's order is restored, also across the cut."""
    keys = [f"{number}#0" for number in (5, 3, 9, 1, 7, 2, 8, 0, 6, 4)]
    records = [{"docid": key, "title": "", "text": "same words"} for key in keys]
    folder = anserini_index(tmp_path / "index", [*records, {"docid": "x", "title": "", "text": "words"}], "sw")
    ids = sorted([*keys, "x"])
    index = StoredIndex(folder, standard_analyzer(), passages=11, position=ids.index, corpus="it")
    for top_k in range(1, 12):
        found = [ids[position] for position in index.search(["words"], top_k).passages]
        assert found == ["x", *sorted(keys, reverse=True)][:top_k]


def test_evaluate_uses_it(indexes: Path, tmp_path: Path) -> None:
    """A folder for each language; the result says which indexes, and equals that of our own."""
    ours = evaluate(dataset("sw", "de"), BM25Retriever("anserini", cache=tmp_path), settings="mono,multi")
    theirs = evaluate(dataset("sw", "de"), BM25Retriever(index=indexes, cache=tmp_path), settings="mono,multi")
    assert theirs.scores == ours.scores
    assert theirs.retriever["variant"] == "anserini"
    assert set(theirs.observed["index_identity"]) == {"sw", "de"}
    template = BM25Retriever(index=f"{indexes}/{{language}}", cache=tmp_path)
    assert evaluate(dataset("sw"), template, settings="mono").value("mono", "map", "sw") == ours.value(
        "mono", "map", "sw"
    )


def test_a_language_without_passages_needs_no_index(indexes: Path, tmp_path: Path) -> None:
    """A cross-lingual data set, Yoruba questions over Swahili passages: indexes of the passages' languages alone."""
    asked = Queries("yo", ["yo-q-0"], ["maji"])
    data = Dataset("toy", "test", {"sw": corpus("sw")}, {"yo": asked}, {"yo-q-0": {corpus("sw").ids[0]: 1}})
    results = evaluate(data, BM25Retriever(index=f"{indexes}/{{language}}", cache=tmp_path))
    assert set(results.observed["index_identity"]) == {"sw"}
    assert {score.missing_queries for score in results.scores} == {0}


def test_beirs_search_uses_it(indexes: Path, tmp_path: Path) -> None:
    """The ids of BEIR's corpus are those the index stores."""
    found = BM25Retriever(index=indexes / "de", language="de", cache=tmp_path).search(
        {r["docid"]: {"title": r["title"], "text": r["text"]} for r in RECORDS["de"]}, {"q": "Häuser"}, 5
    )
    assert set(found["q"]) == {"1#0", "1#1"}


def test_the_standard_variant_has_no_pool_in_it(indexes: Path, tmp_path: Path) -> None:
    """An index of one language is no index of the pool."""
    retriever = BM25Retriever("standard", index=indexes, cache=tmp_path)
    with pytest.raises(RetrieverError, match="leave out the setting multi"):
        evaluate(dataset("sw", "de"), retriever, settings="multi")


def test_an_index_of_another_corpus_is_refused(indexes: Path, jvm: Jvm) -> None:
    """By its size, or by the first document that is not there."""
    with pytest.raises(RetrieverError, match=r"holds 4 passages, the corpus of 'sw' 3: it is of another corpus"):
        opened(indexes / "sw", "sw", jvm, passages=3)
    with pytest.raises(RetrieverError, match=r"found document '.*', which is not in the corpus of 'sw'"):
        opened(indexes / "sw", "sw", jvm, position=lambda key: None).search(["maji"], 3)


def test_an_index_that_anserini_has_not_made_is_refused(jvm: Jvm, tmp_path: Path) -> None:
    """Ours store no ids, and are found by their content instead."""
    ours = LuceneIndex.open_or_build(["a"], ["maji"], standard_analyzer(), cache_dir=tmp_path)
    with pytest.raises(RetrieverError, match="stores no ids; expected one that Anserini has made"):
        opened(ours.folder / "000000", "sw", jvm).search(["maji"], 3)


def test_a_damaged_index_is_one_line(jvm: Jvm, tmp_path: Path) -> None:
    """Lucene's reason and the folder."""
    folder = anserini_index(tmp_path / "index", RECORDS["de"], "de")
    for path in folder.glob("_*"):
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(RetrieverError, match=rf"Lucene cannot read the index in {folder}") as error:
        opened(folder, "de", jvm)
    assert "\n" not in str(error.value)


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    """Both places that were looked at."""
    with pytest.raises(RetrieverError, match=rf"{tmp_path} holds no Lucene index.*nor in {tmp_path}/de"):
        find_indexes(str(tmp_path), ["de"], tmp_path)["de"]


def test_the_names_are_pyserinis_and_anserinis() -> None:
    """All of MIRACL's indexes are known, and nothing of pyserini is imported."""
    known = published_indexes()
    assert sum(name.startswith("miracl-v1.0-") for name in known) == 18
    yoruba = known["miracl-v1.0-yo"]
    assert yoruba.md5 == "7fa283d1af4a7c4ea8791eab9e386807"
    assert yoruba.urls[0].startswith("https://")
    assert "msmarco-v2.1-doc" in known


def test_an_unknown_name_gets_the_closest(tmp_path: Path) -> None:
    """A typo, and what there is."""
    with pytest.raises(RetrieverError, match=r"'miracl-v1\.0-swa' is neither .* did you mean .*'miracl-v1\.0-sw'"):
        find_indexes("miracl-v1.0-swa", ["sw"], tmp_path)["sw"]
    with pytest.raises(RetrieverError, match="'miracl-v9-sw' is neither a folder nor"):
        find_indexes("prebuilt:miracl-v9-{language}", ["sw"], tmp_path)["sw"]


def test_nothing_is_fetched_before_all_names_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index is gigabytes: of several languages the unknown one is said first."""
    monkeypatch.setattr(prebuilt, "fetch_index", lambda *_: pytest.fail("fetched"))
    with pytest.raises(RetrieverError, match=r"'miracl-v1\.0-el' is neither a folder nor"):
        find_indexes("miracl-v1.0-{language}", ["sw", "el"], tmp_path)


@pytest.fixture
def published(
    indexes: Path, tmp_path: Path, address_of: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> PrebuiltIndex:
    """Anserini's Swahili index as a published archive, at an address of this machine."""
    monkeypatch.setenv("PYSERINI_CACHE", str(tmp_path / "theirs"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(indexes / "sw", "lucene-index.toy-sw.20200101.abc")
    source = tmp_path / "published.tar.gz"
    source.write_bytes(packed.getvalue())
    md5 = hashlib.md5(packed.getvalue()).hexdigest()
    entry = PrebuiltIndex("toy-sw", (address_of(source),), "lucene-index.toy-sw.20200101.abc.tar.gz", md5, 9)
    monkeypatch.setattr(prebuilt, "published_indexes", lambda: {"toy-sw": entry})
    return entry


def test_a_published_index_is_fetched_once(
    published: PrebuiltIndex, tmp_path: Path, jvm: Jvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloaded, checked, unpacked, and the archive removed; the second time nothing is fetched."""
    folder = find_indexes("prebuilt:toy-{language}", ["sw"], tmp_path / "cache")["sw"]
    assert opened(folder, "sw", jvm).search(["maji"], 3).counts.tolist() == [2]
    assert not list((tmp_path / "cache").rglob("*.tar.gz"))
    monkeypatch.setattr(prebuilt, "download", lambda *_: pytest.fail("fetched twice"))
    assert find_indexes("toy-sw", ["sw"], tmp_path / "cache")["sw"] == folder


def test_pyserinis_own_copy_is_used(
    published: PrebuiltIndex, tmp_path: Path, indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pyserini has downloaded need not be downloaded again."""
    theirs = tmp_path / "theirs" / "indexes" / f"lucene-index.toy-sw.20200101.abc.{published.md5}"
    theirs.parent.mkdir(parents=True)
    theirs.symlink_to(indexes / "sw")
    monkeypatch.setattr(prebuilt, "download", lambda *_: pytest.fail("fetched"))
    assert find_indexes("toy-sw", ["sw"], tmp_path / "cache")["sw"] == theirs


def test_without_a_network_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address, the reason, and where to put the file by hand."""
    entry = PrebuiltIndex("toy", ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"), "toy.tar.gz", "00", 9)
    monkeypatch.setattr(prebuilt, "published_indexes", lambda: {"toy": entry})
    with pytest.raises(DownloadError, match=r"could not download http://127.*:9/b: no connection .*put the file"):
        find_indexes("toy", ["sw"], tmp_path)["sw"]


def test_an_archive_that_is_damaged_or_empty_is_one_line(
    published: PrebuiltIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put there by hand, perhaps: it is named, and no half index stays."""
    archive = tmp_path / "cache" / "prebuilt" / published.filename
    archive.parent.mkdir(parents=True)
    for content in (b"no archive", gzip.compress(b"no archive")[:-3]):
        archive.write_bytes(content)
        with pytest.raises(RetrieverError, match=rf"{archive} cannot be unpacked .*; delete it and run again"):
            find_indexes("toy-sw", ["sw"], tmp_path / "cache")["sw"]
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "published.tar.gz", "else")
    with pytest.raises(RetrieverError, match=rf"{archive} holds no Lucene index"):
        find_indexes("toy-sw", ["sw"], tmp_path / "cache")["sw"]
    assert [path for path in archive.parent.iterdir() if path.is_dir()] == []
