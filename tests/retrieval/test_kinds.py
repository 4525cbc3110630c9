"""What kind of model a name on the hub is: read before it is loaded, so that none is averaged into a dense one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.dense.models import load_model
from beir_hybrid.retrieval.kinds import hub_answers, kind_of_model
from beir_hybrid.retrieval.recognise import retriever_of_model


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts files of a repository into the hub's cache, as its own client would; the hub itself does not answer."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("beir_hybrid.retrieval.kinds.hub_answers", lambda: False)

    def made(name: str, **files: Any) -> None:
        folder = tmp_path / f"models--{name.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("abc")
        (folder / "snapshots" / "abc").mkdir(parents=True)
        for file, content in files.items():
            (folder / "snapshots" / "abc" / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")

    return made


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"config_sentence_transformers": {"model_type": "SparseEncoder"}}, "sparse"),
        ({"modules": [{"type": "sentence_transformers.sparse_encoder.models.SpladePooling"}]}, "sparse"),
        ({"config_sentence_transformers": {"model_type": "MultiVectorEncoder"}}, "multi-vector"),
        ({"config": {"architectures": ["XLMRobertaForSequenceClassification"]}}, "cross-encoder"),
        ({"config": {"architectures": ["BertModel"]}}, "dense"),
        ({"modules": [{"type": "sentence_transformers.models.Transformer"}]}, "dense"),
        ({}, None),
    ],
)
def test_a_name_on_the_hub_is_of_its_kind(cached: Any, files: dict[str, Any], kind: str | None) -> None:
    """From the files that every kind is saved with, by each of its versions."""
    cached("some/model", **files)
    assert kind_of_model("some/model") == kind


def test_a_sparse_model_of_the_hub_is_never_a_dense_one(cached: Any) -> None:
    """By name as by folder: it gets its own retriever, and what wants a dense model refuses it."""
    cached("some/splade", config_sentence_transformers={"model_type": "SparseEncoder"})
    cached("some/judge", config={"architectures": ["BertForSequenceClassification"]})
    assert retriever_of_model("some/splade") == "sparse"
    with pytest.raises(RetrieverError, match="some/splade is a sparse model; expected a dense one"):
        load_model("some/splade")
    with pytest.raises(RetrieverError, match="some/judge is a cross-encoder: it scores pairs and finds nothing"):
        retriever_of_model("some/judge")


@pytest.mark.parametrize("path", ["/nowhere/model", "./model", "../nowhere/model"])
def test_a_path_where_nothing_is(path: str) -> None:
    """Nobody waits for the libraries, or the hub, to be told that a folder is not there."""
    with pytest.raises(RetrieverError, match=r"could not load the model '.*': there is no such folder"):
        kind_of_model(path)


def test_offline_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE no packet leaves the machine."""

    def asked(*args: Any, **options: Any) -> Any:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("urllib.request.urlopen", asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not hub_answers()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(AssertionError, match="the hub was asked"):
        hub_answers()
