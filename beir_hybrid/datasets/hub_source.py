"""BEIR-shaped sets in one repository of the Hugging Face hub, fetched file by file at a pinned revision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.download import RemoteFile, hub_files
from beir_hybrid.datasets.parts import find_parts
from beir_hybrid.datasets.parts_source import PartsSource
from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import DatasetError, at

_RECORD = "hub.json"


@dataclass(frozen=True)
class HubSource(PartsSource):
    """A set whose files are found by listing its repository, so that no number of shards is assumed.

    Args:
        repository: ``owner/name``.
        revision: a commit, so that everybody reads the same files.
    """

    repository: str = field(kw_only=True)
    revision: str = field(kw_only=True)

    @property
    def origin(self) -> str:
        return f"https://huggingface.co/datasets/{self.repository}"

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self._same_revision(root)
            wanted = self._wanted(root, languages, split)
            self.download_all(root, [file for file in wanted if not (root / file.path).exists()])
            known = {**self.published(root), **{file.path: file.expected for file in wanted if file.expected}}
            record = {"repository": self.repository, "revision": self.revision, "sha256": known}
            write_json(root / _RECORD, record)
        return self.files(root, languages, split)

    def _wanted(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        listed = {file.path: file for file in hub_files(self.repository, self.revision, root)}
        wanted: list[RemoteFile] = []
        for language in languages:
            parts = find_parts(listed, split, self.parts[language])
            for name, paths in (("corpus", parts.corpus), ("queries", parts.queries), ("qrels", parts.judgments)):
                if not paths or any(path not in listed for path in paths):
                    raise DatasetError(
                        f"{self.origin} at {self.revision} holds no {name} of {self.name} "
                        f"({language}, {split}) in a layout that is known; it has {len(listed)} files"
                    )
                wanted += [listed[path] for path in paths]
        return wanted

    def published(self, root: Path) -> Mapping[str, str]:
        found: Mapping[str, str] = self._record(root).get("sha256", {})
        return found

    def _refuse_damaged(self, root: Path, languages: Sequence[str], split: str) -> None:
        self._same_revision(root)
        super()._refuse_damaged(root, languages, split)

    def _same_revision(self, root: Path) -> None:
        before = self._record(root).get("revision", self.revision)
        if before != self.revision:
            raise DatasetError(
                f"{root} holds files of revision {before}, expected {self.revision}; "
                f"delete it and run: beir-hybrid fetch {self.name}"
            )

    def _record(self, root: Path) -> dict[str, Any]:
        path = root / _RECORD
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DatasetError(f"{at(path)}: cannot be read ({error}); delete it") from error
        return found if isinstance(found, dict) else {}
