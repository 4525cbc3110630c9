"""Collections of ir_datasets: read through its own classes, one or several at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from beir_hybrid import evaluate, load_dataset
from beir_hybrid.errors import DatasetError
from beir_hybrid.hosts.joined import Subset, Texts, joined
from beir_hybrid.records import Licence
from tests.systems_made import letters

ir_datasets = pytest.importorskip("ir_datasets")
from ir_datasets.datasets.base import Dataset as Collection  # noqa: E402
from ir_datasets.formats import BaseDocs, BaseQrels, BaseQueries, TrecQrel  # noqa: E402


class Doc(NamedTuple):
    doc_id: str
    title: str
    text: str

    def default_text(self) -> str:
        return f"{self.title} {self.text}"


class Topic(NamedTuple):
    query_id: str
    title: str
    narrative: str

    def default_text(self) -> str:
        return self.narrative


class _Docs(BaseDocs):  # type: ignore[misc]
    def __init__(self, docs: dict[str, str], lang: str | None) -> None:
        self.docs, self.lang = docs, lang

    def docs_iter(self) -> Iterator[Doc]:
        return iter([Doc(key, f"title of {key}", text) for key, text in self.docs.items()])

    def docs_cls(self) -> Any:
        return Doc

    def docs_lang(self) -> str | None:
        return self.lang


class _Queries(BaseQueries):  # type: ignore[misc]
    def __init__(self, queries: dict[str, str], lang: str | None) -> None:
        self.queries, self.lang = queries, lang

    def queries_iter(self) -> Iterator[Topic]:
        return iter([Topic(key, text, "a long story") for key, text in self.queries.items()])

    def queries_cls(self) -> Any:
        return Topic

    def queries_lang(self) -> str | None:
        return self.lang


class _Qrels(BaseQrels):  # type: ignore[misc]
    def __init__(self, qrels: dict[tuple[str, str], int]) -> None:
        self.qrels = qrels

    def qrels_iter(self) -> Iterator[TrecQrel]:
        return iter([TrecQrel(query, doc, grade, "0") for (query, doc), grade in self.qrels.items()])

    def qrels_cls(self) -> Any:
        return TrecQrel

    def qrels_defs(self) -> dict[int, str]:
        return {}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Collections that ir_datasets knows from now on."""

    def made(name: str, docs: dict[str, str], queries: dict[str, str], qrels: dict[tuple[str, str], int],
             lang: str | None = None, asked: str | None = None) -> None:  # fmt: skip
        parts = (_Docs(docs, lang), _Queries(queries, asked), _Qrels(qrels))
        monkeypatch.setitem(ir_datasets.registry._registered, name, Collection(*parts))

    return made


def neuclir(known: Any) -> str:
    """English topics, graded judgments, two languages of news: the shape of NeuCLIR."""
    topics = {"1": "sea", "2": "bread"}
    known("made/fa", {"f1": "دریا", "f2": "نان"}, topics, {("1", "f1"): 3, ("1", "f2"): 0, ("2", "f2"): 1}, "fa", None)
    known("made/ru", {"r1": "море", "r2": "хлеб"}, topics, {("1", "r1"): 1, ("2", "r1"): -1}, "ru", None)
    return "ir/made/fa+made/ru"


def test_several_collections_make_a_multilingual_pool(known: Any) -> None:
    """Equal topics are one query, asked in both languages; grades stay, and below 0 is not relevant."""
    name = neuclir(known)
    found = load_dataset(name, query_language="en")
    assert [task.name for task in found.tasks()] == ["cross:en-fa", "cross:en-ru", "multi:en"]
    assert found.queries["en"].texts == ["sea", "bread"]
    assert found.passages["fa"].titles == ["title of f1", "title of f2"]
    assert found.qrels == {
        "en-q-1": {"fa-p-f1": 3, "fa-p-f2": 0, "ru-p-r1": 1}, "en-q-2": {"fa-p-f2": 1, "ru-p-r1": -1},
    }  # fmt: skip
    assert found.options == {"query_language": "en"}
    assert load_dataset(name, query_language="eng").query_languages == ("en",)
    results = evaluate(found, letters(16), metrics="ndcg@10")
    assert {(score.setting, score.queries) for score in results.scores} == {("cross", 2), ("cross", 1), ("multi", 2)}


