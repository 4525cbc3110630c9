"""XM3600 from small files in both published layouts: who asks, who answers, and what is relevant."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.datasets.catalogue import xm3600 as source
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.xm3600 import Xm3600Source
from beir_hybrid.errors import DatasetError, SettingError

# keys as they are published: 16 hexadecimal digits
BOAT, CAT, DOG, EGG = "000411001ff7dd4f", "0007dde4b0a7a4a5", "000a1b2c3d4e5f60", "00b0b0b0b0b0b0b0"
CAPTIONS: dict[str, dict[str, list[str]]] = {
    BOAT: {"de": ["Ein Boot", "Boot auf See", "Ein Kahn"], "en": ["A boat", "Boat at sea"], "bn": ["একটি নৌকা"]},
    CAT: {"de": ["Eine Katze", "Katze schläft"], "en": ["A cat", " "], "bn": ["একটি বিড়াল"]},
    DOG: {"de": ["Ein Hund", "Hund läuft"], "en": ["A dog", "Dog runs"], "bn": ["একটি কুকুর"]},
    EGG: {"de": ["Ein Ei", "Ei im Nest"], "en": ["An egg", "Egg in a nest"], "bn": ["একটি ডিম"]},
}


def line(image: str, captions: dict[str, list[str]]) -> str:
    """One image as captions.jsonl has it."""
    texts = {
        language: {"caption": found, "caption/tokenized": found, "caption/tokenized/lowercase": found}
        for language, found in captions.items()
    }
    return json.dumps({"image/key": image, "image/locale": "de", **texts}, ensure_ascii=False) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "xm3600"
    folder.mkdir(parents=True)
    text = "".join(line(image, captions) for image, captions in reversed(CAPTIONS.items()))
    (folder / "captions.jsonl").write_text(text, encoding="utf-8")
    return folder


def load(root: Path, languages: str = "bn,de,en") -> Dataset:
    return load_dataset("xm3600", root.parent, languages)


def by_text(dataset: Dataset) -> dict[str, set[str]]:
    """Relevant captions of every query caption."""
    texts = {
        key: text
        for block in (*dataset.passages.values(), *dataset.queries.values())
        for key, text in zip(block.ids, block.texts, strict=True)
    }
    return {texts[query]: {texts[passage] for passage in dataset.qrels[query]} for query in dataset.qrels}


def test_the_first_caption_asks_for_all_others(root: Path) -> None:
    """Relevant are the other captions of the image in every language; no query is a passage."""
    dataset = load(root, "de,en")
    assert by_text(dataset)["Ein Boot"] == {"Boot auf See", "Ein Kahn", "Boat at sea"}
    assert by_text(dataset)["A dog"] == {"Hund läuft", "Dog runs"}
    asked = {text for block in dataset.queries.values() for text in block.texts}
    offered = {text for block in dataset.passages.values() for text in block.texts}
    assert not asked & offered
    assert list(dataset.passages["de"].ids)[:2] == [f"de-p-{BOAT}-01", f"de-p-{BOAT}-02"]
    assert list(dataset.queries["de"].groups) == [BOAT, CAT, DOG, EGG]
    assert dataset.groups[BOAT] == {"de": f"de-q-{BOAT}-00", "en": f"en-q-{BOAT}-00"}


def test_all_three_settings(root: Path) -> None:
    """Mono: the same language's other captions; cross: another language's; multi: all."""
    dataset = load(root, "de,en")
    assert dataset.settings == ("mono", "cross", "multi")
    sizes = {task.name: (len(task.rows), len(task.judged), task.n_passages) for task in dataset.tasks()}
    assert sizes == {
        "mono:de": (4, 5, 5),
        "mono:en": (3, 3, 3),  # the cat has one English caption, the other is empty
        "cross:de-en": (3, 3, 3),
        "cross:en-de": (4, 5, 5),
        "multi:de": (4, 8, 8),
        "multi:en": (4, 8, 8),
    }


def test_images_with_one_caption_share_the_two_roles(root: Path) -> None:
    """Bengali has one caption an image: some ask and some answer, so it is in cross and multi but not in mono."""
    dataset = load(root)
    assert [key.split("-")[2] for key in dataset.queries["bn"].ids] == sorted([CAT, DOG, EGG])
    assert list(dataset.passages["bn"].ids) == [f"bn-p-{BOAT}-00"]
    names = [task.name for task in dataset.tasks()]
    assert "mono:bn" not in names
    assert {"cross:bn-de", "cross:de-bn", "multi:bn"} <= set(names)
    assert [task.name for task in dataset.tasks("mono")] == ["mono:de", "mono:en"]
    with pytest.raises(SettingError, match="no query in 'bn' with an answer in 'bn'"):
        dataset.task("mono:bn")
    alone = load(root, "bn")
    assert alone.settings == ()
    with pytest.raises(SettingError, match="judges no passage in a query's own language, so 'mono' does not exist"):
        alone.tasks("mono")


def test_roles_do_not_depend_on_what_is_loaded(root: Path) -> None:
    """An id means the same caption whatever languages are loaded; the fingerprint covers captions and relevance."""
    few, all_of_them = load(root, "de"), load(root)
    assert list(few.passages["de"].ids) == list(all_of_them.passages["de"].ids)
    assert few.fingerprint == load(root, "de").fingerprint != load(root, "en").fingerprint


def test_the_hubs_tables_without_their_images(root: Path, parquet: Callable[..., bytes]) -> None:
    """mteb/xm3600's layout gives the same data set; the image column is not touched."""
    expected = load(root, "de,en")
    (root / "captions.jsonl").unlink()
    (root / "data").mkdir()
    for language, shards in (("de", 2), ("en", 1)):
        images = list(CAPTIONS)
        for number in range(shards):
            part = images[number::shards]
            content = parquet(
                image_id=part,
                image=[b"\x89PNG"] * len(part),
                captions=[CAPTIONS[image][language] for image in part],
                image_locale=["de"] * len(part),
            )
            (root / "data" / f"{language}-0000{number}-of-0000{shards}.parquet").write_bytes(content)
    found = load(root, "de,en")
    assert by_text(found) == by_text(expected)
    assert found.fingerprint == expected.fingerprint
    assert [file.path for file in found.files][:2] == [
        "data/de-00000-of-00002.parquet",
        "data/de-00001-of-00002.parquet",
    ]
    with pytest.raises(DatasetError, match=r"captions\.jsonl is missing; run: beir-hybrid fetch xm3600"):
        load(root, "de,fr")
    (root / "data" / "en-00000-of-00001.parquet").write_bytes(parquet(image_id=["a"], text=["b"]))
    with pytest.raises(DatasetError, match="has the columns image_id, text; expected image_id, captions"):
        load(root, "en")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image/key": "x", "de": {"caption": "Ein Boot"}}, ":5: 'de' of image 'x' has no list of captions"),
        ({"image/key": "x", "en": {"caption": ["A boat"]}}, ":5: 'de' of image 'x' has no list of captions"),
        ({"image/key": "x", "de": {"caption": [1]}}, ":5: 'de' of image 'x' has no list of captions"),
        ({"image/key": BOAT, "de": {"caption": []}}, f":5: 'de' image '{BOAT}' appears twice"),
        ({"key": "x"}, ":5: the record has no string 'image/key'"),
    ],
)
def test_what_is_wrong_is_named_by_line(root: Path, wrong: Any, message: str) -> None:
    """A record of another shape, or an image that stands twice."""
    with (root / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(wrong))
    with pytest.raises(DatasetError, match=f"captions.jsonl{message}"):
        load(root, "de")


