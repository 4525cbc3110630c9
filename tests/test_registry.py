"""Names of data sets, retrievers and encoders: built-in and third-party ones through the same door."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import beir_hybrid
from beir_hybrid import list_datasets, load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets import get_source
from beir_hybrid.encoders import list_encoders
from beir_hybrid.errors import BeirHybridError, DatasetError, RetrieverError
from beir_hybrid.registry import DATASETS, ENCODERS, RETRIEVERS, registered, resolve
from beir_hybrid.retrieval.recognise import build_retriever

Install = Callable[..., None]

DATASET_CODE = """
from beir_hybrid import Dataset, Passages, Queries
from beir_hybrid.records import Licence

class Source:
    name = "colours"
    summary = "one question in two languages"
    languages = ("de", "en")
    splits = ("test",)
    licence = Licence("CC0-1.0")

    def load(self, data_dir, languages, split, *, loud=False):
        text = {"de": "Rot ist eine Farbe.", "en": "Red is a colour."}
        ask = {"de": "Was ist rot?", "en": "What is red?"}
        return Dataset(
            self.name,
            split,
            {code: Passages(code, [f"{code}-p"], [text[code].upper() if loud else text[code]]) for code in languages},
            {code: Queries(code, [f"{code}-q"], [ask[code]], ["red"]) for code in languages},
            {f"{code}-q": {f"{other}-p": 1 for other in languages} for code in languages},
        )

source = Source()
"""
RETRIEVER_CODE = """
import numpy as np
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.records import Hits

class First:
    name = "first"

    def __init__(self, *, reverse=False):
        self.reverse = reverse

    def describe(self):
        return {"type": "first", "reverse": self.reverse}

    def retrieve(self, tasks, top_k=None):
        for task in tasks:
            n, m = len(task.rows), task.n_passages
            order = np.arange(m) if self.reverse else -np.arange(m)
            query, passage = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
            yield Ranking.of_hits(task, Hits.sorted(n, query, passage, np.tile(order, n)))
"""
ENCODER_CODE = """
import numpy as np

def encode(texts):
    return np.array([[1 + text.count(letter) for letter in "abcdefgh"] for text in texts], np.float32)

def letters():
    return encode, {"weights": "counts of letters"}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with entry points and one module on the path, as pip would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def installed(name: str, group: str, entry: str, code: str = "") -> None:
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
        module = entry.partition("=")[2].partition(":")[0].strip()
        if code:
            (site / f"{module}.py").write_text(code)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return installed


def test_built_ins_are_registered() -> None:
    """The package's own data sets and retrievers are entry points like any other."""
    assert list_datasets() == [
        "afriqa", "beir", "beir-nl", "beir-pl", "belebele", "ciral", "ir", "miracl", "miracl-hard-negatives",
        "miracl-vision", "mkqa", "mlqa-r", "mr-tydi", "mteb", "sample", "xm3600", "xquad-r",
    ]  # fmt: skip
    assert list(registered(RETRIEVERS)) == ["bm25", "dense", "late-interaction", "rerank", "run", "sparse"]
    for name in list_datasets():
        assert get_source(name).name == name


def test_a_typo_gets_the_closest_name() -> None:
    """Unknown names are answered with the closest known one and the list."""
    with pytest.raises(DatasetError, match="unknown dataset 'XQuAD'; did you mean 'xquad-r'"):
        load_dataset("XQuAD")
    with pytest.raises(
        RetrieverError, match=r"unknown retriever 'bm52'; did you mean 'bm25'.*known: bm25, dense, late-int"
    ):
        build_retriever("bm52")
    with pytest.raises(DatasetError, match="unknown dataset 'squash'"):
        load_dataset("squash")


def test_a_third_party_data_set(install: Install) -> None:
    """Another package's data set is listed, loaded and asked like a built-in one, options included."""
    install("colour-data", DATASETS, "colours = colour_data:source", DATASET_CODE)
    assert "colours" in list_datasets()
    dataset = load_dataset("colours", languages="en,de", loud=True)
    assert [task.name for task in dataset.tasks()] == [
        "mono:de", "mono:en", "cross:de-en", "cross:en-de", "multi:de", "multi:en",
    ]  # fmt: skip
    assert dataset.passages["en"].texts == ["RED IS A COLOUR."]
    with pytest.raises(DatasetError, match="colours has no option 'lowd'; did you mean 'loud'"):
        load_dataset("colours", lowd=True)
    with pytest.raises(BeirHybridError, match="unknown language 'fr'"):
        load_dataset("colours", languages="fr")
    with pytest.raises(DatasetError, match="colours has no split 'tests'; did you mean 'test'"):
        load_dataset("colours", split="tests")