def test_translations_share_their_ids(known: Any) -> None:
    """As in mMARCO: with parallel, an answer in every language."""
    known("made/de", {"d": "Meer"}, {"1": "was?"}, {("1", "d"): 1}, "de", "de")
    known("made/it", {"d": "mare"}, {"1": "che?"}, {("1", "d"): 1}, "it", "it")
    apart, told = (load_dataset("ir/made/de+made/it", parallel=each) for each in (False, True))
    assert apart.qrels["de-q-1"] == {"de-p-d": 1}
    assert told.qrels["de-q-1"] == {"de-p-d": 1, "it-p-d": 1}
    assert told.queries["de"].groups == told.queries["it"].groups == ["1"]


def test_what_ir_datasets_cannot_give_is_one_line(known: Any, tmp_path: Path) -> None:
    name = neuclir(known)
    known("made/mute", {"a": "x"}, {"1": "y"}, {("1", "a"): 1})

    def fails() -> Any:
        raise OSError("no network\nat all")

    known("made/gone", {"a": "x"}, {"1": "y"}, {("1", "a"): 1}, "de", "de")
    ir_datasets.load("made/gone")._constituents[0].docs_iter = fails
    for asked, said in {
        "ir/mmarco/v2/de/dve": "no collection 'mmarco/v2/de/dve'; did you mean 'mmarco/v2/de/dev'",
        "ir/mmarco/v2/de": "ir_datasets' mmarco/v2/de has no queries and no qrels; name a part",
        name: "does not say in which language the queries of made/fa are; give --dataset-option query_language=CODE",
        "ir/made/mute": "in which language the queries|passages of made/mute",
        "ir/made/gone": r"could not load made/gone \(OSError: no network\); .*IR_DATASETS_HOME.* once with a network",
        "ir": "ir is a family of data sets; name one, as ir/mmarco/v2/de/dev",
    }.items():
        with pytest.raises(DatasetError, match=said):
            load_dataset(asked)
    with pytest.raises(DatasetError, match="leave --data-dir out"):
        load_dataset(name, tmp_path, query_language="en")
    known("made/twice", {"a": "x"}, {"1": "y"}, {("1", "a"): 1}, "de", "de")
    twice = [TrecQrel("1", "a", grade, "0") for grade in (1, 2)]
    ir_datasets.load("made/twice")._constituents[2].qrels_iter = lambda: iter(twice)
    with pytest.raises(DatasetError, match="made/twice: document 'a' is judged 2 for query '1', and 1 before"):
        load_dataset("ir/made/twice")


def test_a_collection_goes_by_the_rules_of_every_data_set() -> None:
    """A query that is a passage does not find itself; judged queries that are absent and unjudged ones are counted."""
    passages = {"1": ("Cats", "They purr."), "2": ("", "Dogs bark."), "3": ("", "Fish swim.")}
    queries = {"1": "Cats They purr.", "2": "Who barks?", "9": "Nobody asks."}
    judged = {"1": {"2": 1}, "2": {"2": 1}, "absent": {"1": 1}}
    subsets = [Subset("a", "en", "en", Texts(queries, passages, judged))]
    made = joined("x", subsets, "test", Licence(), False, {})
    assert made.own_passages == {"en-q-1": "en-p-1"}
    assert made.passed_over == (
        "1 judged query is not there (passed over); 1 query has no judgment (not asked); "
        "1 query is a passage itself (no candidate for itself)"
    )
    run = {"en-q-1": {"en-p-1": 2.0, "en-p-2": 1.0}, "en-q-2": {"en-p-2": 1.0}}
    assert evaluate(made, run, metrics="mrr").value("mono", "mrr") == 1.0


def test_whether_queries_are_passages_can_be_told(known: Any) -> None:
    """By the id and the text; ``own_passages``: by the id alone, as BEIR, or never."""
    known("made/own", {"1": "cats", "2": "dogs"}, {"1": "cats", "2": "who barks?"}, {("1", "2"): 1, ("2", "1"): 1},
          "en", "en")  # fmt: skip
    found = {told: load_dataset("ir/made/own", own_passages=told) for told in (None, True, False)}
    assert [each.own_passages for each in found.values()] == [
        {"en-q-1": "en-p-1"}, {"en-q-1": "en-p-1", "en-q-2": "en-p-2"}, {},
    ]  # fmt: skip
    assert [each.options for each in found.values()] == [{}, {"own_passages": True}, {"own_passages": False}]
