"""Results in a model card: read back by the Hub's own parser, added and replaced, the rest left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from beir_hybrid import evaluate
from beir_hybrid.cli import main
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.hosts.model_card import add_to_card, entries, of_results
from beir_hybrid.hosts.mteb_results import to_mteb
from tests.systems_made import letters

CARD = """---
license: mit
tags:
- sentence-transformers
model-index:
- name: mine
  results:
  - task:
      type: Retrieval
    dataset:
      type: other
      name: Other
    metrics:
    - type: map
      value: 0.5
---

# Mine

Text with --- in it.
"""


def test_every_setting_is_an_entry_with_its_bias(tmp_path: Path) -> None:
    """What the Hub's parser reads is what was measured; a value that is not defined has no entry."""
    results = evaluate("sample", letters(16), languages="de,en", metrics="map")
    path = add_to_card(tmp_path, of_results(results))
    found = ModelCard.load(path).data
    assert found.model_name == tmp_path.name
    read = {(each.dataset_config, each.metric_name): each.metric_value for each in found.eval_results}
    for setting, means in results.summary.items():
        for metric, value in means.items():
            assert read.pop((setting, metric), None) == (None if value is None else pytest.approx(value, abs=1e-6))
    assert read == {}
    assert {each.dataset_type for each in found.eval_results} == {"sample"}
    assert ("multi", "rank_distance") in {(each.dataset_config, each.metric_name) for each in found.eval_results}


def test_a_lower_bound_is_no_number_of_a_model(tmp_path: Path) -> None:
    """Neither the card nor mteb's file has room for a sign before it."""
    letters_of_mono = evaluate("sample", letters(16), languages="de", settings="mono", metrics="map,recall@3")
    (tmp_path / "run.trec").write_text(
        "".join(f"de-q-{number:04d} Q0 de-p-{number:04d} 1 1.0 one\n" for number in range(30)), encoding="utf-8"
    )
    shallow = evaluate(
        "sample", str(tmp_path / "run.trec"), languages="de", settings="mono", metrics="recall@1,recall@3"
    )
    assert [score.is_bound for score in shallow.scores if score.metric.startswith("recall")] == [False, True]
    for results, has in ((letters_of_mono, True), (shallow, False)):
        assert ("recall@3" in {entry.metric_name for entry in of_results(results)}) is has
        assert ("recall_at_3" in to_mteb(results)[0].scores["test"][0]) is has


def test_a_second_measurement_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    """Other data sets, other metadata and the text stay as they are."""
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    for value in (0.25, 0.75):
        add_to_card(tmp_path, entries("sample", "test", "mono", {"map": value}))
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    found = ModelCard.load(tmp_path / "README.md").data
    assert [(each.dataset_type, each.metric_value) for each in found.eval_results] == [("other", 0.5), ("sample", 0.75)]
    assert (found.model_name, found.license, found.tags) == ("mine", "mit", ["sentence-transformers"])
    assert text.endswith("# Mine\n\nText with --- in it.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_what_is_no_card_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BeirHybridError, match="is no folder; expected that of a model"):
        add_to_card(tmp_path / "none", [])
    (tmp_path / "README.md").write_text("---\na: [1\n---\n", encoding="utf-8")
    with pytest.raises(BeirHybridError, match=r"README.md: its metadata cannot be read"):
        add_to_card(tmp_path, entries("sample", "test", "mono", {"map": 1.0}))
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "---\na: [1\n---\n"


@pytest.mark.java
def test_the_command_writes_card_and_mteb_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`evaluate --model-card FOLDER --mteb`, on whatever retriever."""
    (tmp_path / "model").mkdir()
    arguments = ["evaluate", "sample", "--bm25", "standard", "--languages", "de,en", "--settings", "mono"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--model-card", str(tmp_path / "model"), "--mteb"]) == 0
    assert f"model card: {tmp_path / 'model' / 'README.md'}" in capsys.readouterr().err
    assert ModelCard.load(tmp_path / "model" / "README.md").data.eval_results[0].dataset_config == "mono"
    assert (tmp_path / "out" / "mteb" / "sample-mono.json").is_file()
