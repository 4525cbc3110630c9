"""A BEIR folder wherever it is, by its path instead of a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beir_hybrid import evaluate, load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.errors import DatasetError, SettingError
from tests.systems_made import letters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return BeirView(load_dataset("sample", languages="de").task("mono:de")).export(tmp_path / "recipes")


@pytest.mark.parametrize("form", ["{}", "folder:{}"])
def test_a_path_is_a_data_set(folder: Path, form: str) -> None:
    """By path or with the prefix; results call it by the folder's name."""
    dataset = load_dataset(form.format(folder), languages="de")
    assert (dataset.name, dataset.split, dataset.languages) == ("recipes", "test", ("de",))
    assert len(dataset.queries["de"]) == 30
    assert dataset.settings == ("mono",)
    assert not is_registered(str(folder))


def test_a_registered_name_is_not_shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder called like a data set is asked for as a path: ./sample."""
    BeirView(load_dataset("sample", languages="de").task("mono:de")).export(tmp_path / "sample")
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("sample").languages) == 11
    assert load_dataset("./sample", languages="de").languages == ("de",)


def test_what_a_folder_does_not_say(folder: Path) -> None:
    """Its language must be named, as a code, and one of them; the split must be there."""
    with pytest.raises(DatasetError, match=r"name the one language .* as --language de: a folder does not say it"):
        load_dataset(str(folder))
    with pytest.raises(DatasetError, match="got de, en"):
        load_dataset(str(folder), languages="de,en")
    with pytest.raises(SettingError, match="'German' is no language code; did you mean 'de'"):
        load_dataset(str(folder), languages="German")
    with pytest.raises(DatasetError, match="recipes has no split 'dev'; known: test"):
        load_dataset(str(folder), languages="de", split="dev")
    with pytest.raises(DatasetError, match="is a folder already; leave the data folder"):
        load_dataset(str(folder), folder.parent, "de")
    with pytest.raises(DatasetError, match="recipes has no option 'with_paragraph'"):
        load_dataset(str(folder), languages="de", with_paragraph=True)
    with pytest.raises(DatasetError, match="the option own_passages is 'maybe'; expected true or false"):
        load_dataset(str(folder), languages="de", own_passages="maybe")
    with pytest.raises(DatasetError, match=r"corpus.jsonl' is a file; give the folder it is in"):
        load_dataset(folder / "corpus.jsonl", languages="de")


def test_a_path_to_nothing(tmp_path: Path) -> None:
    """A path that is no folder is not answered with data set names alone."""
    with pytest.raises(DatasetError, match=r"nix' is neither a folder nor a data set; known: "):
        get_source(str(tmp_path / "nix"))
    with pytest.raises(DatasetError, match="nix is not a folder; expected one with corpus, queries and qrels"):
        load_dataset(f"folder:{tmp_path / 'nix'}", languages="de")


def test_on_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """evaluate and export take the path; --language and --languages are the same."""
    run = tmp_path / "run.trec"
    run.write_text("de-q-de-q-0000 Q0 de-p-de-p-0000 1 1.0 x\n")
    out = tmp_path / "out"
    assert main(["evaluate", str(folder), "--language", "de", "--run", str(run), "--out", str(out)]) == 0
    assert (out / "results.json").exists()
    assert main(["export", str(folder), str(tmp_path / "again"), "--setting", "mono:de"]) == 0
    assert main(["fetch", str(folder)]) == 0
    capsys.readouterr()
    assert main(["export", str(folder), str(tmp_path / "no"), "--setting", "mono:German"]) == 1
    assert capsys.readouterr().err == "beir-hybrid: 'German' is no language code; did you mean 'de'?\n"


def test_results_of_a_folder_with_gaps_are_used_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cross-lingual folder with dangling judgments: its page is made, and it is fused after it was renamed."""
    folder = tmp_path / "news"
    (folder / "qrels").mkdir(parents=True)
    passages = {"en": ["the sea", "bread"], "fr": ["la mer", "le pain"]}
    questions = {"q1": ("hau", "teku"), "q2": ("bem", "umukate"), "q3": ("bem", "pa")}
    for name, records in (
        ("corpus", [{"_id": f"{language}{number}", "text": text, "language": language}
                    for language, texts in passages.items() for number, text in enumerate(texts)]),
        ("queries", [{"_id": key, "text": text, "language": language} for key, (language, text) in questions.items()]),
    ):  # fmt: skip
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "qrels" / "test.tsv").write_text("q1\ten0\t1\nq2\tfr1\t1\nq2\tgone\t1\nq3\tgone\t1\nq9\ten1\t1\n")
    dataset = load_dataset(folder)
    assert [task.name for task in dataset.tasks()] == ["cross:bem-fr", "cross:ha-en", "multi:bem", "multi:ha"]
    for number in (1, 2):
        evaluate(dataset, letters(8 * number), metrics="map", out=tmp_path / f"system-{number}")
    systems = [str(tmp_path / "system-1"), str(tmp_path / "system-2")]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["compare", *systems, "--format", "html", "--out", "page.html"]) == 0
    assert "umukate" in Path("page.html").read_text()
    folder.rename(tmp_path / "old-news")
    assert main(["fuse", *systems, "--out", "fused"]) == 1
    assert "news, which was measured, is gone; name where it is now with --data-dir" in capsys.readouterr().err
    assert main(["fuse", *systems, "--out", "fused", "--data-dir", str(tmp_path / "old-news")]) == 0
    # the languages of some queries only, and what is missing of those
    assert (
        load_dataset(tmp_path / "old-news", languages="ha,en").passed_over
        == "1 judged query is not there (passed over)"
    )
