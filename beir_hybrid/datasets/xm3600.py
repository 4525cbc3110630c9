"""XM3600 (Crossmodal-3600, EMNLP 2022): captions of 3,600 images in 36 languages, one caption asked for the others.

The texts alone: ``captions.jsonl`` from the authors' ``captions.zip``, one image a line, ``{"image/key": ...,
"de": {"caption": [...], ...}, ...}``. Who has ``mteb/xm3600`` (``data/{lang}-00000-of-00002.parquet`` with image_id
and captions, a split for each language as mteb's task reads them) need not fetch it; the images in those files are
never read.

An image has one to three captions a language (two as a rule; Bengali has one, Maori often). Of an image's captions in
a language the first is the query and the others are passages, so that no query is a candidate for itself; where there
is one alone, half of the images, chosen by a digest of their keys, ask with it and half offer it. Relevant are all
captions of the same image: of the same language in the monolingual setting (an image with one caption is not asked
there, so Bengali has none), of another in the cross-lingual ones, of every language in the multilingual one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.archive_source import extract
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parallel import GroupQrels
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.readers.parquet import read_parquet, required
from beir_hybrid.records import Licence, Passages, Queries

_CAPTIONS = "captions.jsonl"
_ARCHIVE = RemoteFile("captions.zip", "https://google.github.io/crossmodal-3600/web-data/captions.zip")

Captions = dict[str, list[str]]
"""``{image key: its captions in one language}``."""


class Xm3600Source(FileSource):
    """Crossmodal-3600: captions of the same pictures (arXiv 2205.12522)."""

    name = "xm3600"
    summary = "261,375 captions of 3,600 images in 36 languages: one caption of an image asked for its others"
    languages = (
        "ar", "bn", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "he", "hi", "hr", "hu", "id", "it",
        "ja", "ko", "mi", "nl", "no", "pl", "pt", "quz", "ro", "ru", "sv", "sw", "te", "th", "tr", "uk", "vi", "zh",
    )  # fmt: skip
    splits = ("test",)
    licence = Licence("CC BY 4.0", "https://google.github.io/crossmodal-3600/", "(captions; mteb's copy: CC BY-SA 4.0)")

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The archive's file; or the tables, where those of all languages are there and it is not."""
        tables = [_tables(root, language) for language in languages]
        if (root / _CAPTIONS).exists() or not all(tables):
            return [RemoteFile(_CAPTIONS, _ARCHIVE.url)]
        return [RemoteFile(path.relative_to(root).as_posix(), "") for found in tables for path in found]

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self.download_all(root, [_ARCHIVE])
            extract(root / _ARCHIVE.path, lambda members: {_CAPTIONS: root / _CAPTIONS})
            (root / _ARCHIVE.path).unlink(missing_ok=True)
        return self.files(root, languages, split)

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        found = _from_tables(root, languages)
        if (root / _CAPTIONS).exists():
            found = _from_lines(root / _CAPTIONS, languages)
        passages, queries = {}, {}
        answers: dict[str, list[str]] = {}
        for language, captions in found.items():
            asked, offered = _split(captions)
            ids = [f"{language}-p-{image}-{number:02d}" for image, number, _ in offered]
            passages[language] = Passages(language, ids, [text for *_, text in offered])
            for caption, key in zip(offered, ids, strict=True):
                answers.setdefault(caption[0], []).append(key)
            keys = [image for image, _ in asked]
            query_ids = [f"{language}-q-{key}-00" for key in keys]
            queries[language] = Queries(language, query_ids, [text for _, text in asked], keys, keys)
        qrels = GroupQrels(queries.values(), answers)
        return self.dataset(root, languages, split, passages=passages, queries=queries, qrels=qrels)


def _split(captions: Captions) -> tuple[list[tuple[str, str]], list[tuple[str, int, str]]]:
    """The queries (image, text) and the passages (image, number of the caption, text) of a language, in id order."""
    asked, offered = [], []
    for image in sorted(captions, key=lambda image: f"{image}-"):  # as the ids are sorted
        texts = captions[image]
        if len(texts) > 1 or _asks(image):
            asked.append((image, texts[0]))
        if len(texts) > 1 or not _asks(image):
            first = 1 if len(texts) > 1 else 0
            offered += [(image, number, text) for number, text in enumerate(texts) if number >= first]
    return asked, offered


def _asks(image: str) -> bool:
    """Whether the only caption of an image is the query: for half of the images, the same in every language."""
    return hashlib.blake2b(image.encode(), digest_size=1).digest()[0] % 2 == 0


def _from_lines(path: Path, languages: Sequence[str]) -> dict[str, Captions]:
    found: dict[str, Captions] = {language: {} for language in languages}
    for line, record in read_json_lines(path, ("image/key",)):
        for language in languages:
            entry = record.get(language)
            captions = entry.get("caption") if isinstance(entry, dict) else None
            _add(found[language], record["image/key"], captions, f"{at(path, line)}: {language!r}")
    if not next(iter(found.values())):
        raise DatasetError(f"{path}: holds no image; delete it and fetch it again")
    return found


def _from_tables(root: Path, languages: Sequence[str]) -> dict[str, Captions]:
    found: dict[str, Captions] = {language: {} for language in languages}
    for language in languages:
        for path in _tables(root, language):
            # these two columns alone: the images beside them are gigabytes
            for row, record in read_parquet(path, required(path, "image_id", "captions")):
                _add(found[language], str(record["image_id"]), record["captions"], f"{at(path, row)}:")
    return found


def _tables(root: Path, language: str) -> list[Path]:
    name = re.compile(rf"{language}(-\d{{5}}-of-\d{{5}}(-[0-9a-f]+)?)?\.parquet")
    return sorted(path for path in (root / "data").glob(f"{language}*.parquet") if name.fullmatch(path.name))


def _add(captions: Captions, image: str, texts: Any, place: str) -> None:
    """The captions of one image, without empty ones."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DatasetError(f"{place} of image {image!r} has no list of captions; expected XM3600's layout")
    if image in captions:
        raise DatasetError(f"{place} image {image!r} appears twice")
    kept = [text.strip() for text in texts if text.strip()]
    if kept:
        captions[image] = kept


source = Xm3600Source()
