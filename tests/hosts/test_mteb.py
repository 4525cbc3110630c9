"""mteb both ways: our tasks in its stock evaluation, its tasks and models in ours, results in its form."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import DenseRetriever, evaluate, load_dataset, mteb_tasks
from beir_hybrid.errors import DatasetError, RetrieverError
from beir_hybrid.hosts import mteb_data, mteb_models
from beir_hybrid.hosts.codes import long_code, short_codes
from beir_hybrid.hosts.mteb_models import mteb_model, unused_prompts
from beir_hybrid.hosts.mteb_results import to_mteb
from beir_hybrid.languages import language_code
from tests.systems_made import letters

# imported where it is used: it takes three seconds of every collection
pytestmark = [
    pytest.mark.skipif(find_spec("mteb") is None, reason="needs the mteb extra"),
    pytest.mark.slow,  # importing mteb takes longer than most tests
]


class Letters:
    """An encoder of mteb's protocol: bags of letter pairs, with another vector for what asks."""

    def __init__(self) -> None:
        import mteb

        self.retriever = letters(64)
        self.asked: list[str] = []
        self.mteb_model_meta = mteb.get_model_meta("mteb/baseline-random-encoder")

    def encode(self, inputs: Any, *, prompt_type: Any = None, **_: Any) -> np.ndarray:
        texts = [text for batch in inputs for text in batch["text"]]
        self.asked.append(prompt_type.value)
        rows = self.retriever.embed("query", texts)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def similarity(self, a: Any, b: Any) -> Any:
        import torch

        return torch.as_tensor(a) @ torch.as_tensor(b).T

    similarity_pairwise = similarity


def test_mtebs_own_evaluation_gives_our_numbers(tmp_path: Path) -> None:
    """nDCG@10 and mAP of every subset of every setting, to five digits, and the same names of subsets and languages."""
    import mteb

    options = {"languages": "de,en,zh"}
    tasks = mteb_tasks("sample", **options)
    assert [task.metadata.name for task in tasks] == ["sample-mono", "sample-cross", "sample-multi"]
    assert all(task.ignore_identical_ids for task in tasks)  # a query that is a passage has its id
    theirs = mteb.evaluate(Letters(), tasks, cache=None, show_progress_bar=False)
    ours = to_mteb(evaluate("sample", letters(64), **options), tmp_path)
    compared = 0
    for stock, made in zip(theirs.task_results, ours, strict=True):
        mine = {each["hf_subset"]: each for each in made.scores["test"]}
        for each in stock.scores["test"]:
            found = mine.pop(each["hf_subset"])
            assert found["languages"] == each["languages"]
            assert found["ndcg_at_10"] == pytest.approx(each["ndcg_at_10"], abs=1e-5)
            assert found["map"] == pytest.approx(each["map_at_1000"], abs=1e-5)
            assert found["main_score"] == found["ndcg_at_10"]
            compared += 1
        assert mine == {}
    assert compared == 3 + 6 + 3
    written = json.loads((tmp_path / "sample-multi.json").read_text(encoding="utf-8"))
    assert mteb.results.TaskResult.from_dict(written).task_name == "sample-multi"
    bias = {each["hf_subset"]: each["rank_distance"] for each in written["scores"]["test"]}
    assert set(bias) == {"de", "en", "zh"}
    assert all(value > 2 for value in bias.values())


