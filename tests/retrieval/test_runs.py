"""Runs from files: forms, ids, settings told from the content, and what a bad file says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError, RunError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.evaluation.results import Results
from beir_hybrid.records import Passages, Queries
from beir_hybrid.retrieval.runs import RunFileRetriever, read_run

LINES = "de-q-0 Q0 de-p-1 1 2.5 x\nde-q-0 Q0 de-p-0 2 1.5 x\n\nde-q-1\tQ0\tde-p-1\t1\t1e-1\tx\n"


@pytest.fixture
def toy() -> Dataset:
    """Two languages of two queries and two passages; query i is answered by passage i in both."""
    names = ("de", "en")
    return Dataset(
        "toy", "test",
        {x: Passages(x, [f"{x}-p-{i}" for i in range(2)], ["t"] * 2, source_ids=[f"{x}doc#{i}" for i in range(2)])
         for x in names},
        {x: Queries(x, [f"{x}-q-{i}" for i in range(2)], ["t"] * 2, source_ids=[f"{i}" for i in range(2)])
         for x in names},
        {f"{x}-q-{i}": {f"{y}-p-{i}": 1 for y in names} for x in names for i in range(2)},
    )  # fmt: skip


def written(folder: Path, content: str, name: str = "my.run.trec") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def every_form(folder: Path) -> list[Path]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    mapping = {"de-q-0": {"de-p-1": 2.5, "de-p-0": 1.5}, "de-q-1": {"de-p-1": 0.1}}
    rows = [(query, passage, score) for query, ranked in mapping.items() for passage, score in ranked.items()]
    names = ("q_id", "doc_id", "score")  # ranx's
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), folder / "r.parquet")
    (folder / "r.trec.gz").write_bytes(gzip.compress(LINES.encode()))
    (folder / "r.json.gz").write_bytes(gzip.compress(json.dumps(mapping).encode()))
    return [
        written(folder, LINES), written(folder, LINES, "no-ending"), folder / "r.trec.gz",
        written(folder, json.dumps(mapping), "r.json"), folder / "r.json.gz", folder / "r.parquet",
    ]  # fmt: skip


def test_all_forms_hold_the_same_run(tmp_path: Path, toy: Dataset) -> None:
    """TREC (tabs, blank lines), ranx JSON and parquet, gzip or not, give one and the same result."""
    for path in every_form(tmp_path):
        table = read_run(path)
        assert list(zip(table.queries, table.passages, table.scores, strict=True)) == [
            ("de-q-0", "de-p-1", 2.5), ("de-q-0", "de-p-0", 1.5), ("de-q-1", "de-p-1", 0.1),
        ]  # fmt: skip
        results = evaluate(toy, path, metrics="mrr")
        assert {(score.setting, score.query_language) for score in results.scores} == {("mono", "de")}
        assert results.value("mono", "mrr") == (1 / 2 + 1) / 2
    assert RunFileRetriever(tmp_path / "my.run.trec").name == "my.run"
    assert RunFileRetriever(tmp_path / "r.trec.gz").name == "r"


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (LINES + "de-q-1 de-p-0 0.5\n", "a.trec", r"a\.trec:5: expected 'query-id Q0 passage-id rank score name', got"),
        (LINES + "de-q-1 Q0 de-p-0 2 high x\n", "a.trec", r"a\.trec:5: expected"),
        (LINES + "de-q-1 Q0 de-p-0 2 nan x\n", "a.trec", r"a\.trec:5: score of passage 'de-p-0' is nan"),
        (LINES + "de-q-1 Q0 de-p-0 2 inf x\n", "a.trec", r"a\.trec:5: score of passage 'de-p-0' is inf"),
        ("", "a.trec", r"a\.trec: holds no ranking"),
        ("{}", "a.json", r"a\.json: holds no ranking"),
        ('{"q": {"p": 1},\n "r": }', "a.json", r"a\.json:2: not valid JSON"),
        ('{"q": {"p": 1, "p": 2}}', "a.json", "'p' appears twice in one object"),
        ('{"q": {"p": NaN}}', "a.json", "score of passage 'p' is nan"),
        ('{"q": {"p": "1"}}', "a.json", "query 'q', passage 'p': score '1' is no number"),
        ('{"q": [1]}', "a.json", "query 'q' has no object"),
        ("[1]", "a.json", "expected .* got a list"),
        ("hello", "a.parquet", "not a parquet file"),
        ("hello", "a.trec.gz", "truncated or damaged"),
    ],
)
def test_a_malformed_file_says_where(tmp_path: Path, content: str, name: str, problem: str) -> None:
    """Readers name the file and the line."""
    with pytest.raises(RunError, match=problem):
        read_run(written(tmp_path, content, name))


def test_truncated_gzip_missing_files_and_folders(tmp_path: Path) -> None:
    """What is no file at all, or half of one."""
    whole = gzip.compress(LINES.encode() * 50)
    for number, half in enumerate((whole[:-20], whole[:40] + b"\0" * 30 + whole[70:])):
        (tmp_path / f"{number}.trec.gz").write_bytes(half)
        with pytest.raises(RunError, match="truncated or damaged"):
            read_run(tmp_path / f"{number}.trec.gz")
    with pytest.raises(RunError, match=r"gone\.trec does not exist"):
        read_run(tmp_path / "gone.trec")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        read_run(tmp_path)


def test_parquet_without_the_columns_or_with_text_scores(tmp_path: Path) -> None:
    """The columns there are, and what is wrong with them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"query": ["a"], "score": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(RunError, match="no column 'query_id' or 'q_id' or 'qid'; it has query, score"):
        read_run(tmp_path / "a.parquet")
    pq.write_table(pa.table({"qid": ["a"], "docid": ["b"], "score": ["high"]}), tmp_path / "b.parquet")
    with pytest.raises(RunError, match="ids must be text or whole numbers, scores numbers"):
        read_run(tmp_path / "b.parquet")
    pq.write_table(pa.table({"qid": [7, None], "docid": ["b", "b"], "score": [1, 2]}), tmp_path / "n.parquet")
    with pytest.raises(RunError, match=r"n\.parquet: 1 row has no qid"):
        read_run(tmp_path / "n.parquet")
    pq.write_table(pa.table({"qid": [7, 8], "docid": ["b", "b"], "score": [1, None]}), tmp_path / "c.parquet")
    with pytest.raises(RunError, match="score of passage 'b' is nan"):
        read_run(tmp_path / "c.parquet")
    pq.write_table(pa.table({"qid": [7], "docid": ["b"], "score": [1]}), tmp_path / "d.parquet")
    assert list(read_run(tmp_path / "d.parquet").queries) == ["7"]
    pq.write_table(pa.table({"qid": ["a"][:0], "docid": ["b"][:0], "score": [1.0][:0]}), tmp_path / "e.parquet")
    with pytest.raises(RunError, match="holds no ranking"):
        read_run(tmp_path / "e.parquet")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("de-q-1 Q0 de-p-9 1 1 x", ":5: passage 'de-p-9' is not in toy"),
        ("de-q-0 Q0 de-p-1 1 9 x", ":5: query 'de-q-0' ranks passage 'de-p-1' twice"),
    ],
)
def test_unknown_and_repeated_ids_are_named_with_their_line(
    tmp_path: Path, toy: Dataset, line: str, problem: str
) -> None:
    """A run of another data set, or one joined twice, is no low score but an error."""
    with pytest.raises(RunError, match=problem):
        evaluate(toy, written(tmp_path, LINES + line + "\n"))


