"""MIRACL (arXiv 2210.09984), whose corpora are shards that a user's own may take the place of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.judged_source import LanguageFiles
from beir_hybrid.datasets.topic_source import TopicSource
from beir_hybrid.errors import DatasetError

_UNTRAINED = ("de", "yo")  # languages without a train split


class MiraclSource(TopicSource):
    """A corpus is the user's own when its first shard is another than the published one; its shards count from 0."""

    def language_files(self, root: Path, language: str, split: str) -> LanguageFiles:
        if split == "train" and language in _UNTRAINED:
            raise DatasetError(
                f"miracl has no train split in {language!r}; leave it out: all but {' and '.join(_UNTRAINED)}"
            )
        shards = self._shards(language)
        first = self.local(root, shards[0])
        here = {int(p.name[5:-9]) for p in first.parent.glob("docs-*.jsonl.gz") if p.name[5:-9].isdigit()}
        if here and first.exists() and digests_of(first).get(shards[0].algorithm) != shards[0].expected:
            folder = shards[0].path.rpartition("/")[0]
            shards = [RemoteFile(f"{folder}/docs-{number}.jsonl.gz", "") for number in range(max(here) + 1)]
        return super().language_files(root, language, split)._replace(corpus=shards)

    def _shards(self, language: str) -> list[RemoteFile]:
        prefix = self.corpus_path.format(language=language)
        base = hub_url(self.corpus_repository, self.corpus_revision)
        return [self.published(path, language, "", base) for path in self.checksums if path.startswith(prefix)]

    def pinned_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """Of the corpora the first shard, which no corpus of one's own has in our cache; the others in `corpus`."""
        return [*super().pinned_files(root, languages, split), *(self._shards(language)[0] for language in languages)]

    def corpus(self, root: Path, language: str, workers: int | None = None) -> ArrowCorpus:
        """See `JudgedSource.corpus`; a shard of another revision than the first one is refused."""
        shards = self.language_files(root, language, self.splits[0]).corpus  # of one's own they have no checksum
        what = f"damaged or of another revision than {Path(shards[0].path).name}"
        self.refuse_damaged(root, shards, [language], what)
        return super().corpus(root, language, workers)
