"""The BM25 retriever's three variants, against the indexes they are made of."""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.records import Hits, Passages, Queries
from beir_hybrid.retrieval.bm25.analyzers import language_analyzer, standard_analyzer
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
from beir_hybrid.retrieval.bm25.runtimes import Jvm
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task

pytestmark = [pytest.mark.java, pytest.mark.usefixtures("jvm")]


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("sample", languages="de,en,zh")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of indexes for all tests of this file."""
    return tmp_path_factory.mktemp("indexes")


def ask(
    dataset: Dataset, folder: Path, variant: str, *tasks: str, top_k: int = 1000, **options: float
) -> list[Ranking]:
    retriever = BM25Retriever(variant, cache=folder, **options)  # type: ignore[arg-type]
    return list(retriever.bind(dataset).retrieve([dataset.task(task) for task in tasks], top_k))


def index_of(task: Task, folder: Path, jvm: Jvm, *, standard: bool = False) -> LuceneIndex:
    analyzer = standard_analyzer() if standard else language_analyzer(task.corpus_language, jvm)
    texts = [text for block in task.blocks for text in block.full_texts()]
    return LuceneIndex.open_or_build(task.passage_ids, texts, analyzer, cache_dir=folder)


def same(found: Hits, expected: Hits) -> bool:
    return (
        np.array_equal(found.indptr, expected.indptr)
        and np.array_equal(found.passages, expected.passages)
        and np.array_equal(found.scores, expected.scores)
    )


def test_a_corpus_on_disk_is_ranked_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of two widths and in any order of the file, titles, one language and the pool: the same hits and scores."""
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))
    texts = {"de": ["der alte Turm", "Turm am Meer", "Meer", "Turm", "alte"], "en": ["old tower", "tower", "der Turm"]}
    on_disk, in_memory = {}, {}
    for language, lines in texts.items():
        records = [{"_id": str(7 * n % 11), "title": f"T{n}", "text": text} for n, text in enumerate(lines)]
        source = tmp_path / f"{language}.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in records))
        on_disk[language] = ArrowCorpus.build(
            [source], tmp_path / language, id_prefix=f"{language}-p-", id_width=3
        ).passages(language)
        block = on_disk[language]
        in_memory[language] = Passages(language, list(block.ids), list(block.texts), list(block.titles))
    queries = {x: Queries(x, [f"{x}-q-0", f"{x}-q-1"], ["Turm Meer", "der"], ["a", "b"]) for x in texts}
    qrels = {f"{x}-q-{n}": {f"{y}-p-007": 1 for y in texts} for x in texts for n in range(2)}
    for variant in ("language", "standard", "anserini"):
        found = [
            evaluate(Dataset("toy", "test", blocks, queries, qrels), BM25Retriever(variant, cache=tmp_path / "indexes"))
            for blocks in (on_disk, in_memory)
        ]
        assert found[0].scores == found[1].scores


