"""BEIR-PL, BEIR-NL, MIRACL hard negatives and MIRACL-VISION in their published layouts, from a hub on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets import get_source
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import DatasetError, DownloadError, SettingError
from tests.datasets.hub_server import Hub

Parquet = Callable[..., bytes]
ONE = "-00000-of-00001.parquet"
CORPUS = {"_id": ["4983", "5836"], "title": ["Mikrostruktura", ""], "text": ["Rozwój istoty białej.", "Krew."]}
QUERIES = {"_id": ["1", "3", "99"], "text": ["Biomateriały?", "Szpik?", "Nieoceniane?"]}
QRELS = {"query-id": ["1", "3", "3"], "corpus-id": ["4983", "5836", "4983"], "score": [1, 2, 0]}
EXPECTED = {"pl-q-1": {"pl-p-4983": 1}, "pl-q-3": {"pl-p-5836": 2, "pl-p-4983": 0}}


def lines(columns: Mapping[str, Sequence[Any]]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows).encode()


@pytest.fixture
def polish(hub: Hub, parquet: Parquet) -> Hub:
    """mteb's layout: a configuration each for corpus and queries, judgments in the default one."""
    halves = [{name: values[i : i + 1] for name, values in CORPUS.items()} for i in (0, 1)]
    hub.repositories["mteb/SciFact-PL"] = {
        "README.md": b"card",
        "corpus/test-00000-of-00002.parquet": parquet(**halves[0]),
        "corpus/test-00001-of-00002.parquet": parquet(**halves[1]),
        f"queries/test{ONE}": parquet(**QUERIES),
        f"data/test{ONE}": parquet(**QRELS),
    }
    return hub


