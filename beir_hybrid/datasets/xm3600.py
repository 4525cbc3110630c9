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
from beir_hybrid.datasets.parallel import Answer, Question, parallel
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.readers.parquet import read_parquet, required

_CAPTIONS = "captions.jsonl"

Captions = dict[str, list[str]]
"""``{image key: its captions in one language}``."""


class Xm3600Source(TableSource):
    """Captions of the same pictures: from the authors' archive, or mteb's tables."""

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The archive's file; or the tables, where those of all languages are there and it is not."""
        tables = [_tables(root, language) for language in languages]
        if (root / _CAPTIONS).exists() or not all(tables):
            return [RemoteFile(_CAPTIONS, f"{self.base}/{self.path}")]
        return [RemoteFile(path.relative_to(root).as_posix(), "") for found in tables for path in found]

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self.download_all(root, [self.file_of(languages[0], split)])
            extract(root / self.path, lambda members: {_CAPTIONS: root / _CAPTIONS})
            (root / self.path).unlink(missing_ok=True)
        return self.files(root, languages, split)

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        whole = (root / _CAPTIONS).exists()
        found = _from_lines(root / _CAPTIONS, languages) if whole else _from_tables(root, languages)
        passages: dict[str, dict[str, Answer]] = {language: {} for language in languages}
        queries: dict[str, dict[str, Question]] = {language: {} for language in languages}
        for language, captions in found.items():
            for image, texts in captions.items():
                asks = len(texts) > 1 or _asks(image)
                if asks:
                    queries[language][f"{image}-00"] = Question(texts[0], image)
                offered = enumerate(texts[1:], 1) if len(texts) > 1 else enumerate([] if asks else texts)
                passages[language] |= {f"{image}-{number:02d}": Answer(text, [image]) for number, text in offered}
        return self.dataset(root, languages, split, **parallel(passages, queries))


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