def test_what_is_done_is_said(sample: Dataset, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal, indexing and searching begin with a line that says how much there is to do."""
    ask(sample, folder, "language", "mono:de", "mono:en")
    assert capsys.readouterr().err.splitlines()[:2] == ["indexing: 80 passages", "searching: 2 settings"]


@pytest.mark.parametrize("name", ["mono:de", "cross:de-en", "mono:zh"])
def test_one_language_is_its_index(sample: Dataset, folder: Path, jvm: Jvm, name: str) -> None:
    """The language variant adds nothing to a search in the corpus's own index."""
    (ranking,) = ask(sample, folder, "language", name)
    task = sample.task(name)
    assert same(ranking.hits, index_of(task, folder, jvm).search(task.query_texts, 1000))
    assert not ranking.complete


def test_the_pool_of_the_language_variant_is_merged_by_score(sample: Dataset, folder: Path) -> None:
    """Every language's own ranking, put together by raw score, equal scores by id, and cut once."""
    ranking, *parts = ask(sample, folder, "language", "multi:de", "mono:de", "cross:de-en", "cross:de-zh", top_k=15)
    pool = ranking.task
    for row, query in enumerate(pool.query_ids):
        merged = []
        for part in parts:
            at = part.task.query_ids.index(query)
            span = slice(part.hits.indptr[at], part.hits.indptr[at + 1])
            names = [part.task.passage_ids[p] for p in part.hits.passages[span]]
            merged += list(zip(part.hits.scores[span].tolist(), names, strict=True))
        span = slice(ranking.hits.indptr[row], ranking.hits.indptr[row + 1])
        found = [pool.passage_ids[p] for p in ranking.hits.passages[span]]
        assert found == [name for _, name in sorted(merged, reverse=True)[:15]]


def test_the_pool_of_the_standard_variant_is_one_index(sample: Dataset, folder: Path, jvm: Jvm) -> None:
    """Document frequencies are those of the whole pool, under one analyzer."""
    (ranking,) = ask(sample, folder, "standard", "multi:de")
    task = sample.task("multi:de")
    assert same(ranking.hits, index_of(task, folder, jvm, standard=True).search(task.query_texts, 1000))


def test_a_translated_query_is_the_parallel_one(sample: Dataset, folder: Path) -> None:
    """Asking English with German questions is asking it with the same questions in English."""
    cross, mono = ask(sample, folder, "translated", "cross:de-en", "mono:en")
    groups = dict(zip(sample.queries["en"].groups, range(len(mono.task.rows)), strict=True))
    rows = np.array([groups[sample.queries["de"].groups[row]] for row in cross.task.rows])
    assert same(cross.hits, mono.hits.take(rows))


def test_an_untranslated_question_is_asked_as_it_is(tmp_path: Path) -> None:
    """In partly parallel data a question that was not asked in a corpus's language keeps its own words."""
    dataset = Dataset(
        "partly", "test",
        {"de": Passages("de", ["de-p-0"], ["der alte Turm"]), "en": Passages("en", ["en-p-0", "en-p-1"],
                                                                              ["the old tower", "Turm is a word"])},
        {"de": Queries("de", ["de-q-0", "de-q-1"], ["Turm alte", "Turm"], ["a", "b"]),
         "en": Queries("en", ["en-q-0"], ["old tower"], ["a"])},
        {"de-q-0": {"de-p-0": 1, "en-p-0": 1}, "de-q-1": {"de-p-0": 1, "en-p-1": 1}, "en-q-0": {"en-p-0": 1}},
    )  # fmt: skip
    (ranking,) = ask(dataset, tmp_path, "translated", "cross:de-en")
    assert ranking.hits.passages.tolist() == [0, 1]  # "old tower" finds the first, "Turm" the second
    assert ranking.hits.counts.tolist() == [1, 1]
    (plain,) = ask(dataset, tmp_path, "language", "cross:de-en")
    assert plain.hits.passages.tolist() == [1, 1]


@pytest.mark.parametrize("variant", ["language", "standard", "translated"])
def test_results_repeat_and_say_what_was_used(sample: Dataset, folder: Path, tmp_path: Path, variant: str) -> None:
    """Two runs, the second with other threads and indexes built anew, are equal; analyzers are on record."""
    first = evaluate(sample, BM25Retriever(variant, cache=folder, threads=1))
    second = evaluate(sample, BM25Retriever(variant, cache=tmp_path, threads=3))
    assert first.scores == second.scores
    assert first.retriever == second.retriever
    analyzers = first.observed["analyzers"]
    assert set(analyzers) == {"de", "en", "zh"} | ({"all"} if variant == "standard" else set())
    assert (analyzers["de"] == analyzers["zh"]) == (variant == "standard")
    assert first.retriever["k1"] == 0.9


def test_the_translated_queries_are_an_upper_bound_on_the_sample(sample: Dataset, folder: Path) -> None:
    """Lexical search finds little across languages unless the question is translated."""
    plain, translated = (
        evaluate(sample, BM25Retriever(variant, cache=folder), settings="cross", metrics="map").value("cross", "map")
        for variant in ("language", "translated")
    )
    assert plain is not None and translated is not None
    assert plain < translated / 2


def test_k1_and_b_change_the_scores(sample: Dataset, folder: Path) -> None:
    """Both reach Lucene, without another index; impossible values are refused."""
    (default,) = ask(sample, folder, "language", "mono:de")
    indexes = sorted(folder.iterdir())
    for options in ({"k1": 2.0}, {"b": 0.9}):
        (other,) = ask(sample, folder, "language", "mono:de", **options)
        assert not np.array_equal(default.hits.scores, other.hits.scores)
    assert sorted(folder.iterdir()) == indexes
    # before a results folder is begun, which would then be one of other inputs
    for impossible in ({"k1": -1}, {"k1": math.inf}, {"k1": math.nan}, {"b": 1.1}):
        with pytest.raises(RetrieverError, match="expected k1 >= 0 and b between 0 and 1"):
            BM25Retriever(**impossible)


def test_an_empty_query_is_missing_and_counts(tmp_path: Path) -> None:
    """Blank text finds nothing, in every variant and in the pool."""
    dataset = Dataset(
        "blank", "test",
        {x: Passages(x, [f"{x}-p-0"], ["tower turm"]) for x in ("de", "en")},
        {x: Queries(x, [f"{x}-q-0", f"{x}-q-1"], [" ", "tower turm"], ["a", "b"]) for x in ("de", "en")},
        {f"{x}-q-{i}": {"de-p-0": 1, "en-p-0": 1} for x in ("de", "en") for i in range(2)},
    )  # fmt: skip
    for variant in ("language", "standard", "translated"):
        results = evaluate(dataset, BM25Retriever(variant, cache=tmp_path), metrics="mrr")
        assert {(s.queries, s.missing_queries) for s in results.scores} == {(2, 1)}
        assert results.value("mono", "mrr") == 0.5


def test_beir_gets_the_ranking_that_evaluate_measures(sample: Dataset, folder: Path) -> None:
    """EvaluateRetrieval(BM25Retriever()).retrieve(corpus, queries) of a task is that task's run."""
    from beir.retrieval.evaluation import EvaluateRetrieval

    task = sample.task("mono:de")
    corpus, queries, _ = BeirView(task).load()
    results = EvaluateRetrieval(BM25Retriever(cache=folder), k_values=[10]).retrieve(corpus, queries)
    (ranking,) = ask(sample, folder, "language", "mono:de", top_k=10)
    for row, query in enumerate(task.query_ids):
        span = slice(ranking.hits.indptr[row], ranking.hits.indptr[row + 1])
        assert list(results[query]) == [task.passage_ids[p] for p in ranking.hits.passages[span]]
        assert list(results[query].values()) == ranking.hits.scores[span].tolist()


def test_beir_corpora_of_other_ids_take_a_named_language(folder: Path) -> None:
    """Stemming happens only where the language is known or said; nothing to search or ask is no failure."""
    corpus = {"x": {"title": "", "text": "running horses"}, "y": {"title": "", "text": "a horse ran"}}
    assert set(BM25Retriever(cache=folder, language="en").search(corpus, {"q": "horses"}, 5)["q"]) == {"x", "y"}
    assert set(BM25Retriever(cache=folder).search(corpus, {"q": "horses"}, 5)["q"]) == {"x"}
    assert BM25Retriever(cache=folder).search({}, {"q": "horses"}, 5) == {"q": {}}
    assert BM25Retriever(cache=folder).search(corpus, {}, 5) == {}
    for name in ("eng", "EN", "en-GB"):
        assert set(BM25Retriever(cache=folder, language=name).search(corpus, {"q": "horses"}, 5)["q"]) == {"x", "y"}
    with pytest.raises(RetrieverError, match="'german' is the code of no language"):  # would silently go unstemmed
        BM25Retriever(cache=folder, language="german")


@pytest.mark.parametrize("variant", ["language", "standard", "translated", "anserini"])
def test_one_object_in_turn_is_as_fresh_ones(folder: Path, variant: str) -> None:
    """Two data sets and two subsets of languages asked of one object: nothing of one is left for the next."""
    retriever = BM25Retriever(variant, cache=folder)
    one = Passages("en", ["en-p-1", "en-p-2"], ["the tower", "the sea"])
    other = Dataset("toy", "test", {"en": one}, {"en": Queries("en", ["en-q-1"], ["sea"])}, {"en-q-1": {"en-p-2": 1}})
    for dataset in (load_dataset("sample", languages="de"), load_dataset("sample", languages="de,en"), other):
        again, fresh = (evaluate(dataset, r, metrics="map") for r in (retriever, BM25Retriever(variant, cache=folder)))
        assert again.scores == fresh.scores
        assert again.observed == fresh.observed
        assert again.retriever == fresh.retriever


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_text_is_composed_on_both_sides(folder: Path, form: str) -> None:
    """Vietnamese comes decomposed in real data: queries of one form find passages of the other. Anserini's do not.
    That Vietnamese is not stemmed stands below the table."""
    other = "NFD" if form == "NFC" else "NFC"
    passages = Passages("vi", ["vi-p-1", "vi-p-2"], [unicodedata.normalize(form, "tiếng Việt"), "x"])
    queries = Queries("vi", ["vi-q-1"], [unicodedata.normalize(other, "Việt")])
    dataset = Dataset("viet", "test", {"vi": passages}, {"vi": queries}, {"vi-q-1": {"vi-p-1": 1}})
    for variant, value in (("language", 1.0), ("standard", 1.0), ("anserini", 0.0)):
        results = evaluate(dataset, BM25Retriever(variant, cache=folder), metrics="map")
        assert results.value("mono", "map") == value
        assert results.observed["analyzers"]["vi"]["normalisation"] == ("NFC" if value else "")
        said = {"language": "analyzers: vi: Lucene has no Vietnamese analyzer", "anserini": "and reads it as English"}
        assert said.get(variant, "") in str(results)


def test_an_unknown_variant_is_named() -> None:
    """A typo gets the closest variant."""
    with pytest.raises(RetrieverError, match="unknown BM25 variant 'standrad'; did you mean 'standard'"):
        BM25Retriever("standrad")
