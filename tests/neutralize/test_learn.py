"""From texts to the folder of a model, on a model whose language axes are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.errors import BeirHybridError, NeutralizeError
from beir_hybrid.neutralize.geometry import METHODS
from beir_hybrid.neutralize.learn import neutralize
from beir_hybrid.neutralize.transform import read_transform
from tests.neutralize.toy import CONTENTS, WIDTH, toy_model, write_groups

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    return write_groups(tmp_path / "groups.jsonl")


def load(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_folder_and_transform_give_the_same_vectors(tmp_path: Path, groups: Path, method: str, normalize: bool) -> None:
    """What anybody loads with SentenceTransformer does what `read_transform` does to the base's vectors."""
    base = toy_model(normalize=normalize, prompts=True)
    neutralize(base, tmp_path / "out", method=method, groups=groups, cache=False)
    model, transform = load(tmp_path / "out"), read_transform(tmp_path / "out")
    assert model.prompts["query"] == "ask: "
    for role, task, language, text in (
        ("query", "query", "de", "de1 de2"), ("passage", "document", "fr", "fr4"), ("passage", "document", None, "xx2"),
    ):  # fmt: skip
        plain = base.encode([text], prompt_name=task)
        route = {"task": task if language is None else f"{task}-{language}"} if transform.needs_language else {}
        got = model.encode([text], prompt_name=task, **route)
        np.testing.assert_allclose(unit(got), unit(transform(plain, role, language)), atol=1e-5)  # type: ignore[arg-type]


def test_projected_model_finds_the_content_in_whatever_language(tmp_path: Path, groups: Path) -> None:
    """Before, a German query is closest to any German passage; afterwards to the same content in every language."""
    neutralize(toy_model(), tmp_path / "out", groups=groups, cache=False)
    words = [f"{language}{content}" for language in ("de", "en", "fr") for content in range(CONTENTS)]
    same_content = np.equal.outer([word[2:] for word in words], [word[2:] for word in words])
    for model, found in ((toy_model(), False), (load(tmp_path / "out"), True)):
        vectors = model.encode(words)
        scores = vectors @ vectors.T
        assert bool(scores[same_content].min() > scores[~same_content].max()) is found


def test_dot_products_keep_their_length(tmp_path: Path, groups: Path) -> None:
    """A model that ranks by dot product is projected as it is: nothing is normalised."""
    neutralize(toy_model(normalize=False, similarity="dot"), tmp_path / "out", groups=groups, cache=False)
    model = load(tmp_path / "out")
    assert model.similarity_fn_name == "dot"
    assert [type(module).__name__ for module in model.children()] == ["StaticEmbedding", "Dense"]
    assert np.linalg.norm(model.encode(["de1 de2 de3"])) != pytest.approx(1)


def test_projection_is_a_stock_linear_module_before_the_normalisation(tmp_path: Path, groups: Path) -> None:
    """The folder needs nothing of this package to load: only classes of sentence-transformers stand in it."""
    neutralize(toy_model(), tmp_path / "out", groups=groups, cache=False)
    model = load(tmp_path / "out")
    dense = list(model.children())[1]
    assert [type(module).__name__ for module in model.children()] == ["StaticEmbedding", "Dense", "Normalize"]
    assert dense.linear.bias is None
    assert type(dense.activation_function).__name__ == "Identity"
    kinds = [module["type"] for module in json.loads((tmp_path / "out" / "modules.json").read_text())]
    assert all(kind.startswith("sentence_transformers.") for kind in kinds)


def test_same_call_writes_the_same_folder(tmp_path: Path, groups: Path) -> None:
    """Files are equal byte for byte when it is done again."""
    written = []
    for name in ("one", "two"):
        neutralize(toy_model(), tmp_path / name, method="center", groups=groups, cache=False)
        written.append({path.relative_to(tmp_path / name): path.read_bytes()
                        for path in sorted((tmp_path / name).rglob("*")) if path.is_file()})  # fmt: skip
    assert written[0] == written[1]


def test_record_and_card_say_what_was_done_with_which_texts(tmp_path: Path, groups: Path) -> None:
    """Method, base, languages, numbers and digests of texts; the card has no path of this machine."""
    done = neutralize(toy_model(), tmp_path / "out", groups=groups, cache=False, per_language=4)
    record = json.loads((tmp_path / "out" / "neutralize.json").read_text())
    assert record["identity"] == read_transform(tmp_path / "out").identity
    assert (record["method"], record["directions"], record["languages"]) == ("project", 4, ["de", "en", "fr"])
    assert record["texts"]["query"]["fr"]["texts"] == 4
    assert record["texts"]["query"]["fr"]["digest"] != record["texts"]["query"]["de"]["digest"]
    assert len(record["sources"]["groups"]["sha256"]) == 64
    assert done.record["language_share_of_variance"]["passage"]["after"] < 0.01
    card = (tmp_path / "out" / "README.md").read_text()
    assert "learnt from 4 queries and 4 passages a language in 3 languages: de en fr" in card
    assert str(tmp_path) not in card


