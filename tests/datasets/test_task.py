"""Tasks: what BEIR gets from them, in memory and through a folder."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, Passages, Queries, evaluate, load_dataset
from beir_hybrid.datasets import load_beir_folder
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import BeirHybridError, DatasetError, SettingError
from tests.systems_made import letters

# German and English are parallel; the second English question was not translated
PASSAGES = {
    "de": Passages("de", ["de-p-1", "de-p-2"], ["Der Fuchs ist rot.", 'Das "Meer"\tist\ntief.'], ["Fuchs", ""]),
    "en": Passages("en", ["en-p-1", "en-p-2", "en-p-3"], ["The fox is red.", "The sea is deep.", "The fox is red."]),
}
QUERIES = {
    "de": Queries("de", ["de-q-1"], ["Welche Farbe?"], ["colour"]),
    "en": Queries("en", ["en-q-1", "en-q-2"], ["Which colour?", "How deep?"], ["colour", "depth"]),
}
QRELS = {
    "de-q-1": {"de-p-1": 1, "en-p-1": 1, "en-p-3": 0},
    "en-q-1": {"de-p-1": 1, "en-p-1": 2},
    "en-q-2": {"en-p-2": 1},
}


def tiny(**changes: Any) -> Dataset:
    return Dataset(
        **{"name": "tiny", "split": "test", "passages": PASSAGES, "queries": QUERIES, "qrels": QRELS, **changes}
    )


def test_a_task_hands_out_what_beir_works_on() -> None:
    """Corpus with titles (empty, never missing), queries and graded qrels of exactly one setting."""
    corpus, queries, qrels = BeirView(tiny().task("cross", "de", "en")).load()
    assert corpus == {
        "en-p-1": {"title": "", "text": "The fox is red."},
        "en-p-2": {"title": "", "text": "The sea is deep."},
        "en-p-3": {"title": "", "text": "The fox is red."},
    }
    assert queries == {"de-q-1": "Welche Farbe?"}
    assert qrels == {"de-q-1": {"en-p-1": 1, "en-p-3": 0}}


def test_the_pool_holds_all_languages_and_all_answers() -> None:
    """The multilingual task searches every language's passages; each parallel answer is relevant."""
    corpus, queries, qrels = BeirView(tiny().task("multi:en")).load()
    assert list(corpus) == ["de-p-1", "de-p-2", "en-p-1", "en-p-2", "en-p-3"]
    assert corpus["de-p-1"]["title"] == "Fuchs"
    assert set(queries) == {"en-q-1", "en-q-2"}
    assert qrels["en-q-1"] == {"de-p-1": 1, "en-p-1": 2}


def test_cross_asks_only_what_has_an_answer_there() -> None:
    """The untranslated question is not asked of the German passages; a judged negative is no answer."""
    dataset = tiny()
    assert dataset.task("cross:en-de").query_ids == ["en-q-1"]
    negatives_only = tiny(qrels={**QRELS, "de-q-1": {"de-p-1": 1, "en-p-3": 0}})
    assert [task.name for task in negatives_only.tasks("cross")] == ["cross:en-de"]


def test_what_beir_changes_stays_its_own() -> None:
    """BEIR mutates what it is given; the next load() and the data set are as before."""
    dataset = tiny()
    task = dataset.task("multi", "de")
    first = BeirView(task).load()
    for mapping in first:
        mapping.clear()
    corpus, _, qrels = BeirView(task).load()
    qrels["de-q-1"]["de-p-2"] = 9
    corpus["de-p-1"]["text"] = ""
    assert BeirView(task).load()[2] == {"de-q-1": {"de-p-1": 1, "en-p-1": 1, "en-p-3": 0}}
    assert BeirView(task).load()[0]["de-p-1"]["text"] == "Der Fuchs ist rot."
    assert QRELS["de-q-1"] == {"de-p-1": 1, "en-p-1": 1, "en-p-3": 0}


def test_load_takes_beirs_split_argument() -> None:
    """As BEIR's loader a task takes the split's name, and refuses one it does not hold."""
    task = tiny().task("mono:de")
    assert BeirView(task).load(split="test") == BeirView(task).load()
    with pytest.raises(DatasetError, match="holds split 'test', not 'dev'; load the data set with split='dev'"):
        BeirView(task).load("dev")