def task_of(subsets: dict[str, list[str]], data: dict[str, Any], name: str = "Made") -> Any:
    """A task of mteb's own class whose data are here: ``{subset: (queries, passages, judgments)}``."""
    from datasets import Dataset as Rows
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    def load_data(self: Any, **_: Any) -> None:
        assert set(self.hf_subsets) <= set(data)
        self.dataset = {
            subset: {"test": {
                "queries": Rows.from_dict({"id": [*data[subset][0]], "text": [*data[subset][0].values()]}),
                "corpus": Rows.from_dict({"id": [*data[subset][1]], "text": [*data[subset][1].values()]}),
                "relevant_docs": data[subset][2], "top_ranked": None,
            }} for subset in self.hf_subsets
        }  # fmt: skip

    metadata = TaskMetadata(
        name=name, description="made here", dataset={"path": "some/set", "revision": "1"}, type="Retrieval",
        category="t2t", modalities=["text"], eval_splits=["test"], eval_langs=subsets, main_score="ndcg_at_10",
    )  # fmt: skip
    return type(name, (AbsTaskRetrieval,), {"metadata": metadata, "load_data": load_data, "__doc__": name})()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Tasks that mteb knows from now on."""
    import mteb

    tasks: dict[str, Any] = {}
    real = mteb.get_task
    monkeypatch.setattr(mteb, "get_task", lambda name: tasks[name] if name in tasks else real(name))
    return tasks


PAIRS = {"deu-deu": ["deu-Latn", "deu-Latn"], "deu-eng": ["deu-Latn", "eng-Latn"], "zho-eng": ["zho-Hans", "eng-Latn"]}
DATA = {
    "deu-deu": ({"1": "was?"}, {"a": "das", "b": "dies"}, {"1": {"a": 1}}),
    "deu-eng": ({"1": "what?", "2": "who?"}, {"a": "das", "b": "dies"}, {"1": {"a": 1}, "2": {"b": 2, "a": 0}}),
    "zho-eng": ({"1": "what?"}, {"z": "这"}, {"1": {"z": 1}}),
}


def test_a_task_becomes_settings(known: dict[str, Any]) -> None:
    """mteb names the passages' language first; texts that several subsets share are one; grades stay."""
    known["Made"] = task_of(PAIRS, DATA)
    found = load_dataset("mteb/Made")
    assert [task.name for task in found.tasks()] == ["mono:de", "cross:en-de", "cross:en-zh", "multi:de", "multi:en"]
    assert found.queries["en"].ids == ["en-q-1", "en-q-2"]
    assert dict(zip(found.passages["de"].ids, found.passages["de"].texts, strict=True)) == {
        "de-p-a": "das", "de-p-b": "dies",
    }  # fmt: skip
    assert found.qrels["en-q-1"] == {"de-p-a": 1, "zh-p-z": 1}
    assert found.qrels["en-q-2"] == {"de-p-b": 2, "de-p-a": 0}
    assert load_dataset("mteb/Made", languages="de").languages == ("de",)


def test_parallel_passages_answer_in_every_language(known: dict[str, Any]) -> None:
    """Where equal ids are translations, the pool holds an answer in each language, and queries share a group."""
    subsets = {"de": ["deu-Latn"], "en": ["eng-Latn"]}
    data = {"de": ({"1": "was?"}, {"a": "das", "b": "x"}, {"1": {"a": 1}}),
            "en": ({"1": "what?"}, {"a": "that"}, {"1": {"a": 1}})}  # fmt: skip
    known["Made"] = task_of(subsets, data)
    known["XQuADRetrieval"] = task_of(subsets, data, "XQuADRetrieval")
    apart, told = load_dataset("mteb/Made"), load_dataset("mteb/Made", parallel=True)
    assert apart.qrels["de-q-1"] == {"de-p-a": 1}
    assert told.qrels == load_dataset("mteb/XQuADRetrieval").qrels
    assert told.qrels["de-q-1"] == {"de-p-a": 1, "en-p-a": 1}
    assert told.queries["de"].groups == told.queries["en"].groups == ["1"]
    assert told.options == {"parallel": True}


def test_ids_that_mean_several_texts_keep_their_subset(known: dict[str, Any]) -> None:
    """Numbers that begin anew in each subset never join two texts; as translations they are refused."""
    data = {**DATA, "deu-eng": ({"1": "what?"}, {"a": "etwas anderes"}, {"1": {"a": 1}})}
    known["Made"] = task_of(PAIRS, data)
    found = load_dataset("mteb/Made")
    assert found.passages["de"].ids == ["de-p-deu-deu.a", "de-p-deu-deu.b", "de-p-deu-eng.a"]
    assert found.qrels["en-q-1"] == {"de-p-deu-eng.a": 1, "zh-p-z": 1}
    with pytest.raises(DatasetError, match=r"the id 'a' means several passages in de.* parallel=false"):
        load_dataset("mteb/Made", parallel=True)


