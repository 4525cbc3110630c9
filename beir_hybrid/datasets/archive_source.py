"""BEIR-shaped sets in one zip archive: fetched, checked, unpacked, and the archive removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from beir_hybrid.datasets.archive import extract, members
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parts import find_parts, splits_of
from beir_hybrid.datasets.parts_source import PartsSource
from beir_hybrid.errors import DatasetError


@dataclass(frozen=True)
class ArchiveSource(PartsSource):
    """A set whose archive holds one folder of its name: corpus, queries and the judgments of every split."""

    archive: RemoteFile = field(kw_only=True)

    @property
    def origin(self) -> str:
        return self.archive.url

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self.download_all(root, [self.archive])
            archive = root / self.archive.path
            inside = {name.partition("/")[2]: name for name in members(archive)}
            wanted = [path for each in splits_of(inside) for path in find_parts(inside, each).all]
            extract(archive, {inside[path]: root / path for path in wanted})
            if self.missing(root, languages, split):
                raise DatasetError(
                    f"{archive} holds no corpus, queries and qrels of split {split!r}; "
                    f"it has the splits: {', '.join(splits_of(inside)) or 'none'}"
                )
            archive.unlink(missing_ok=True)
        return self.files(root, languages, split)