@pytest.mark.parametrize("name", ["mono:en", "cross:de-en", "multi:de"])
def test_beirs_loader_reads_an_exported_task_back(name: str, tmp_path: Path) -> None:
    """The exported folder gives BEIR's GenericDataLoader exactly what load() hands out, control characters and all."""
    from beir.datasets.data_loader import GenericDataLoader

    task = tiny().task(name)
    folder = BeirView(task).export(tmp_path / "deep" / "folder")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) == [
        "corpus.jsonl", "qrels", "qrels/test.tsv", "queries.jsonl",
    ]  # fmt: skip
    assert GenericDataLoader(str(folder)).load(split="test") == BeirView(task).load()
    assert list((tmp_path / "deep").iterdir()) == [folder]


def test_the_sample_survives_the_round_trip(tmp_path: Path) -> None:
    """Every setting of the embedded sample comes back from a BEIR folder as it was."""
    from beir.datasets.data_loader import GenericDataLoader

    for task in load_dataset("sample", languages="ar,th,zh").tasks():
        folder = BeirView(task).export(tmp_path / task.name.replace(":", "-"))
        assert GenericDataLoader(str(folder)).load("test") == BeirView(task).load()


def test_what_is_exported_is_measured_as_it_was(tmp_path: Path) -> None:
    """A pool that is read back is a pool: its languages are known, and a bias that was there is there again."""
    dataset = load_dataset("sample", languages="de,en,th")
    before = evaluate(dataset, letters(32))
    for setting, passages, metric in (("multi", None, "rank_distance"), ("cross", "th", "map")):
        folder = BeirView(dataset.task(setting, "de", passages)).export(tmp_path / setting)
        after = evaluate(load_dataset(folder), letters(32), settings=setting)
        assert after.value(setting, metric) == pytest.approx(before.value(setting, metric, "de", passages))


@pytest.mark.data
def test_xquad_r_survives_the_round_trip(data_dir: Path, tmp_path: Path) -> None:
    """Real texts in two scripts come back from a BEIR folder as they were."""
    from beir.datasets.data_loader import GenericDataLoader

    dataset = load_dataset("xquad-r", data_dir, languages="tr,zh")
    for name in ("mono:tr", "cross:zh-tr", "multi:zh"):
        task = dataset.task(name)
        folder = BeirView(task).export(tmp_path / name.replace(":", "-"))
        assert GenericDataLoader(str(folder)).load("test") == BeirView(task).load()


def test_export_refuses_a_folder_with_content(tmp_path: Path) -> None:
    """What is in the way is not overwritten; an empty folder is not in the way."""
    task = tiny().task("mono:de")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BeirHybridError, match="not an empty folder"):
        BeirView(task).export(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert (BeirView(task).export(tmp_path / "empty") / "corpus.jsonl").exists()


class LetterModel:
    """Embeds a text as its letter counts, with the two methods BEIR asks of a model."""

    def encode_queries(self, queries: list[str], batch_size: int, **_: Any) -> np.ndarray:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.lower().count(letter) for letter in letters] for text in queries], dtype=np.float32)

    def encode_corpus(self, corpus: list[dict[str, str]], batch_size: int, **_: Any) -> np.ndarray:
        return self.encode_queries([f"{one['title']} {one['text']}".strip() for one in corpus], batch_size)