def test_a_third_party_retriever(install: Install) -> None:
    """Another package's retriever is built by name and evaluated; refused options name it."""
    install("colour-data", DATASETS, "colours = colour_data:source", DATASET_CODE)
    install("first-retriever", RETRIEVERS, "first = first_retriever:First", RETRIEVER_CODE)
    assert "first" in registered(RETRIEVERS)
    for reverse, expected in ((False, 1.0), (True, 0.5)):
        results = beir_hybrid.evaluate("colours", build_retriever("first", reverse=reverse), metrics="mrr")
        assert results.value("multi", "mrr") == 1.0
        assert results.matrix["de"]["de"] == expected
        assert results.retriever == {"type": "first", "reverse": reverse}
    with pytest.raises(RetrieverError, match="retriever 'first' has no option 'speed'; known: reverse"):
        build_retriever("first", speed=2)


def test_a_third_party_encoder(install: Install) -> None:
    """Another package's encoder is a model by name, and its record stands in the results."""
    install("colour-data", DATASETS, "colours = colour_data:source", DATASET_CODE)
    install("letters-encoder", ENCODERS, "letters = letters_encoder:letters", ENCODER_CODE)
    assert list_encoders() == ["e5-small", "letters", "mteb"]
    results = beir_hybrid.evaluate("colours", build_retriever("dense", "letters"), metrics="mrr")
    assert (results.name, results.retriever["model"]) == ("letters", "letters")
    assert results.retriever["encoder"] == {"weights": "counts of letters"}
    with pytest.raises(
        RetrieverError, match=r"could not load the model 'leters'.*did you mean 'letters'.*e5-small, lett"
    ):
        build_retriever("dense", "leters")
    install("other-letters", ENCODERS, "letters = other_letters:letters")
    with pytest.raises(BeirHybridError, match=r"'letters' is registered twice .*by letters-encoder .*by other-letters"):
        build_retriever("dense", "letters")


def test_a_name_registered_twice_is_refused(install: Install) -> None:
    """Which of two packages would win depends on the path: both are named instead."""
    install("colour-data", DATASETS, "colours = colour_data:source")
    install("other-colours", DATASETS, "colours = other_colours:source")
    with pytest.raises(BeirHybridError, match="'colours' is registered twice") as caught:
        load_dataset("colours")
    assert "colour-data (colour_data:source)" in str(caught.value)
    assert "other-colours (other_colours:source)" in str(caught.value)


def test_the_same_metadata_twice_is_one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable install can put one distribution on the path twice; that is no conflict."""
    entry = EntryPoint("colours", "colour_data:source", DATASETS)
    monkeypatch.setattr("beir_hybrid.registry.entry_points", lambda group: [entry, entry])
    assert registered(DATASETS) == {"colours": entry}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import not_installed", "ModuleNotFoundError: No module named 'not_installed'"),
        ("source_ = 1", "AttributeError: .*has no attribute 'source'"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no GPU')", "RuntimeError: no GPU"),
    ],
)
def test_a_provider_that_cannot_be_imported_is_named(install: Install, code: str, reason: str) -> None:
    """Whatever another package's module does on import, the error names the package."""
    install("broken-data", DATASETS, "broken = broken_data:source", code)
    with pytest.raises(
        DatasetError, match=rf"'broken' cannot be loaded from broken-data \(broken_data:source\): {reason}"
    ):
        resolve(DATASETS, "broken", DatasetError)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("text = {", "raise RuntimeError('no disk\\nat all'); text = {", "failed to load: RuntimeError: no disk$"),
        (
            "text = {",
            "return None; text = {",
            "failed to load: TypeError: load gave None; expected a beir_hybrid.Dataset",
        ),
        ("languages = (", "languages = property(lambda self: 1 // 0); _ = (", "failed to load: ZeroDivisionError: "),
        ('splits = ("test",)', "splits = ()", "has no split; expected an object as"),
        ("licence = Licence(", "licence = str(", "has no Licence; expected an object as"),
        ("splits =", "_splits =", r"has no splits; expected an object as .*Source describes it"),
        (
            "source = Source()",
            "source = 3",
            "has no name, summary, languages, splits, licence, load; expected an object",
        ),
    ],
)
def test_a_source_that_fails_is_named(
    install: Install, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever part of another package's source raises or lacks, one line names the package; the others are listed."""
    install("colour-data", DATASETS, "colours = colour_data:source", DATASET_CODE.replace(old, new))
    with pytest.raises(DatasetError, match=rf"^'colours' of colour-data \(colour_data:source\) {message}"):
        load_dataset("colours")
    assert main(["datasets"]) == 0
    assert "xquad-r" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["fetch", "convert", "datasets"])
def test_files_that_another_package_cannot_name_are_its_fault(
    install: Install, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a source of files raises when it is asked for them is one line, and hides no other data set."""
    code = """
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.records import Licence

class Source(FileSource):
    name, summary, languages, splits, licence = "papers", "papers", ("de",), ("test",), Licence()
    corpus = remote_files = lambda self, *_, **__: 1 // 0
    read = None

source = Source()
"""
    install("paper-data", DATASETS, "papers = paper_data:source", code)
    assert main([command, "papers"]) == 1
    err = capsys.readouterr().err
    assert "'papers' of paper-data (paper_data:source) failed to load: ZeroDivisionError: " in err
    assert "Traceback" not in err
    assert main(["datasets"]) == 0
    assert "xquad-r" in capsys.readouterr().out