def test_an_empty_file_and_an_unknown_language(root: Path) -> None:
    """No image at all; a language that has none of the captions."""
    with pytest.raises(SettingError, match="unknown language 'lv'"):
        load(root, "lv")
    (root / "captions.jsonl").write_text("")
    with pytest.raises(DatasetError, match=r"captions\.jsonl: holds no image; delete it and fetch it again"):
        load(root, "de")


def test_captions_are_fetched_as_text(
    tmp_path: Path, no_data: Path, address_of: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authors' archive of captions is unpacked and removed; no image is fetched."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("captions.jsonl", "".join(line(*item) for item in CAPTIONS.items()))
    (tmp_path / "captions.zip").write_bytes(out.getvalue())
    published = RemoteFile("captions.zip", address_of(tmp_path / "captions.zip"))
    monkeypatch.setattr(Xm3600Source, "file_of", lambda *_: published)
    assert len(load_dataset("xm3600", languages="de").queries["de"]) == 4
    assert [path.name for path in (no_data / "data" / "xm3600").glob("[!.]*")] == ["captions.jsonl"]
    assert len(load_dataset("xm3600", languages="en").queries["en"]) == 4


def test_all_languages_are_named() -> None:
    """36 languages, as many as the paper's."""
    assert len(source.languages) == len(set(source.languages)) == 36