@pytest.mark.slow
def test_beir_evaluates_a_task_unchanged() -> None:
    """EvaluateRetrieval over DenseRetrievalExactSearch runs on load(), and drops no pair because of equal ids."""
    from beir.retrieval.evaluation import EvaluateRetrieval
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    task = load_dataset("sample", languages="de,en,es").task("multi:de")
    corpus, queries, qrels = BeirView(task).load()
    # the model alone, without BEIR
    model = LetterModel()
    a, b = model.encode_queries(list(queries.values()), 8), model.encode_corpus(list(corpus.values()), 8)
    scores = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    top = {query: list(corpus)[int(row.argmax())] for query, row in zip(queries, scores, strict=True)}

    host = EvaluateRetrieval(DenseRetrievalExactSearch(model, batch_size=16), k_values=[1, 10])
    results = host.retrieve(corpus, queries)
    assert {query: max(ranked, key=ranked.__getitem__) for query, ranked in results.items()} == top
    ndcg, *_ = host.evaluate(qrels, results, [1, 10])
    expected = sum(top[query] in qrels[query] for query in queries) / len(queries)
    assert math.isclose(ndcg["NDCG@1"], expected, abs_tol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qrels": {"de-q-1": {"de-p-9": 1}}}, "none of the 1 judged passages is in a corpus; the first is 'de-p-9'"),
        ({"queries": {"de": Queries("de", ["de-p-1"], ["?"])}}, "'de-p-1' is used twice"),
        ({"queries": {}}, "tiny has no queries in de, en; add a language in which it has queries"),
        ({"passages": {"de": Passages("de", [], [])}}, "tiny has no passages in de, en; add a language"),
    ],
)
def test_a_data_set_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    """Unknown ids in the qrels and ids used twice surface when a data set is made, not in a score."""
    with pytest.raises(DatasetError, match=re.escape(message)):
        tiny(**changes)


@pytest.mark.parametrize(
    ("passages", "queries"),
    [
        ({"pt": ["pt-br-1", "pt-p-1"], "pt-br": ["pt-br-1"]}, {"pt": ["pt-q-1"], "pt-br": ["pt-br-q-1"]}),
        ({"pt": ["pt-p-1"], "pt-br": ["pt-br-1"]}, {"pt": ["pt-br-1"], "pt-br": ["pt-br-q-1"]}),
        ({"pt": ["pt-br-1"], "pt-br": ["pt-br-p-1"]}, {"pt": ["pt-q-1"], "pt-br": ["pt-br-1"]}),
        ({"pt": ["pt-p-1"], "pt-br": ["pt-br-p-1"]}, {"pt": ["pt-br-1"], "pt-br": ["pt-br-1"]}),
    ],
)
def test_codes_that_begin_alike_do_not_hide_repeats(
    passages: dict[str, list[str]], queries: dict[str, list[str]]
) -> None:
    """An id that two languages could both own (pt, pt-br) is found wherever it is used again."""
    with pytest.raises(DatasetError, match="'pt-br-1' is used twice"):
        tiny(
            passages={language: Passages(language, ids, ["?"] * len(ids)) for language, ids in passages.items()},
            queries={language: Queries(language, ids, ["?"] * len(ids)) for language, ids in queries.items()},
            qrels={},
        )


@pytest.mark.parametrize(
    ("ids", "texts", "message"),
    [
        (["de-1", "de-1"], ["a", "b"], "'de-1' of language 'de' appears twice"),
        (["de-2", "de-1"], ["a", "b"], "'de-2' of language 'de' comes before 'de-1'"),
        (["en-1"], ["a"], "'en-1' does not carry its language"),
        (["de-1"], ["a", "b"], "passages in language 'de' are 1 and 2"),
    ],
)
def test_ids_must_be_unique_ordered_and_named_after_the_language(
    ids: list[str], texts: list[str], message: str
) -> None:
    """Ties are broken by position, so positions must order as ids do; the language is read off the id."""
    with pytest.raises(DatasetError, match=message):
        Passages("de", ids, texts)


def test_queries_need_a_text_each() -> None:
    """A query column of another length is refused."""
    with pytest.raises(DatasetError, match="queries in language 'de' are 2, 1, 2 and 2"):
        Queries("de", ["de-q-1", "de-q-2"], ["?"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mono", "fr"), "unknown language 'fr'; known: de, en"),
        (("cross", "de"), "needs two languages"),
        (("cross", "de", "de"), "needs two languages"),
        (("mono", "de", "en"), "use cross:de-en"),
        (("crosss", "de", "en"), "unknown setting 'crosss'; did you mean 'cross'"),
        (("multi:fr",), "unknown language 'fr'"),
    ],
)
def test_tasks_that_do_not_exist(arguments: tuple[str, ...], message: str) -> None:
    """A task that cannot be made says why, with the closest name."""
    with pytest.raises(SettingError, match=re.escape(message)):
        tiny().task(*arguments)


