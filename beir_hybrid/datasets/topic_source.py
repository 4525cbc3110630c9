"""Sources in the manner of TREC: topics, judgments and a corpus for each language, as MIRACL, Mr. TyDi and CIRAL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.judged_source import JudgedSource, LanguageFiles


@dataclass(frozen=True, kw_only=True)
class TopicSource(JudgedSource):
    """Files of a known name in two repositories of the hub.

    Args:
        topics, qrels, corpus_path: paths, as `TableSource.path`.
        repository, revision: where topics and qrels are.
        corpus_repository, corpus_revision: where the corpora are, which may also stand in a folder ``NAME-corpus``
            beside the data set's own.
    """

    topics: str
    qrels: str
    corpus_path: str
    repository: str
    corpus_repository: str
    revision: str = "main"
    corpus_revision: str = "main"

    def language_files(self, root: Path, language: str, split: str) -> LanguageFiles:
        judged, found = hub_url(self.repository, self.revision), hub_url(self.corpus_repository, self.corpus_revision)
        return LanguageFiles(
            [self.published(self.topics, language, split, judged)],
            [self.published(self.qrels, language, split, judged)],
            [self.published(self.corpus_path, language, split, found)],
        )

    def local(self, root: Path, file: RemoteFile) -> Path:
        beside = root.parent / f"{self.name}-corpus" / file.path
        return root / file.path if (root / file.path).exists() or not beside.exists() else beside
