"""CIRAL (SIGIR 2024, doi 10.1145/3626772.3657884): English questions asked of African news in four languages.

Topics and qrels are ``ciral-{name}/{topics,qrels}/{topics,qrels}.ciral-v1.0-{code}-{split}.tsv`` in ``CIRAL/ciral``,
the corpora ``passages-v1.0/{name}_passages.jsonl`` (``{docid, title, text}``) in ``CIRAL/ciral-corpus`` (their cards).
Each language has questions of its own, judged in it alone, so that a data set has cross-lingual settings by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.datasets.beir_shaped import Question, join, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError
from beir_hybrid.readers.judgments import read_judgments
from beir_hybrid.readers.topics import read_topics
from beir_hybrid.records import Licence, Queries

_NAMES = {"ha": "hausa", "so": "somali", "sw": "swahili", "yo": "yoruba"}
_ASKED = "en"


class CiralSource(FileSource):
    """Topics, qrels and corpus of each language."""

    name = "ciral"
    summary = "English questions over 2.6 million news passages in Hausa, Somali, Swahili and Yoruba"
    languages = tuple(sorted([*_NAMES, _ASKED]))
    splits = ("test-a", "test-b", "dev")
    licence = Licence("Apache-2.0", "https://huggingface.co/datasets/CIRAL/ciral")

    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        return [file for language in languages if language != _ASKED for file in self._of(language, split)]

    def _of(self, language: str, split: str) -> tuple[RemoteFile, RemoteFile, RemoteFile]:
        """Topics, qrels and corpus."""
        name = _NAMES[language]
        topics, qrels = (
            f"ciral-{name}/{kind}/{kind}.ciral-v1.0-{language}-{split}.tsv" for kind in ("topics", "qrels")
        )
        corpus = f"passages-v1.0/{name}_passages.jsonl"
        return (
            RemoteFile(topics, hub_url("CIRAL/ciral", topics)),
            RemoteFile(qrels, hub_url("CIRAL/ciral", qrels)),
            RemoteFile(corpus, hub_url("CIRAL/ciral-corpus", corpus)),
        )

    def local(self, root: Path, file: RemoteFile) -> Path:
        beside = root.parent / "ciral-corpus" / file.path
        return beside if file.path.endswith("_passages.jsonl") and beside.exists() else root / file.path

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call."""
        if language == _ASKED:
            raise DatasetError(f"{self.name} has no passages in {_ASKED!r}; choose of {', '.join(_NAMES)}")
        path = self.local(root, self._of(language, self.splits[0])[2])
        folder = corpus_folder(self.name, language, [path])
        return ArrowCorpus.build([path], folder, id_prefix=f"{language}-p-", id_field="docid", workers=workers)

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        chosen = [language for language in languages if language != _ASKED]
        if not chosen:
            raise DatasetError(f"{self.name} has no passages in {_ASKED!r}; add a language of {', '.join(_NAMES)}")
        read = []
        for language in chosen:
            topics, qrels, _corpus = (self.local(root, file) for file in self._of(language, split))
            # a number is another question in each language
            questions = {f"{language}.{key}": Question(_ASKED, text) for key, text in read_topics(topics).items()}
            judged = (pair._replace(query=f"{language}.{pair.query}") for pair in read_judgments(qrels))
            read.append(
                join({language: self.corpus(root, language).passages(language)}, questions, judged, place=qrels)
            )
        asked = [part.queries[_ASKED] for part in read]
        columns = (list(chain.from_iterable(column)) for column in zip(
            *((block.ids, block.texts, block.groups, block.source_ids) for block in asked), strict=True))  # fmt: skip
        return Dataset(
            self.name, split, **{**together(read), "queries": {_ASKED: Queries(_ASKED, *columns)}},
            licence=self.licence,
            files=self.loaded_files(root, self.remote_files(chosen, split)), default_settings=("cross",),
        )  # fmt: skip


source = CiralSource()