def test_beir_pl_is_fetched_and_read(polish: Hub, no_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The listed shards at the pinned revision, each once; licence first; the parts become one Polish data set."""
    dataset = load_dataset("beir-pl/scifact")
    assert dataset.qrels == EXPECTED
    assert dataset.languages == ("pl",)
    assert list(dataset.passages["pl"].source_ids) == ["4983", "5836"]
    assert dataset.passages["pl"].full_texts() == ["Mikrostruktura Rozwój istoty białej.", "Krew."]
    assert list(dataset.queries["pl"].source_ids) == ["1", "3"]  # not the one without a judgment
    assert [task.name for task in dataset.tasks()] == ["mono:pl"]
    assert {file.path: file.pinned for file in dataset.files} == {
        "corpus/test-00000-of-00002.parquet": True,
        "corpus/test-00001-of-00002.parquet": True,
        f"data/test{ONE}": True,
        f"queries/test{ONE}": True,
    }
    assert "fetching beir-pl/scifact: 4 files, 0 MB. Licence: CC BY-SA 4.0 https://" in capsys.readouterr().err
    assert set(polish.listed) == {("mteb/SciFact-PL", "d9707265734052a21d5892b6300ca11028fa067b")}
    assert len(polish.fetched) == 4
    polish.listed.clear()
    assert load_dataset("beir-pl/scifact").fingerprint == dataset.fingerprint
    assert (polish.listed, len(polish.fetched)) == ([], 4)
    assert (no_data / "data" / "beir-pl" / "scifact" / "hub.json").exists()


def test_an_interrupted_fetch_goes_on(polish: Hub, no_data: Path) -> None:
    """What was fetched stays; the same call fetches the rest."""
    whole = polish.repositories["mteb/SciFact-PL"]
    data = f"data/test{ONE}"
    source = get_source("beir-pl/scifact")
    polish.repositories["mteb/SciFact-PL"] = {path: body for path, body in whole.items() if path != data}
    with pytest.raises(DatasetError, match=r"SciFact-PL at d970\w+ holds no qrels of beir-pl/scifact \(pl, test\)"):
        load_dataset("beir-pl/scifact")
    assert polish.fetched == []
    polish.repositories["mteb/SciFact-PL"] = whole
    root = no_data / "data" / "beir-pl" / "scifact"
    (root / "corpus").mkdir(parents=True)
    (root / "corpus" / "test-00000-of-00002.parquet").write_bytes(whole["corpus/test-00000-of-00002.parquet"])
    missing = source.missing(root, ["pl"], "test")
    assert [file.path for file in missing] == ["queries", "qrels/test", "corpus/test-00001-of-00002.parquet"]
    assert load_dataset("beir-pl/scifact").qrels == EXPECTED
    assert len(polish.fetched) == 3


def test_a_damaged_file_in_the_cache_is_named(polish: Hub, no_data: Path) -> None:
    """Content that is not the published one is not read; another revision's files are not mixed with these."""
    load_dataset("beir-pl/scifact")
    root = no_data / "data" / "beir-pl" / "scifact"
    queries = root / "queries" / f"test{ONE}"
    whole = queries.read_bytes()
    queries.write_bytes(whole[:-1])
    with pytest.raises(DatasetError, match=r"queries/test.* is damaged: its sha256 is .*fetch beir-pl/scifact"):
        load_dataset("beir-pl/scifact")
    queries.write_bytes(whole)
    record = json.loads((root / "hub.json").read_text())
    (root / "hub.json").write_text(json.dumps({**record, "revision": "other"}))
    with pytest.raises(DatasetError, match="holds files of revision other, expected d970"):
        load_dataset("beir-pl/scifact")
    (root / "hub.json").write_text("{")
    with pytest.raises(DatasetError, match=r"hub\.json: cannot be read"):
        load_dataset("beir-pl/scifact")


def test_the_authors_own_repositories_are_read(polish: Hub, tmp_path: Path) -> None:
    """clarin-knext's layout as it is cloned: scifact-pl, and scifact-pl-qrels beside it; nothing is fetched."""
    import gzip

    folder = tmp_path / "clones" / "scifact-pl"
    folder.mkdir(parents=True)
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(lines(CORPUS)))
    (folder / "queries.jsonl.gz").write_bytes(gzip.compress(lines(QUERIES)))
    judged = tmp_path / "clones" / "scifact-pl-qrels"
    judged.mkdir()
    (judged / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t4983\t1\n3\t5836\t2\n3\t4983\t0\n")
    dataset = load_dataset("beir-pl/scifact", tmp_path / "clones")
    assert dataset.qrels == EXPECTED
    assert {file.pinned for file in dataset.files} == {None}
    assert load_dataset("beir-pl/scifact", folder).qrels == EXPECTED
    assert load_dataset(str(folder), languages="pl").qrels == EXPECTED
    assert polish.listed == []
    shutil.rmtree(judged)
    with pytest.raises(DatasetError, match=r"qrels/test is missing; run: beir-hybrid fetch beir-pl/scifact --data-dir"):
        load_dataset("beir-pl/scifact", tmp_path / "clones")


def test_beir_nl(hub: Hub, no_data: Path) -> None:
    """clips' layout, JSON lines throughout; judgments of a text that is not there are kept and said."""
    hub.repositories["clips/beir-nl-nfcorpus"] = {
        "corpus.jsonl": lines(CORPUS),
        "queries.jsonl": lines(QUERIES),
        "qrels/test.jsonl": lines({**QRELS, "score": [1.0, 2.0, 0.0]}),
        "qrels/dev.jsonl": lines({**QRELS, "query-id": ["99", "99", "99"], "corpus-id": ["4983", "5836", "gone"]}),
    }
    assert load_dataset("beir-nl/nfcorpus").qrels == {
        query.replace("pl-", "nl-"): {passage.replace("pl-", "nl-"): grade for passage, grade in judged.items()}
        for query, judged in EXPECTED.items()
    }
    assert sorted(path.rpartition("/")[2] for path in hub.fetched) == ["corpus.jsonl", "queries.jsonl", "test.jsonl"]
    dev = load_dataset("beir-nl/nfcorpus", split="dev")
    assert BeirView(dev.task("mono:nl")).load()[2] == {"nl-q-99": {"nl-p-4983": 1, "nl-p-5836": 2, "nl-p-gone": 0}}


def test_judgments_of_absent_passages_are_said(hub: Hub, no_data: Path) -> None:
    """One judgment of three names no passage: the message counts it."""
    judged = {**QRELS, "corpus-id": ["4983", "5836", "gone"]}
    hub.repositories["clips/beir-nl-scifact"] = {
        "corpus.jsonl": lines(CORPUS), "queries.jsonl": lines(QUERIES), "qrels/test.jsonl": lines(judged),
    }  # fmt: skip
    dataset = load_dataset("beir-nl/scifact")
    assert dataset.passed_over.startswith("1 judged passage is in no corpus (it counts as not retrieved); 1 query")


def test_miracls_hard_negatives(hub: Hub, no_data: Path, parquet: Parquet) -> None:
    """A configuration for each language and part; only the asked languages are fetched; queries are not parallel."""
    hub.repositories["mteb/MIRACLRetrievalHardNegatives"] = {
        f"{language}-{kind}/dev{ONE}": parquet(**columns)
        for language in ("sw", "yo", "zh")
        for kind, columns in (("corpus", CORPUS), ("queries", QUERIES), ("qrels", QRELS))
    }
    dataset = load_dataset("miracl-hard-negatives", languages="sw,yo")
    assert dataset.languages == ("sw", "yo")
    assert [task.name for task in dataset.tasks()] == ["mono:sw", "mono:yo"]
    assert dataset.settings == ("mono", "multi")
    assert dataset.task("multi:sw").n_passages == 4
    assert len(hub.fetched) == 6
    assert not any("zh-" in path for path in hub.fetched)
    with pytest.raises(SettingError, match="unknown language 'sv'; known: ar, "):
        load_dataset("miracl-hard-negatives", languages="sv")
    with pytest.raises(DatasetError, match="has no split 'test'; known: dev"):
        load_dataset("miracl-hard-negatives", split="test")


def test_miracl_vision_without_its_images(hub: Hub, no_data: Path, parquet: Parquet) -> None:
    """The three text files of a language, numbers as ids, null titles; images are never asked for."""
    corpus = {
        "_id": [7, 12], "title": [None, "Ukurasa"], "text": ["Mlima mrefu.", None], "image_id": ["a.jpg", "b.jpg"],
    }  # fmt: skip
    judged = {"query-id": ["12#0"], "corpus-id": [7], "score": [1]}
    hub.repositories["nvidia/miracl-vision"] = {
        "sw/corpus.parquet": parquet(**corpus),
        "sw/images.parquet": parquet(file_name=["a.jpg"], image=[b"\x89PNG"]),
        "sw/qrels.parquet": parquet(**judged),
        "sw/queries.parquet": parquet(_id=["12#0"], text=["Mlima gani?"]),
    }
    dataset = load_dataset("miracl-vision", languages="sw")
    assert dataset.split == "default"
    assert dataset.qrels == {"sw-q-12#0": {"sw-p-7": 1}}
    assert dataset.passages["sw"].full_texts() == ["Ukurasa", "Mlima mrefu."]
    assert not any("images" in path for path in hub.fetched)
    root = no_data / "data" / "miracl-vision"
    (root / "sw" / "images.parquet").write_bytes(b"never read")
    assert load_dataset("miracl-vision", languages="sw").fingerprint == dataset.fingerprint


def test_columns_that_are_not_there(hub: Hub, no_data: Path, parquet: Parquet) -> None:
    """A repository that changed its columns is answered with those it has."""
    good = {
        "sw/corpus.parquet": parquet(**CORPUS),
        "sw/queries.parquet": parquet(**QUERIES),
        "sw/qrels.parquet": parquet(**QRELS),
    }
    wrong = {
        "sw/corpus.parquet": (parquet(_id=["1"], body=["x"]), "has the columns _id, body; expected _id or docid"),
        "sw/queries.parquet": (parquet(query=["1"]), "has the columns query; expected"),
        "sw/qrels.parquet": (
            parquet(**{"query-id": ["1"], "corpus-id": ["4983"]}),
            "expected query-id, corpus-id, sco",
        ),
    }
    for path, (content, message) in wrong.items():
        shutil.rmtree(no_data / "data", ignore_errors=True)
        hub.repositories["nvidia/miracl-vision"] = {**good, path: content}
        with pytest.raises(DatasetError, match=message):
            load_dataset("miracl-vision", languages="sw")


def test_without_a_connection(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository and the folder to put its files into are named."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        DownloadError, match=r"could not download the files of mteb/FiQA-PL: no connection .*into .*beir-pl/fiqa"
    ):
        load_dataset("beir-pl/fiqa")


def test_families_on_the_command_line(polish: Hub, no_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """fetch, datasets and evaluate take family/set; the family alone is answered with its sets."""
    assert main(["fetch", "beir-pl/scifact"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["datasets", "beir-pl/scifact"]) == 0
    assert "files      complete" in capsys.readouterr().out
    assert main(["datasets", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert records["beir-pl"]["files"] == "1 of 24 sets there"
    assert list(records["beir-pl"]["sets_there"]) == ["beir-pl/scifact"]
    assert main(["fetch", "beir-pl"]) == 1
    assert "beir-pl is a family of data sets; name one, as beir-pl/arguana; known: " in capsys.readouterr().err
