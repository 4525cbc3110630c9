"""Vectors in hand are neutralized as they are scored: nothing is encoded again, and the record says what was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import NeutralizeError
from beir_hybrid.evaluation.evaluate import evaluate
from beir_hybrid.neutralize.geometry import METHODS
from beir_hybrid.neutralize.learn import neutralize
from beir_hybrid.records import Passages, Queries
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from tests.neutralize.toy import CONTENTS, toy_model, write_groups


def dataset(*languages: str) -> Dataset:
    """Question i in each language asks for passage i in every language."""
    n = range(CONTENTS)
    return Dataset(
        "toy", "test",
        {x: Passages(x, [f"{x}-p-{at}" for at in n], [f"{x}{at}" for at in n]) for x in languages},
        {x: Queries(x, [f"{x}-q-{at}" for at in n], [f"{x}{at}" for at in n], [f"g{at}" for at in n])
         for x in languages},
        {f"{x}-q-{at}": {f"{y}-p-{at}": 1 for y in languages} for x in languages for at in n},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    groups = write_groups(tmp_path / "groups.jsonl")

    def make(method: str = "project", **options: Any) -> Path:
        out = tmp_path / f"{method}{len(options)}"
        neutralize(toy_model(**options), out, method=method, groups=groups, cache=False)
        return out

    return make


def score(results: Any, metric: str = "map") -> float:
    """The mean of the pool."""
    return next(each.value for each in results.scores if (each.setting, each.metric) == ("multi", metric))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{}, {"precision": "float16"}, {"precision": "int8"}])
def test_languages_mix_in_the_pool(folder: Any, method: str, options: dict[str, Any]) -> None:
    """As it is, a language's own passages come first; neutralized, all answers do, in memory and from disk."""
    data = dataset("de", "en", "fr")
    as_is = evaluate(data, DenseRetriever(toy_model(), cache=False, **options), settings="multi")
    mended = evaluate(data, DenseRetriever(toy_model(), cache=False, neutralize=folder(method), **options),
                      settings="multi")  # fmt: skip
    assert score(as_is) < 0.7
    assert score(mended) == pytest.approx(1)


def test_nothing_is_encoded_again(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an evaluation of the model as it is, every method is measured from the vectors in the cache."""
    data = dataset("de", "en", "fr")
    model = toy_model()
    folders = [folder(method) for method in METHODS]
    evaluate(data, DenseRetriever(model))
    seen = []
    encode = model.encode

    def told(texts: list[str], **given: Any) -> Any:
        seen.append(texts)
        return encode(texts, **given)

    for name in ("encode", "encode_query", "encode_document"):
        monkeypatch.setattr(model, name, told)
    for each in folders:
        assert score(evaluate(data, DenseRetriever(model, neutralize=each))) == pytest.approx(1)
    assert seen == [["any text"]] * len(METHODS)  # to see that the width is right


def test_written_folder_and_vectors_in_hand_are_scored_alike(folder: Any) -> None:
    """The folder that anybody loads gives what the transform makes of the base's vectors, known language or not."""
    out = folder()
    in_hand = DenseRetriever(toy_model(), neutralize=out, cache=False, dtype="float32")
    written = DenseRetriever(out, cache=False, dtype="float32")
    for role, texts in (("query", ["de1 de2", "xx3"]), ("passage", ["fr0 en4", "en5"])):
        np.testing.assert_allclose(in_hand.embed(role, texts), written.embed(role, texts), atol=1e-6)  # type: ignore[arg-type]


def test_record_says_what_was_removed(folder: Any) -> None:
    """Results of another removal are never taken for those of this one, nor for those of the model as it is."""
    records = [DenseRetriever(toy_model(), neutralize=each).describe()["neutralize"]
               for each in (folder("project"), folder("center"))]  # fmt: skip
    assert records[0]["method"] == "project"
    assert records[0]["texts"]["passage"]["de"]["texts"] == CONTENTS
    assert records[0]["identity"] != records[1]["identity"]
    assert "neutralize" not in DenseRetriever(toy_model()).describe()


@pytest.mark.parametrize(("method", "removed"), [("center", "what is common to all"), ("project", "the same as from")])
def test_unseen_language_is_said_and_measured(
    folder: Any, method: str, removed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A language without texts is named in one line, and ranked all the same."""
    results = evaluate(dataset("de", "xx"), DenseRetriever(toy_model(), neutralize=folder(method), cache=False))
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("neutralize:")]
    assert said == [line for line in said if f"no text in xx; from these {removed}" in line]
    assert len(said) == 1
    assert score(results) > 0


def test_another_model_is_refused(folder: Any) -> None:
    """What was learnt from one model is not taken off another's vectors."""
    with pytest.raises(NeutralizeError, match=r"learnt from SentenceTransformer .* is another model"):
        DenseRetriever(toy_model(normalize=False), neutralize=folder())


def test_another_width_is_refused(folder: Any) -> None:
    """A function that nothing identifies is known by its width at least, before its texts are encoded."""
    asked: list[str] = []
    retriever = DenseRetriever(
        lambda texts: asked.extend(texts) or np.ones((len(texts), 3)), neutralize=folder(), cache=False
    )
    with pytest.raises(NeutralizeError, match="have 3 dimensions, but those that were neutralized have 12"):
        evaluate(dataset("de", "en"), retriever)
    assert len(asked) == 1, "refused before more than one text was encoded"
