"""BEIR folders of any size: those this package exports, and those others publish."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from beir_hybrid import evaluate, load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets import load_beir_folder
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.retrieval.runs import RunFileRetriever


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample's German setting as a BEIR folder."""
    return BeirView(load_dataset("sample", languages="de").task("mono:de")).export(tmp_path / "sample-de")


@pytest.mark.parametrize("packed", [False, True])
def test_an_exported_task_is_read_back(folder: Path, packed: bool) -> None:
    """Same texts, judgments and upstream ids, plain or gzipped; the corpus stays on disk."""
    if packed:
        for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    task = load_beir_folder(folder, "de").task("mono:de")
    corpus, queries, qrels = BeirView(task).load()
    expected = BeirView(load_dataset("sample", languages="de").task("mono:de")).load()
    assert {key.removeprefix("de-p-"): record for key, record in corpus.items()} == expected[0]
    assert {key.removeprefix("de-q-"): text for key, text in queries.items()} == expected[1]
    assert sum(map(len, qrels.values())) == sum(map(len, expected[2].values()))
    assert task.on_disk
    assert task.dataset == "sample-de"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "de-q-none\tde-p-0000001\t1\n",
            "test.tsv: of 1 judged queries, as 'de-q-none', none is there; expected judgments of the 30 queries, "
            "such as 'de-q-0000'",
        ),
        (
            "a\tb\n",
            "test.tsv:2: expected 'query-id<TAB>corpus-id<TAB>score' or 'query-id Q0 passage-id grade', got 'a\\tb'",
        ),
        ("a\tb\tone\n", "test.tsv:2: the grade is 'one'; expected a whole number"),
    ],
)
def test_wrong_judgments_are_named_by_line(folder: Path, line: str, message: str) -> None:
    """Unknown ids and malformed lines stop the reading."""
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + line)
    with pytest.raises(DatasetError, match=re.escape(message)):
        load_beir_folder(folder, "de")


def test_an_unknown_passage_and_missing_files_are_named(folder: Path) -> None:
    """A judgment of no passage; no corpus at all."""
    qrels = folder / "qrels" / "test.tsv"
    first = qrels.read_text().splitlines()[1].split("\t")
    qrels.write_text(f"query-id\tcorpus-id\tscore\n{first[0]}\tnone\t1\n")
    with pytest.raises(DatasetError, match="none of the 1 judged passages is in a corpus; the first is 'de-p-none'"):
        load_beir_folder(folder, "de")
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"holds no corpus\.jsonl or corpus\.jsonl\.gz or corpus\.parquet"):
        load_beir_folder(folder, "de")


def test_a_corpus_of_no_passage_is_named(folder: Path) -> None:
    """An empty file is said to be empty, not to want another language."""
    (folder / "corpus.jsonl").write_text("\n")
    with pytest.raises(DatasetError, match=r"corpus\.jsonl: holds no passage"):
        load_beir_folder(folder, "de")


def test_the_hubs_layout_is_read(folder: Path) -> None:
    """Parquet by configuration, as the hub keeps it, gives the same data set as JSON lines."""
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet as pq

    expected = load_beir_folder(folder, "de")
    for kind in ("corpus", "queries"):
        (folder / kind).mkdir()
        table = pyarrow.json.read_json(folder / f"{kind}.jsonl")
        half = len(table) // 2
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            pq.write_table(part, folder / kind / f"{kind}-0000{number}-of-00002.parquet")
        (folder / f"{kind}.jsonl").unlink()
    lines = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    columns = dict(zip(("query-id", "corpus-id"), zip(*lines, strict=True), strict=False))
    (folder / "data").mkdir()
    judged = {**{k: pa.array(v) for k, v in columns.items()}, "score": [int(line[2]) for line in lines]}
    pq.write_table(pa.table(judged), folder / "data" / "test-00000-of-00001.parquet")
    (folder / "qrels" / "test.tsv").unlink()
    found = load_beir_folder(folder, "de")
    assert BeirView(found.task("mono:de")).load() == BeirView(expected.task("mono:de")).load()
    (folder / "corpus" / "corpus-00001-of-00002.parquet").unlink()
    with pytest.raises(DatasetError, match=r"corpus-00001-of-00002\.parquet is missing; it is one of several"):
        load_beir_folder(folder, "de")


def test_the_split_is_the_one_there_is(folder: Path) -> None:
    """Without a split, test or the only one; a split that is not there is said with those that are."""
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    assert load_beir_folder(folder, "de").split == "dev"
    with pytest.raises(DatasetError, match="sample-de has no split 'test'; known: dev"):
        load_beir_folder(folder, "de", "test")
    (folder / "qrels" / "dev.tsv").unlink()
    with pytest.raises(DatasetError, match=r"qrels/test\.tsv is missing: judgments of the queries$"):
        load_beir_folder(folder, "de")


