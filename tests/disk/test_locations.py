"""Where files are looked for, and what a missing one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.datasets import source as source_module
from beir_hybrid.datasets.catalogue import xquad_r as source
from beir_hybrid.disk.locations import CACHE_VARIABLE, DATA_VARIABLE, Root, cache_dir, find_root
from beir_hybrid.errors import DatasetError

FILES = ["de.json", "en.json"]


def german(folder: Path, sentence: str = "Ja.") -> Path:
    """Writes an XQuAD-R of one German question below folder."""
    paragraph = {
        "context": sentence,
        "sentences": [sentence],
        "sentence_breaks": [[0, len(sentence)]],
        "qas": [{"id": "1", "question": "Ob?", "answers": [{"text": sentence, "answer_start": 0}]}],
    }
    folder.mkdir(parents=True)
    (folder / "de.json").write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), encoding="utf-8")
    return folder


def test_a_given_folder_is_the_only_one_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """data_dir wins over the environment and never falls back to it, so no result comes from other data."""
    german(tmp_path / "given" / "xquad-r", "Gegeben.")
    german(tmp_path / "env" / "xquad-r", "Umgebung.")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "env"))
    dataset = load_dataset("xquad-r", tmp_path / "given", "de")
    assert list(dataset.passages["de"].texts) == ["Gegeben."]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"empty holds no xquad-r: expected for example .*empty/xquad-r/ar.json"):
        load_dataset("xquad-r", tmp_path / "empty", "de")
    with pytest.raises(DatasetError, match="nowhere does not exist, so it holds no xquad-r"):
        load_dataset("xquad-r", tmp_path / "nowhere", "de")


def test_a_given_folder_may_be_the_data_sets_own(tmp_path: Path) -> None:
    """Both the folder above and the data set's folder itself can be named, as a path or a string."""
    folder = german(tmp_path / "mine")
    assert load_dataset("xquad-r", folder, "de").fingerprint == load_dataset("xquad-r", str(folder), "de").fingerprint
    assert find_root("xquad-r", folder, FILES) == Root(folder, "data-dir")
    assert source.fetch_root(folder) == folder
    assert source.fetch_root(tmp_path / "new") == tmp_path / "new" / "xquad-r"


def test_the_environment_comes_before_the_cache(tmp_path: Path, no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEIR_HYBRID_DATA where it holds the data set, else the cache."""
    assert find_root("xquad-r", None, FILES) == Root(no_data / "data" / "xquad-r", "cache")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "env"))
    assert find_root("xquad-r", None, FILES).kind == "cache"
    german(tmp_path / "env" / "xquad-r", "Umgebung.")
    assert find_root("xquad-r", None, FILES) == Root(tmp_path / "env" / "xquad-r", "environment")
    assert list(load_dataset("xquad-r", languages="de").passages["de"].texts) == ["Umgebung."]


def test_the_cache_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEIR_HYBRID_CACHE names the cache; without it the platform's cache folder is used."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.setenv(CACHE_VARIABLE, "~/elsewhere")
    assert cache_dir() == Path.home() / "elsewhere"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "here")
    assert cache_dir() == tmp_path / "here"
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_dir().name == "beir-hybrid"


@pytest.mark.parametrize("kind", ["data-dir", "environment"])
def test_a_missing_file_is_named_with_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A folder with some of the files: the missing one is named, and the command fetches what was asked for."""
    german(tmp_path / "xquad-r")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DatasetError) as caught:
        load_dataset("xquad-r", tmp_path if kind == "data-dir" else None, "de,en")
    assert f"{tmp_path}/xquad-r/en.json is missing" in str(caught.value)
    assert f"run: beir-hybrid fetch xquad-r --languages de,en --data-dir {tmp_path}," in str(caught.value)


def test_the_cache_is_filled_when_needed(
    no_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without data a load fetches the languages it needs, and shows under which licence."""
    asked = []

    def fake(file: source_module.RemoteFile, target: Path) -> None:
        asked.append((file.url, target))
        german(target.parent)

    monkeypatch.setattr(source_module, "download", fake)
    with pytest.raises(DatasetError, match=r"de\.json is damaged: its sha256 is .*, expected .*; delete it and run"):
        load_dataset("xquad-r", languages="de")
    assert asked == [
        (
            "https://raw.githubusercontent.com/google-research-datasets/lareqa/"
            "9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c/xquad-r/de.json",
            no_data / "data" / "xquad-r" / "de.json",
        )
    ]
    out, err = capsys.readouterr()
    assert out == ""
    assert "Licence: CC BY-SA 4.0 https://creativecommons.org/licenses/by-sa/4.0/" in err


@pytest.mark.data
def test_the_published_files_load_from_the_cache(data_dir: Path, no_data: Path) -> None:
    """Files in the cache are checked against the pinned digests; the right ones pass, one changed byte does not."""
    folder = no_data / "data" / "xquad-r"
    folder.mkdir(parents=True)
    content = (data_dir / "xquad-r" / "th.json").read_bytes()
    (folder / "th.json").write_bytes(content)
    assert len(load_dataset("xquad-r", languages="th").queries["th"]) == 1190
    (folder / "th.json").write_bytes(content + b" ")
    with pytest.raises(DatasetError, match=r"th\.json is damaged"):
        load_dataset("xquad-r", languages="th")
