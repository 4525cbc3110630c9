"""MIRACL: Wikipedia passages and judged queries in 18 languages (arXiv 2210.09984), from its raw files.

Topics and qrels are ``miracl-v1.0-{lang}/{topics,qrels}/...``, the corpus
``miracl-corpus-v1.0-{lang}/docs-{i}.jsonl.gz``, as in the repositories of its authors on the Hugging Face hub.
Queries are not parallel, so the data set has no cross-lingual setting; judged negatives keep their grade 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.topic_source import Repository, TopicSource
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence

LANGUAGES = ("ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh")
_UNTRAINED = ("de", "yo")  # languages without a train split


class MiraclSource(TopicSource):
    """MIRACL: questions and judgments of native speakers over each language's Wikipedia, whose corpora are shards."""

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        for language in languages:
            if split == "train" and language in _UNTRAINED:
                raise DatasetError(
                    f"miracl has no train split in {language!r}; leave it out: all but {' and '.join(_UNTRAINED)}"
                )
        return super().remote_files(root, languages, split)

    def corpus_files(self, root: Path, language: str) -> list[RemoteFile]:
        """All published shards, or those of a corpus of the user's own in the same layout.

        A corpus is the user's own when its first shard is another than the published one; its shards are numbered
        from 0.
        """
        shards = self._shards(language)
        first = self.local(root, shards[0])
        here = {int(p.name[5:-9]) for p in first.parent.glob("docs-*.jsonl.gz") if p.name[5:-9].isdigit()}
        if not here or not first.exists() or digests_of(first).get(shards[0].algorithm) == shards[0].expected:
            return shards
        return [
            RemoteFile(f"miracl-corpus-v1.0-{language}/docs-{number}.jsonl.gz", "") for number in range(max(here) + 1)
        ]

    def _shards(self, language: str) -> list[RemoteFile]:
        prefix = f"miracl-corpus-v1.0-{language}/"
        return [self.published(path, self.corpus_in) for path in self.checksums if path.startswith(prefix)]

    def _refuse_damaged(self, root: Path, languages: Sequence[str], split: str) -> None:
        super()._refuse_damaged(root, languages, split)
        for language in languages:  # no corpus of one's own is in our cache
            self._refuse_other(root, self._shards(language)[0])

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """See `TopicSource.corpus`; a shard of another revision than the first one is refused."""
        shards = self.corpus_files(root, language)
        for shard in shards:  # those of a corpus of one's own have no checksum
            if (got := self._other_digest(root, shard)) is not None:
                raise DatasetError(
                    f"{self.local(root, shard)} is damaged or of another revision than {Path(shards[0].path).name}: "
                    f"its {shard.algorithm} is {got}, expected {shard.expected}; delete it and run: beir-hybrid fetch "
                    f"miracl --languages {language}"
                )
        return super().corpus(root, language, workers)


def _table() -> list[list[str]]:
    """Path, size and md5 of every published file."""
    table = (files("beir_hybrid.datasets") / "miracl_files.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in table.splitlines()]


source = MiraclSource(
    name="miracl",
    summary="18 languages, 106 million Wikipedia passages, 13,495 judged dev queries; not parallel",
    splits=("dev", "train"),
    licence=Licence("Apache-2.0", "https://huggingface.co/datasets/miracl/miracl", "(text: Wikipedia, CC BY-SA)"),
    called={language: language for language in LANGUAGES},
    topics="miracl-v1.0-{code}/topics/topics.miracl-v1.0-{code}-{split}.tsv",
    qrels="miracl-v1.0-{code}/qrels/qrels.miracl-v1.0-{code}-{split}.tsv",
    corpus_path="miracl-corpus-v1.0-{code}",
    # behind a login in miracl/miracl; the mirror holds the same bytes
    questions_in=Repository("macavaney/miracl-noauth"),
    corpus_in=Repository("miracl/miracl-corpus"),
    checksums={path: f"md5:{md5}" for path, _, md5 in _table()},
    sizes={path: int(size) for path, size, _ in _table()},
    # the longest ids of the published files are 12 (passages) and 10 (queries) characters
    passage_width=16,
    query_width=12,
)