def test_passages_alone_stand_in_for_queries_under_their_prompt(tmp_path: Path) -> None:
    """Without queries the mean of queries is that of passages' texts, with what the query prompt adds."""
    for language in ("de", "en"):
        (tmp_path / f"{language}.txt").write_text("\r\n".join(f"{language}{n}" for n in range(CONTENTS)))
    neutralize(toy_model(prompts=True), tmp_path / "out", method="center", texts=str(tmp_path), cache=False)
    with np.load(tmp_path / "out" / "means.npz") as means:
        assert means["mean-query-de"].shape == (WIDTH,)
        assert means["mean-query-de"][11] > 0.5
        assert means["mean-passage-de"][11] == 0
    record = json.loads((tmp_path / "out" / "neutralize.json").read_text())
    assert "under the prompt of queries" in record["queries"]


def test_texts_that_are_measured_on_are_refused(tmp_path: Path) -> None:
    """A text of the named data set among those learnt from is said with its place, and nothing is written."""
    from beir_hybrid.datasets import load_dataset

    sample = load_dataset("sample")
    for language in ("de", "en"):
        (tmp_path / f"{language}.txt").write_text("\n".join(sample.passages[language].texts))
    with pytest.raises(NeutralizeError, match=r"sample overlaps \d+ of .*; the first is .*de.txt:\d+ \(de, exact: de-"):
        neutralize(toy_model(), tmp_path / "out", texts=f"de={tmp_path}/de.txt,en={tmp_path}/en.txt",
                   check_leaks=["sample"], cache=False)  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_what_is_no_dense_model_is_refused(tmp_path: Path, groups: Path) -> None:
    """A folder of a sparse model, and a function, are named as what they are."""
    (tmp_path / "sparse").mkdir()
    (tmp_path / "sparse" / "config_sentence_transformers.json").write_text('{"model_type": "SparseEncoder"}')
    with pytest.raises(
        NeutralizeError, match=r"is a sparse model, and only one that .* beir-hybrid fuse RESULTS --standardise"
    ):
        neutralize(str(tmp_path / "sparse"), tmp_path / "out", groups=groups)
    with pytest.raises(NeutralizeError, match="function is not a dense sentence-transformers model"):
        neutralize(lambda texts: np.ones((len(texts), 3)), tmp_path / "out", groups=groups)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "nothing to learn from; give texts: --groups FILE"),
        ({"groups": "nowhere.jsonl"}, "nowhere.jsonl is no file"),
        ({"method": "centre"}, "unknown method 'centre'; did you mean 'center'"),
        ({"method": "center", "directions": 2}, "center removes means, not directions"),
        ({"per_language": 0}, "texts a language 0; expected 1 or more"),
        ({"groups": "sample", "directions": 99}, "99 directions are more than the means of 11 languages span"),
        ({"groups": "sample", "method": "lir", "directions": 67}, "fewer than the 67 directions"),
        ({"groups": "sample", "shrink": True, "per_language": 1}, "has one passage text; shrinking needs two"),
        ({"groups": "sample", "check_leaks": ["xquadr"]}, "unknown dataset 'xquadr'; did you mean 'xquad-r'"),
    ],
)
def test_calls_that_make_no_sense(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    """Each is refused before a model is loaded."""
    with pytest.raises(BeirHybridError, match=said):
        neutralize("no/model", tmp_path / "out", **options)


def test_a_model_with_routes_is_refused_before_it_encodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal that differs by language needs routes for languages, where the model has its own for roles."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.router import Router

    parts = list(toy_model().children())
    model = SentenceTransformer(modules=[Router.for_query_document(parts, parts)], device="cpu")
    monkeypatch.setattr(SentenceTransformer, "encode", lambda *_, **__: pytest.fail("encoded"))
    with pytest.raises(NeutralizeError, match="routes of its own, and center needs one"):
        neutralize(model, tmp_path / "out", groups="sample", method="center", cache=False)


def test_shrinking_changes_what_is_removed_and_is_on_record(tmp_path: Path, groups: Path) -> None:
    """With few texts; the option reaches the means that are taken off."""
    options = {"groups": groups, "method": "common-mean", "per_language": 2, "cache": False}
    records = [neutralize(toy_model(), tmp_path / str(way), shrink=way, **options).record for way in (False, True)]
    assert [record["shrink"] for record in records] == [False, True]
    kept, less = (np.linalg.norm(read_transform(tmp_path / str(shrink)).removal.offsets["passage", "en"])
                  for shrink in (False, True))  # fmt: skip
    assert less < kept


def test_folder_with_content_is_not_overwritten(tmp_path: Path, groups: Path) -> None:
    """A folder that holds something stays as it is, and nothing is encoded first."""
    with pytest.raises(BeirHybridError, match="is not an empty folder"):
        neutralize("no model", tmp_path, groups=groups, cache=False)


def test_damaged_or_missing_folder_is_said(tmp_path: Path, groups: Path) -> None:
    """A folder that holds no transform, or another one than its record says."""
    with pytest.raises(NeutralizeError, match=r"holds no neutralize\.json"):
        read_transform(tmp_path)
    neutralize(toy_model(), tmp_path / "out", groups=groups, cache=False)
    with (tmp_path / "out" / "means.npz").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(NeutralizeError, match=r"means.npz is damaged"):
        read_transform(tmp_path / "out")