def tasks_of(results: Results) -> set[str]:
    return {f"{score.setting}:{score.query_language}-{score.corpus_language}" for score in results.scores}


def test_the_settings_are_told_from_the_content(
    tmp_path: Path, toy: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """One passage language a query: mono and cross tasks; several: the pool. What a biased pool looks like is said."""
    cross = "de-q-0 Q0 en-p-0 1 1 x\nen-q-0 Q0 en-p-0 1 1 x\n"
    assert tasks_of(evaluate(toy, written(tmp_path, cross))) == {"cross:de-en", "mono:en-en"}
    guessed = "my.run.trec: no query ranks passages of several languages, so each language pair is measured by itself"
    said = capsys.readouterr().err
    assert said.count(guessed) == 1
    # what it found nothing in is no task of it, so a mean over the rest is said to be one
    assert "ranks something in 1 of 2 mono settings; means are over these" in said
    assert tasks_of(evaluate(toy, written(tmp_path, cross), settings="multi")) == {"multi:de-all", "multi:en-all"}
    assert guessed not in capsys.readouterr().err
    pooled = "de-q-0 Q0 en-p-0 1 2 x\nde-q-0 Q0 de-p-0 2 1 x\n"
    results = evaluate(toy, written(tmp_path, pooled))
    assert tasks_of(results) == {"multi:de-all"}
    assert results.value("multi", "rank_distance") is None  # query 1 was not answered
    named = evaluate(toy, written(tmp_path, pooled), settings="mono,multi", metrics="mrr")
    assert tasks_of(named) == {"mono:de-de", "mono:en-en", "multi:de-all", "multi:en-all"}
    assert named.value("mono", "mrr", "de") == 1 / 2  # the pool's ranking restricted to German
    # it goes as deep as that of the query with the fewest German passages: who knows what stood below
    uneven = "de-q-0 Q0 de-p-0 1 2 x\nde-q-0 Q0 de-p-1 2 1 x\nde-q-1 Q0 en-p-1 1 2 x\nde-q-1 Q0 de-p-0 2 1 x\n"
    german = evaluate(toy, written(tmp_path, uneven), settings="mono", metrics="recall@2")
    assert next((s.value, s.depth, s.is_bound) for s in german.scores if s.metric == "recall@2") == (0.5, 1, True)


def test_missing_queries_count_and_are_reported(tmp_path: Path, toy: Dataset) -> None:
    """One of two queries answered: the mean is over both, and the result says one is missing."""
    results = evaluate(toy, written(tmp_path, "de-q-0 Q0 de-p-0 1 1 x\n"), metrics="map,mrr@10")
    assert {(s.metric, s.value, s.queries, s.missing_queries) for s in results.scores} == {
        ("map", 0.5, 2, 1),
        ("mrr@10", 0.5, 2, 1),
        ("tied_share", 0.0, 2, 1),
    }


def test_queries_without_judgments_are_passed_over_and_counted(tmp_path: Path, toy: Dataset) -> None:
    """As trec_eval does; a run of another data set altogether is no low score but an error that names a line."""
    results = evaluate(toy, written(tmp_path, LINES + "de-q-9 Q0 nowhere 1 1 x\nde-q-8 Q0 de-p-0 1 1 x\n"))
    assert results.value("mono", "mrr@10") == 3 / 4
    assert "queries of the run without judgments, passed over: 2" in str(results)
    with pytest.raises(RunError, match=r":1: query 'q', like every other of the run, is not in toy \(de, en\)"):
        evaluate(toy, written(tmp_path, "q Q0 de-p-0 1 1 x\n"))


def test_a_cutoff_deeper_than_the_run_is_no_value_but_a_bound(tmp_path: Path, toy: Dataset) -> None:
    """One of two passages is in the run: who knows where the other stands."""
    results = evaluate(
        toy, written(tmp_path, "de-q-0 Q0 de-p-1 1 1 x\nde-q-1 Q0 de-p-1 1 1 x\n"), metrics="recall@1,recall@2"
    )
    assert {(s.metric, s.depth, s.is_bound) for s in results.scores} == {
        ("recall@1", 1, False), ("recall@2", 1, True), ("tied_share", 1, False),
    }  # fmt: skip
    assert str(results).splitlines()[4].split() == ["de", "0.500", ">=0.500"]
    assert ">=: lower bound, rankings are 1 passage deep and the cutoff is deeper: recall@2" in str(results)
    whole = evaluate(toy, written(tmp_path, LINES), metrics="recall@100")
    assert not any(score.is_bound for score in whole.scores)  # both passages there are


def test_ids_of_the_published_files_work_with_one_language(tmp_path: Path, toy: Dataset) -> None:
    """Published MIRACL runs name upstream ids, which are unique within a language only."""
    one = Dataset("toy", "test", {"de": toy.passages["de"]}, {"de": toy.queries["de"]},
                  {f"de-q-{i}": {f"de-p-{i}": 1} for i in range(2)})  # fmt: skip
    path = written(tmp_path, "0 Q0 dedoc#0 1 9 x\n1 Q0 dedoc#0 1 9 x\n1 Q0 dedoc#1 2 8 x\n")
    assert evaluate(one, path, metrics="mrr").value("mono", "mrr") == (1 + 1 / 2) / 2
    with pytest.raises(RunError, match="query '0', like every other of the run, is not in toy"):
        evaluate(toy, path)


def test_ids_of_a_folder_of_ones_own_work_in_several_languages(tmp_path: Path) -> None:
    """Another system's run has the folder's own ids, which differ between its languages."""
    folder = tmp_path / "own"
    for language, doc, query in (("de", "d7", "q1"), ("en", "e7", "q2")):
        (folder / language).mkdir(parents=True)
        records = {"corpus": [{"_id": doc, "text": "t"}, {"_id": f"{doc}b", "text": "u"}],
                   "queries": [{"_id": query, "text": "t"}]}  # fmt: skip
        for name, lines in records.items():
            (folder / language / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("q1\td7\t1\nq1\te7\t1\nq2\te7\t1\nq2\td7\t1\n")
    run = written(tmp_path, "q1 Q0 d7b 1 9 x\nq1 Q0 e7 2 8 x\nq2 Q0 e7 1 9 x\nq2 Q0 d7 2 8 x\n")
    results = evaluate(load_dataset(folder), run, metrics="mrr")
    assert {key: results.value("multi", "mrr", key) for key in ("de", "en")} == {"de": 1 / 2, "en": 1.0}
    with pytest.raises(RunError, match=r":1: passage 'x' is not in own \(de, en\), whose passage ids look like 'd7'"):
        evaluate(load_dataset(folder), written(tmp_path, "q1 Q0 x 1 9 x\n"))
    # a folder that is no language's would be left out without a word
    (folder / "en").rename(folder / "english")
    with pytest.raises(
        DatasetError, match=r"english holds a corpus or queries, but 'english' is no .* code; call .* en"
    ):
        load_dataset(folder)


def test_top_k_cuts_a_run(tmp_path: Path, toy: Dataset) -> None:
    """A run is measured no deeper than is asked for."""
    assert evaluate(toy, written(tmp_path, LINES), metrics="mrr", top_k=1).value("mono", "mrr") == 1 / 2


def test_rows_of_languages_that_were_not_loaded_are_passed_over(tmp_path: Path) -> None:
    """A run of all languages can be looked at in some: the score is that of the run cut down to them."""
    lines = "".join(
        f"{query}-q-0000 Q0 {passage}-p-000{rank} {rank} {9 - rank} r\n"
        for query in ("de", "fr", "en", "ar")
        for passage in ("de", "en", "ar")
        for rank in range(3)
        if query != "fr"
    )
    run = written(tmp_path, lines, "full.trec")
    some = evaluate(load_dataset("sample", languages="de,en"), run, settings="multi", metrics="mrr")
    assert {score.query_language for score in some.scores} == {"de", "en"}
    assert some.value("multi", "mrr", "de") == 1 / 30
    # one object, in turn: what one evaluation looked at does not narrow the next
    retriever = RunFileRetriever(run)
    for languages in ("de,en", "de,en,ar", "de"):
        dataset = load_dataset("sample", languages=languages)
        again, fresh = (evaluate(dataset, r, settings="mono", metrics="mrr") for r in (retriever, run))
        assert again.scores == fresh.scores
    with pytest.raises(RunError, match="no row is in the languages that were loaded: hi"):
        evaluate(load_dataset("sample", languages="hi"), run, metrics="mrr")


def test_a_run_of_the_pool_is_read_in_some_languages_of_ones_own_data(tmp_path: Path, toy: Dataset) -> None:
    """Ids say which language they are of: what was not loaded is passed over, and what it hides is a bound."""
    lines = "".join(
        f"{query} Q0 {passage} 1 {9 - place} r\n"
        for query, ranked in (
            ("de-q-0", ("en-p-1", "fr-p-0", "de-p-0", "en-p-0")), ("de-q-1", ("fr-p-0", "de-p-1", "fr-p-1", "en-p-0")),
            ("fr-q-0", ("fr-p-0",)),
        )
        for place, passage in enumerate(ranked)
    )  # fmt: skip
    results = evaluate(toy, written(tmp_path, lines), settings="multi", metrics="mrr,recall@2")
    assert results.value("multi", "mrr", "de") == (1 / 2 + 1) / 2  # of de and en only: 2nd of three, 1st of two
    assert not results.observed
    # of the second query only two passages in these languages are known: what stands third is not
    (score,) = (each for each in results.scores if each.metric == "recall@2" and each.query_language == "de")
    assert (score.value, score.depth) == (0.5, 2)
    german = Dataset("toy", "test", {"de": toy.passages["de"]}, {"de": toy.queries["de"]},
                     {query: {key: 1 for key in judged if key.startswith("de")}
                      for query, judged in toy.qrels.items() if query.startswith("de")})  # fmt: skip
    alone = evaluate(german, written(tmp_path, lines), metrics="mrr")
    assert alone.value("mono", "mrr", "de") == 1.0
    assert {each.depth for each in alone.scores if each.metric == "mrr"} == {1}
    with pytest.raises(RunError, match="no row is in the languages that were loaded: de, en"):
        evaluate(toy, written(tmp_path, "fr-q-0 Q0 fr-p-0 1 1 x\n"))
    with pytest.raises(RunError, match=":1: passage 'xx9-p-0' is not in toy"):
        evaluate(toy, written(tmp_path, "de-q-0 Q0 xx9-p-0 1 1 x\nde-q-0 Q0 de-p-0 1 1 x\n"))


def test_what_was_not_loaded_makes_a_listed_data_set_a_bound_too(tmp_path: Path) -> None:
    """A run ten deep of which three are German says three ranks of the German corpus, not ten."""
    from beir_hybrid import load_dataset

    passages = [*(f"en-p-000{n}" for n in range(7)), *(f"de-p-000{n}" for n in range(3))]
    deep = "".join(f"de-q-0001 Q0 de-p-00{n:02d} {n} {50 - n} r\n" for n in range(10))
    run = written(tmp_path, deep + "".join(f"de-q-0000 Q0 {p} {n} {50 - n} r\n" for n, p in enumerate(passages)))
    results = evaluate(load_dataset("sample", languages="de"), run, settings="mono", metrics="recall@5")
    assert {score.depth for score in results.scores if score.metric == "recall@5"} == {3}


def test_the_pool_of_one_language_is_no_pool(tmp_path: Path, toy: Dataset) -> None:
    """A file of our own on one of its languages: what it ranks in the pool is not measured beside mono."""

    def encode(texts: list[str]) -> list[list[float]]:
        return [[1.0, float(len(text))] for text in texts]

    evaluate(toy, encode, out=tmp_path / "out")
    names = ("de",)
    alone = Dataset(
        "toy", "test", {x: toy.passages[x] for x in names}, {x: toy.queries[x] for x in names},
        {query: {p: g for p, g in judged.items() if p[:2] in names} for query, judged in toy.qrels.items()
         if query[:2] in names},
    )  # fmt: skip
    assert {score.setting for score in evaluate(alone, tmp_path / "out" / "runs.parquet").scores} == {"mono"}
    with pytest.raises(RunError, match="holds no ranking of what was asked for"):
        evaluate(alone, tmp_path / "out" / "runs.parquet", settings="multi")


def test_scores_that_rise_with_the_rank_are_said(
    tmp_path: Path, toy: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Distances in place of scores turn every ranking round: trec_eval measures it so, and a line says it."""
    rising = "de-q-0 Q0 de-p-0 1 0.1 x\nde-q-0 Q0 de-p-1 2 0.2 x\n"
    assert evaluate(toy, written(tmp_path, rising), metrics="mrr").value("mono", "mrr") == 1 / 4
    assert "my.run.trec: scores rise from rank to rank" in capsys.readouterr().err
    evaluate(toy, written(tmp_path, rising.replace("0.2", "0.1")), metrics="mrr")
    assert "scores rise" not in capsys.readouterr().err


def test_results_in_memory_with_numbers_for_ids_and_scores_beyond_float32() -> None:
    """Whole numbers are ids as their digits; a score that single precision does not hold would tie with others."""
    own = Dataset(
        "own", "test", {"de": Passages("de", ["de-p-1", "de-p-2"], ["t", "u"], source_ids=["1", "2"])},
        {"de": Queries("de", ["de-q-1"], ["q"], source_ids=["1"])}, {"de-q-1": {"de-p-2": 1}},
    )  # fmt: skip
    assert evaluate(own, {1: {1: 2.0, 2: 1}}, metrics="mrr").value("mono", "mrr") == 0.5
    for score in (1e39, 10**400, float("-inf")):
        with pytest.raises(RunError, match=r"score of passage '2' is .*expected a number that float32 holds"):
            evaluate(own, {1: {1: 2.0, 2: score}})
    with pytest.raises(RunError, match=r"id 1\.5 is no string or whole number"):
        evaluate(own, {1: {1.5: 2.0}})


def test_a_passage_id_of_two_languages_is_refused() -> None:
    """A run of a folder's own ids does not say which language is meant where both have the id."""
    twice = Dataset(
        "twice", "test",
        {x: Passages(x, [f"{x}-p-1", f"{x}-p-2"], ["t", "u"], source_ids=["1", f"{x}2"]) for x in ("de", "en")},
        {"de": Queries("de", ["de-q-1"], ["q"], source_ids=["q"])}, {"de-q-1": {"de-p-2": 1}}, folder="twice",
    )  # fmt: skip
    assert evaluate(twice, {"q": {"de2": 2.0, "en2": 1.0}}, metrics="mrr").value("multi", "mrr") == 1.0
    with pytest.raises(RunError, match=r"passage '1' stands in de and en, .*; write ids as 'de-p-1'"):
        evaluate(twice, {"q": {"de2": 2.0, "1": 1.0}})
