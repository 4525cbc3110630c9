"""MIRACL: Wikipedia passages and judged queries in 18 languages (arXiv 2210.09984), from its raw files.

Topics and qrels are ``miracl-v1.0-{lang}/{topics,qrels}/...``, the corpus
``miracl-corpus-v1.0-{lang}/docs-{i}.jsonl.gz``, as in the repositories of its authors on the Hugging Face hub.
Queries are not parallel, so the data set has no cross-lingual setting; judged negatives keep their grade 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.beir_shaped import join_topics, together
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence

# the longest ids of the published files are 12 (passages) and 10 (queries) characters
_PASSAGE_WIDTH = 16
_QUERY_WIDTH = 12
_UNTRAINED = ("de", "yo")  # languages without a train split


class MiraclSource(FileSource):
    """MIRACL: questions and judgments of native speakers over each language's Wikipedia (arXiv 2210.09984)."""

    name = "miracl"
    summary = "18 languages, 106 million Wikipedia passages, 13,495 judged dev queries; not parallel"
    languages = (
        "ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh",
    )  # fmt: skip
    splits = ("dev", "train")
    licence = Licence("Apache-2.0", "https://huggingface.co/datasets/miracl/miracl", "(text: Wikipedia, CC BY-SA)")

    @cached_property
    def published(self) -> dict[str, RemoteFile]:
        """Every published file by path, with its md5 and size."""
        table = (files("beir_hybrid.datasets") / "miracl_files.tsv").read_text(encoding="utf-8")
        found = {}
        for line in table.splitlines():
            path, size, md5 = line.split("\t")
            corpus = path.startswith("miracl-corpus")
            # topics and qrels are behind a login in miracl/miracl; the mirror holds the same bytes
            repository = "miracl/miracl-corpus" if corpus else "macavaney/miracl-noauth"
            found[path] = RemoteFile(path, hub_url(repository, path), f"md5:{md5}", int(size))
        return found

    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        wanted: list[RemoteFile] = []
        for language in languages:
            if split == "train" and language in _UNTRAINED:
                raise DatasetError(
                    f"miracl has no train split in {language!r}; leave it out: all but {' and '.join(_UNTRAINED)}"
                )
            wanted += [self.published[path] for path in self._judgment_paths(language, split)]
            wanted += self._shards(language)
        return wanted

    def _judgment_paths(self, language: str, split: str) -> tuple[str, str]:
        base = f"miracl-v1.0-{language}"
        return (
            f"{base}/topics/topics.{base}-{split}.tsv",
            f"{base}/qrels/qrels.{base}-{split}.tsv",
        )

    def _shards(self, language: str) -> list[RemoteFile]:
        prefix = f"miracl-corpus-v1.0-{language}/"
        return [file for path, file in self.published.items() if path.startswith(prefix)]

    def local(self, root: Path, file: RemoteFile) -> Path:
        beside = root.parent / "miracl-corpus" / file.path
        return beside if file.path.startswith("miracl-corpus") and beside.exists() else root / file.path

    def corpus_shards(self, root: Path, language: str) -> list[RemoteFile]:
        """The shards to read: all published ones, or those of a corpus of the user's own in the same layout.

        A corpus is the user's own when its first shard is another than the published one; its shards are numbered
        from 0.
        """
        published = self._shards(language)
        first = self.local(root, published[0])
        here = {int(p.name[5:-9]) for p in first.parent.glob("docs-*.jsonl.gz") if p.name[5:-9].isdigit()}
        if not here or not first.exists() or digests_of(first).get(published[0].algorithm) == published[0].expected:
            return published
        return [
            RemoteFile(f"miracl-corpus-v1.0-{language}/docs-{number}.jsonl.gz", "") for number in range(max(here) + 1)
        ]

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """The passages of a language, converted into the cache folder at the first call.

        Args:
            workers: see `ArrowCorpus.build`.

        Raises:
            DatasetError: a shard is missing, damaged, malformed, or of another revision than the one before it.
        """
        shards = self.corpus_shards(root, language)
        paths = [self.local(root, shard) for shard in shards]
        for shard, path in zip(shards, paths, strict=True):
            # those of a corpus of one's own have no checksum
            got = digests_of(path).get(shard.algorithm) if shard.expected else ""
            if got != shard.expected:
                raise DatasetError(
                    f"{path} is damaged or of another revision than {paths[0].name}: its {shard.algorithm} is {got}, "
                    f"expected {shard.expected}; delete it and run: beir-hybrid fetch miracl --languages {language}"
                )
        folder = corpus_folder(self.name, language, paths)
        return ArrowCorpus.build(
            paths, folder, id_prefix=f"{language}-p-", id_width=_PASSAGE_WIDTH, id_field="docid", workers=workers
        )

    def missing(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """Topics, judgments and those corpus shards that are not below ``root``."""
        wanted = [f for f in self.remote_files(languages, split) if not f.path.startswith("miracl-corpus")]
        for language in languages:
            wanted += self.corpus_shards(root, language)
        return [file for file in wanted if not self.local(root, file).exists()]

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        read, used = [], []
        for language in languages:
            judgments = [self.published[path] for path in self._judgment_paths(language, split)]
            used += [*judgments, *self.corpus_shards(root, language)]
            topics, qrels = (self.local(root, file) for file in judgments)
            passages = self.corpus(root, language).passages(language)
            read.append(join_topics(passages, topics, qrels, query_width=_QUERY_WIDTH))
        return Dataset(
            self.name,
            split,
            **together(read),
            licence=self.licence,
            files=self.loaded_files(root, used),
            # relevance is judged in the query's own language only
            default_settings=("mono",),
        )


source = MiraclSource()
