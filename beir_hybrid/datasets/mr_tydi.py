"""Mr. TyDi v1.1: questions and Wikipedia passages in 11 languages (arXiv 2108.08787), from its raw files.

Topics and qrels are ``mrtydi-v1.1-{language}/ir-format-data/{topics,qrels}.{split}.txt`` in ``castorini/mr-tydi``,
the corpus ``mrtydi-v1.1-{language}/corpus.jsonl.gz`` (``{docid, title, text}``) in ``castorini/mr-tydi-corpus``, seen
in public code that reads them at the revisions pinned here; two of the corpora's checksums are known. Questions are
not parallel, and only relevant passages are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.datasets.beir_shaped import join_topics, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.records import Licence

_NAMES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ja": "japanese",
    "ko": "korean", "ru": "russian", "sw": "swahili", "te": "telugu", "th": "thai",
}  # fmt: skip
_QUESTIONS = "1d43c80218d06d0ef80f5b172ccabd848b948bc1"
_CORPUS = "3a3aa212bbe94a8cc0dc858710a3dad49d532054"
_SHA256 = {
    "sw": "be45a839aa4445fb77ae8e43974a5310abc5665e1750bcedf7e7d5134e292fe1",
    "te": "6142ecfdfba4c77e60296bf3f62a48661db237057aa7c7facb4f92c213065726",
}
_PASSAGE_WIDTH, _QUERY_WIDTH = 16, 8


class MrTydiSource(FileSource):
    """Mr. TyDi: TyDi QA's questions over each language's Wikipedia (arXiv 2108.08787)."""

    name = "mr-tydi"
    summary = "8,661 test questions over 58 million Wikipedia passages in 11 languages; not parallel"
    languages = tuple(sorted(_NAMES))
    splits = ("test", "dev", "train")
    licence = Licence("Apache-2.0", "https://github.com/castorini/mr.tydi", "(text: Wikipedia, CC BY-SA)")

    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        return [file for language in languages for file in self._of(language, split)]

    def _of(self, language: str, split: str) -> tuple[RemoteFile, RemoteFile, RemoteFile]:
        """Topics, qrels and corpus."""
        base = f"mrtydi-v1.1-{_NAMES[language]}"
        topics, qrels = (f"{base}/ir-format-data/{kind}.{split}.txt" for kind in ("topics", "qrels"))
        corpus, sha256 = f"{base}/corpus.jsonl.gz", _SHA256.get(language)
        return (
            RemoteFile(topics, hub_url("castorini/mr-tydi", topics, _QUESTIONS)),
            RemoteFile(qrels, hub_url("castorini/mr-tydi", qrels, _QUESTIONS)),
            RemoteFile(
                corpus, hub_url("castorini/mr-tydi-corpus", corpus, _CORPUS), f"sha256:{sha256}" if sha256 else ""
            ),
        )

    def local(self, root: Path, file: RemoteFile) -> Path:
        beside = root.parent / "mr-tydi-corpus" / file.path
        return beside if file.path.endswith("corpus.jsonl.gz") and beside.exists() else root / file.path

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call."""
        shard = self.local(root, self._of(language, self.splits[0])[2])
        return ArrowCorpus.build(
            [shard], corpus_folder(self.name, language, [shard]), id_prefix=f"{language}-p-", id_width=_PASSAGE_WIDTH,
            id_field="docid", workers=workers,
        )  # fmt: skip

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        read = []
        for language in languages:
            topics, qrels, _corpus = (self.local(root, file) for file in self._of(language, split))
            passages = self.corpus(root, language).passages(language)
            read.append(join_topics(passages, topics, qrels, query_width=_QUERY_WIDTH))
        return Dataset(
            self.name,
            split,
            **together(read),
            licence=self.licence,
            files=self.loaded_files(root, self.remote_files(languages, split)),
            default_settings=("mono",),
        )


source = MrTydiSource()