def test_subsets_that_disagree_are_refused(known: dict[str, Any]) -> None:
    """The same passage judged differently for the same query: neither grade is taken without a word."""
    subsets = {"old": ["deu-Latn"], "new": ["deu-Latn"]}
    known["Made"] = task_of(subsets, {
        name: ({"1": "was?"}, {"a": "das"}, {"1": {"a": grade}}) for name, grade in (("old", 1), ("new", 2))
    })  # fmt: skip
    with pytest.raises(DatasetError, match=r"passage 'de-p-a' is judged 2 for query 'de-q-1', and 1 in another subset"):
        load_dataset("mteb/Made")


def test_what_mteb_cannot_give_is_one_line(known: dict[str, Any], tmp_path: Path) -> None:
    known["Made"] = task_of({"all": ["deu-Latn", "eng-Latn", "zho-Hans"]}, {})
    known["Gone"] = task_of({"de": ["deu-Latn"]}, {}, "Gone")
    for name, said in {
        "mteb/Made": "mixes 3 languages .* has no language settings",
        "mteb/XQuADRetrievel": r"mteb has no task 'XQuADRetrievel'; did you mean 'XQuADRetrieval'\?$",
        "mteb/qqqqqqqqqqqq": r"mteb has no task 'qqqqqqqqqqqq'; none of the \S+ known is near it$",
        "mteb/Banking77Classification": "is no retrieval of texts .Classification, text.",
        "mteb/Gone": r"mteb could not load Gone .*looked for some/set at 1 on the hub and in the cache of datasets",
        "mteb": "mteb is a family of data sets; name one, as mteb/XQuADRetrieval",
    }.items():
        with pytest.raises(DatasetError, match=said):
            load_dataset(name)
    known["Made"] = task_of(PAIRS, DATA)
    with pytest.raises(DatasetError, match="leave --data-dir out"):
        load_dataset("mteb/Made", tmp_path)