def test_a_folder_without_judgments_of_its_queries(folder: Path) -> None:
    """A header and nothing else is no data set."""
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DatasetError, match=r"test\.tsv: there is no judgment; expected judgments of the 30 queries"):
        load_beir_folder(folder, "de")


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def lines(*records: dict[str, object]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


AFRICAN = {  # as AfriQA: Hausa and Yoruba questions, English and French passages; one question in both languages
    "corpus.jsonl": lines(
        {"_id": "b", "text": "The sea is deep.", "language": "en"},
        {"_id": "a", "title": "Pain", "text": "Le pain.", "language": "fr"},
        {"_id": "c", "text": "Bread.", "language": "en"},
    ),
    "queries.jsonl": lines(
        {"_id": 1, "text": "teku?", "language": "ha", "group": 7},
        {"_id": 2, "text": "burodi?", "language": "ha"},
        {"_id": 3, "text": "okun?", "language": "yo", "group": 7},
    ),
    "qrels/test.tsv": "1\tb\t1\n2\ta\t1\n2\tc\t1.0\n3\tb\t+1 \n",
}
BY_FOLDERS = {
    "en/corpus.jsonl": lines({"_id": "b", "text": "The sea is deep."}, {"_id": "c", "text": "Bread."}),
    "fr/corpus.jsonl": lines({"_id": "a", "title": "Pain", "text": "Le pain."}),
    "ha/queries.jsonl": lines({"_id": 1, "text": "teku?", "group": 7}, {"_id": 2, "text": "burodi?"}),
    "yo/queries.jsonl": lines({"_id": 3, "text": "okun?", "group": 7}),
    "ha/qrels/test.tsv": "1\tb\t1\n2\ta\t1\n2\tc\t1\n",
    "qrels/test.tsv": "3\tb\t1\n",
}


@pytest.mark.parametrize("files", [AFRICAN, BY_FOLDERS], ids=["records", "folders"])
def test_a_folder_says_its_languages(tmp_path: Path, files: dict[str, str]) -> None:
    """By a field language or by folders: a cross-lingual data set, with parallel questions, needs no code."""
    dataset = load_dataset(str(written(tmp_path / "african", files)))
    assert (dataset.query_languages, dataset.passage_languages) == (("ha", "yo"), ("en", "fr"))
    assert [task.name for task in dataset.tasks("cross")] == ["cross:ha-en", "cross:ha-fr", "cross:yo-en"]
    assert dataset.groups == {"7": {"ha": "ha-q-1", "yo": "yo-q-3"}, "ha-q-2": {"ha": "ha-q-2"}}
    corpus, queries, qrels = BeirView(dataset.task("multi:ha")).load()
    assert dict(corpus) == {
        "en-p-b": {"title": "", "text": "The sea is deep."},
        "en-p-c": {"title": "", "text": "Bread."},
        "fr-p-a": {"title": "Pain", "text": "Le pain."},
    }
    assert queries == {"ha-q-1": "teku?", "ha-q-2": "burodi?"}
    assert qrels == {"ha-q-1": {"en-p-b": 1}, "ha-q-2": {"fr-p-a": 1, "en-p-c": 1}}
    assert list(dataset.passages["en"].source_ids) == ["b", "c"]
    assert dataset.passages["en"].source_position("c") == 1
    assert dataset.passages["en"].source_position("a") is None
    # some of its languages: the pool holds only these, and judgments of the others are none of theirs
    some = load_beir_folder(tmp_path / "african", "ha,fr")
    assert [task.name for task in some.tasks()] == ["cross:ha-fr"]
    assert some.passed_over == "1 query has no judgment (not asked)"
    with pytest.raises(DatasetError, match=r"african has no passages in ha; add to --languages one of .*: en, fr"):
        load_dataset(str(tmp_path / "african"), languages="ha")
    with pytest.raises(DatasetError, match=r"african has no queries in en; add to --languages one of .*: ha, yo"):
        load_dataset(str(tmp_path / "african"), languages="en")
    with pytest.raises(SettingError, match="unknown language 'de'"):
        load_dataset(str(tmp_path / "african"), languages="de")


def test_what_a_folder_of_several_languages_says_wrong(tmp_path: Path) -> None:
    """A record without its language, no code, an id in two languages, a pair judged twice: each at its line."""
    for name, (changes, message) in enumerate({
        r"queries\.jsonl:2: the record has no 'language'": ("queries.jsonl", lines(
            {"_id": 1, "text": "?", "language": "ha"}, {"_id": 2, "text": "?"})),
        r"corpus\.jsonl:1: 'English' is no language code": ("corpus.jsonl", lines(
            {"_id": "b", "text": "x", "language": "English"})),
        r"test\.tsv:1: passage id 'b' stands in en and fr": ("corpus.jsonl", lines(
            {"_id": "b", "text": "x", "language": "en"}, {"_id": "b", "text": "y", "language": "fr"})),
        r"test\.tsv:2: passage 'b' is judged 0 for query '1', and 1 before": ("qrels/test.tsv", "1\tb\t1\n1\tb\t0\n"),
    }.items()):  # fmt: skip
        folder = written(tmp_path / str(name), {**AFRICAN, message[0]: message[1]})
        with pytest.raises(DatasetError, match=changes):
            load_dataset(str(folder))
    written(tmp_path / "folders", {**BY_FOLDERS, "yo/queries.jsonl": lines({"_id": 1, "text": "?"})})
    with pytest.raises(DatasetError, match=r"query id '1' stands in ha and yo; query ids must differ"):
        load_dataset(str(tmp_path / "folders"))


def test_queries_that_stand_in_the_corpus(tmp_path: Path) -> None:
    """An argument is no candidate for itself, by BEIR's rule; equal ids of other texts are an accident."""
    records = [{"_id": "1", "text": "Cats purr."}, {"_id": "2", "text": "Dogs bark."}]
    files = {"corpus.jsonl": lines(*records), "queries.jsonl": lines(records[0]), "qrels/test.tsv": "1\t2\t1\n"}
    run = {"en-q-1": {"en-p-1": 2.0, "en-p-2": 1.0}}
    found = load_beir_folder(written(tmp_path / "a", files), "en")
    assert found.own_passages == {"en-q-1": "en-p-1"}
    assert evaluate(found, RunFileRetriever(run), metrics="map").value("mono", "map") == 1.0
    asked = {**files, "queries.jsonl": lines({"_id": "1", "text": "What barks?"})}
    other = load_beir_folder(written(tmp_path / "b", asked), "en")
    assert other.own_passages == {}
    assert evaluate(other, RunFileRetriever(run), metrics="map").value("mono", "map") == 0.5
    # BEIR's own rule, by ids alone, can be asked for, and none at all
    assert load_dataset(str(tmp_path / "b"), languages="en", own_passages=True).own_passages == {"en-q-1": "en-p-1"}
    assert load_dataset(str(tmp_path / "a"), languages="en", own_passages=False).own_passages == {}


def test_queries_that_are_passages_of_several_languages(tmp_path: Path) -> None:
    """Some languages count only their own, none as an unreachable judgment; BEIR's rule knows no languages."""
    records = [{"_id": f"{x}{i}", "text": f"{x} says {i}", "language": x} for x in ("de", "en") for i in (1, 2)]
    asked = [*records[::2], {**records[3], "language": "de"}]  # en2 is asked as a German query too
    files = {
        "corpus.jsonl": lines(*records), "queries.jsonl": lines(*asked),
        "qrels/test.tsv": "de1\tde2\t1\nen1\ten2\t1\nen2\tde1\t1\n",
    }  # fmt: skip
    folder = written(tmp_path / "a", files)
    assert load_beir_folder(folder).own_passages == {
        "de-q-de1": "de-p-de1", "en-q-en1": "en-p-en1", "de-q-en2": "en-p-en2",
    }  # fmt: skip
    assert load_beir_folder(folder, "de").own_passages == {"de-q-de1": "de-p-de1"}
    said = "1 query is a passage itself (no candidate for itself)"
    assert load_beir_folder(folder, "en").passed_over == said
    away = replace(load_beir_folder(folder, "en"), own_passages={"en-q-en1": "en-p-gone"})
    assert away.passed_over == ""


@pytest.mark.slow
def test_results_of_a_folder_are_used_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recorded by path and content: fused, exported and put on a page from another directory, options and all."""
    written(tmp_path / "home" / "xquad-r", AFRICAN)
    runs = {"a": {"1": {"b": 2.0}, "2": {"a": 1.0, "b": 0.5}}, "b": {"1": {"c": 2.0, "b": 1.0}, "2": {"c": 1.0}}}
    monkeypatch.chdir(tmp_path / "home")
    dataset = load_dataset("./xquad-r", own_passages=False)
    for name, run in runs.items():
        ranked = {f"ha-q-{q}": {dataset.task("multi:ha").passage_ids["bca".index(p)]: s for p, s in hits.items()}
                  for q, hits in run.items()}  # fmt: skip
        evaluate(dataset, RunFileRetriever(ranked, name=name), settings="multi", out=tmp_path / name, metrics="map")
    monkeypatch.chdir(tmp_path)
    assert main(["fuse", "a", "b", "--out", "fused"]) == 0
    assert "rrf(a, b) on xquad-r (test): 2 settings" in capsys.readouterr().out
    assert main(["compare", "a", "b", "--metrics", "map", "--format", "html", "--out", "page.html"]) == 0
    assert "The sea is deep." in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert main(["leaderboard", str(tmp_path / "home" / "xquad-r"), "a", "b", "--format", "csv"]) == 0
    assert "LaBSE" not in capsys.readouterr().out  # a folder called like a published set is not that set
    options = ["--dataset-option", "own_passages=false"]
    assert main(["export", "home/xquad-r", "out", "--setting", "cross:ha-en", *options]) == 0
    assert main(["export", "home/xquad-r", "no", "--setting", "cross:ha-en", "--dataset-option", "own=1"]) == 1
    (tmp_path / "home").rename(tmp_path / "moved")
    capsys.readouterr()
    assert main(["fuse", "a", "b", "--out", "again"]) == 1
    assert "which was measured, is gone; name where it is now with --data-dir" in capsys.readouterr().err
    assert main(["fuse", "a", "b", "--out", "again", "--data-dir", "moved/xquad-r"]) == 0