def test_one_language_has_one_setting() -> None:
    """With one language there is no cross-lingual and no multilingual setting; asking for them is refused."""
    alone = tiny(
        passages={"en": PASSAGES["en"]},
        queries={"en": QUERIES["en"]},
        qrels={"en-q-1": {"en-p-1": 2}, "en-q-2": {"en-p-2": 1}},
    )
    assert alone.settings == ("mono",)
    assert [task.name for task in alone.tasks()] == ["mono:en"]
    with pytest.raises(SettingError, match="passages in one language only, so 'multi' does not exist; it has: mono"):
        alone.tasks("multi")


def test_the_fingerprint_is_that_of_the_content() -> None:
    """Equal content has an equal fingerprint; any text, judgment or split changes it."""
    assert tiny().fingerprint == tiny().fingerprint
    others = [
        tiny(split="dev"),
        tiny(qrels={**QRELS, "en-q-2": {"en-p-2": 2}}),
        tiny(queries={**QUERIES, "de": Queries("de", ["de-q-1"], ["Welche Farbe"], ["colour"])}),
        tiny(passages={**PASSAGES, "de": Passages("de", PASSAGES["de"].ids, PASSAGES["de"].texts)}),
    ]
    assert len({tiny().fingerprint, *(other.fingerprint for other in others)}) == 5


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        ({"de-p": 0.5}, "the grade of passage 'de-p' for query 'de-q' is 0.5; expected a whole number"),
        ({"de-p": float("nan")}, "is nan; expected a whole number"),
        ({"de-p": None}, "is None; expected a whole number"),
        ({"de-p": 2**31}, "is 2147483648; expected a whole number"),
        (["de-p"], r"the judgments of query 'de-q' are \['de-p'\]; expected {passage: grade}"),
    ],
)
def test_grades_from_python_are_whole_numbers(judged: Any, message: str) -> None:
    """As in files: 1.0 is 1, and 0.5 is refused rather than cut to 0."""
    passages, queries = {"de": Passages("de", ["de-p"], ["x"])}, {"de": Queries("de", ["de-q"], ["x"])}
    known = [Dataset("x", "test", passages, queries, {"de-q": {"de-p": two}}) for two in (2, 2.0, "2", np.int8(2))]
    assert all(each.task("mono:de").judged.grade.tolist() == [2] for each in known)
    assert len({each.fingerprint for each in known}) == 1
    with pytest.raises(DatasetError, match=message):
        Dataset("x", "test", passages, queries, {"de-q": judged})


def test_what_is_put_together_wrongly_is_named() -> None:
    """Judgments in no mapping, and a block under another language than its own."""
    passages, queries = {"de": Passages("de", ["de-p"], ["x"])}, {"de": Queries("de", ["de-q"], ["x"])}
    with pytest.raises(DatasetError, match=r"the judgments are a list; expected {query: {passage: grade}}"):
        Dataset("x", "test", passages, queries, [("de-q", "de-p", 1)])  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="x has Passages of 'de' as 'en'"):
        Dataset("x", "test", {"en": passages["de"]}, queries, {"de-q": {"de-p": 1}})


def test_ids_with_quotes_go_through_a_folder(tmp_path: Path) -> None:
    """BEIR reads judgments as csv: an id that holds quotes is the same there, and here again."""
    from beir.datasets.data_loader import GenericDataLoader

    passages, queries = {"de": Passages("de", ['de-"p" x'], ["x"])}, {"de": Queries("de", ["de-q"], ["x"])}
    dataset = Dataset("x", "test", passages, queries, {"de-q": {'de-"p" x': 1}})
    folder = BeirView(dataset.task("mono:de")).export(tmp_path / "x")
    assert GenericDataLoader(str(folder)).load("test")[2] == {"de-q": {'de-"p" x': 1}}
    assert load_beir_folder(folder, "de").qrels == {"de-q-de-q": {'de-p-de-"p" x': 1}}