def test_no_hub_is_waited_for(
    known: dict[str, Any], monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Where none answers its client looks into its cache at once, in place of five attempts with a line each; what
    warns meanwhile is not heard, and all is as before afterwards."""
    import datasets
    from huggingface_hub import constants

    bars = datasets.is_progress_bar_enabled()

    known["Made"] = made = task_of(PAIRS, DATA)
    seen: list[bool] = []
    load = made.load_data

    def loading(*given: Any, **options: Any) -> None:
        seen.append(constants.HF_HUB_OFFLINE and not datasets.is_progress_bar_enabled())
        warnings.warn("of a library", stacklevel=1)
        load(*given, **options)

    monkeypatch.setattr(made, "load_data", loading)
    monkeypatch.setattr(mteb_models, "hub_answers", lambda: False)
    load_dataset("mteb/Made")
    assert seen == [True]
    assert (constants.HF_HUB_OFFLINE, datasets.is_progress_bar_enabled()) == (False, bars)
    assert "of a library" not in {str(each.message) for each in recwarn}


def test_codes_of_mteb_and_ours() -> None:
    """Short where they can be, apart where they must be, and back."""
    assert short_codes(["arb-Arab", "deu-Latn", "zho-Hans", "jpn-Jpan"]) == {
        "arb-Arab": "ar", "deu-Latn": "de", "zho-Hans": "zh", "jpn-Jpan": "ja",
    }  # fmt: skip
    assert short_codes(["zho-Hans", "zho-Hant"]) == {"zho-Hans": "zh_Hans", "zho-Hant": "zh_Hant"}
    found = short_codes(["tgl-Latn", "fuv-Latn", "eng-Latn", "c++-Code", "python-Code"])
    assert list(found.values()) == ["tl", "ff", "en", "c++", "python"]
    assert [language_code(tag) for tag in list(found)[:3]] == ["tl", "ff", "en"]  # as --languages reads them
    assert [long_code(code) for code in ("de", "ar", "zh", "zh_Hant", "sw")] == [
        "deu-Latn", "ara-Arab", "zho-Hans", "zho-Hant", "swa-Latn",
    ]  # fmt: skip


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives mteb a model of a name, loaded by a function."""
    from mteb.models.model_implementations import MODEL_REGISTRY
    from mteb.models.model_meta import ModelMeta

    def made(name: str, loader: Any, **options: Any) -> None:
        given = MODEL_REGISTRY["intfloat/multilingual-e5-small"].model_dump()
        needs = {key: None for key in given if key.startswith("extra_requirements")}
        facts = {**given, "name": name, "loader": loader, "loader_kwargs": {}, **needs}
        monkeypatch.setitem(MODEL_REGISTRY, name, ModelMeta(**{**facts, **options}))

    monkeypatch.setattr(mteb_models, "hub_answers", lambda: False)
    return made


def test_a_model_of_mteb_is_loaded_with_its_prompts(register: Any) -> None:
    """A plain sentence-transformers model is that model; its prompts, revision and mteb's version are on record."""
    from mteb.models import SentenceTransformerEncoderWrapper

    from tests.neutralize.toy import toy_model

    prompts = {"query": "ask: ", "document": ""}
    register("made/plain", lambda name, revision=None, **_: SentenceTransformerEncoderWrapper(
        toy_model(), model_prompts=prompts), revision="abc")  # fmt: skip
    retriever = DenseRetriever("mteb:made/plain", cache=False, dtype="float32")
    described = retriever.describe()
    assert (described["query_prompt"], described["passage_prompt"]) == ("ask: ", "")
    assert {key: described["encoder"][key] for key in ("name", "revision", "prompts")} == {
        "name": "made/plain", "revision": "abc", "prompts": {"query": "ask: "},
    }  # fmt: skip
    expected = toy_model().encode(["ask: de1"], normalize_embeddings=True)
    np.testing.assert_allclose(retriever.embed("query", ["de1"]), expected, atol=1e-6)


def test_another_model_is_asked_through_mteb(register: Any) -> None:
    """A model of mteb's protocol alone gets its texts with the role, and puts its own instruction before them."""
    model = Letters()
    register("made/own", lambda name, **_: model)
    results = evaluate("sample", "mteb:made/own", languages="de,en", settings="mono,multi", metrics="map")
    assert set(model.asked) == {"query", "document"}
    expected = evaluate("sample", letters(64), languages="de,en", settings="mono,multi", metrics="map")
    assert results.summary["multi"] == pytest.approx(expected.summary["multi"])
    assert results.retriever["encoder"]["name"] == "made/own"


def test_models_that_cannot_be_had(register: Any) -> None:
    register("made/sparse", None, model_type=["sparse"])

    def fails(name: str, **_: Any) -> Any:
        raise OSError("no such file\nat all")

    register("made/fails", fails)
    for name, said in {
        "intfloat/multilingual-e5-smal": r"mteb has no model .* did you mean 'intfloat/multilingual-e5-small'\?$",
        "qqqqqqqqqqqq": r"mteb has no model 'qqqqqqqqqqqq'; none of the \S+ known is near it$",
        "made/sparse": "mteb:made/sparse is a sparse model; expected a dense encoder",
        "made/fails": r"mteb could not load made/fails \(OSError: no such file\); .* load it once with a network",
    }.items():
        with pytest.raises(RetrieverError, match=said):
            mteb_model(name)


def test_prompts_that_mteb_knows_and_are_not_used_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a name of the hub alone, where they differ from those used."""
    name = "intfloat/multilingual-e5-small"
    said = unused_prompts(name, {"query": "", "passage": ""})
    assert "queries 'query: ', passages 'passage: '" in said
    assert said.endswith(f"--model mteb:{name}")
    assert unused_prompts(name, {"query": "query: ", "passage": "passage: "}) == ""
    assert unused_prompts("e5-small", {"query": "", "passage": ""}) == ""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir(parents=True)
    assert unused_prompts(name, {"query": "", "passage": ""}) == ""


def test_names_are_near_names_only() -> None:
    """mteb knows hundreds: an unknown one is not answered with all of them."""
    with pytest.raises(DatasetError) as error:
        mteb_data.source.member("MLQA")
    assert len(str(error.value)) < 120
