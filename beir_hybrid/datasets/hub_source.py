"""BEIR-shaped sets: whatever layout their files are in, told from the files that are there; those on the hub."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.download import RemoteFile, hub_files
from beir_hybrid.datasets.judged_source import JudgedSource, LanguageFiles
from beir_hybrid.datasets.parts import find_parts, local_parts
from beir_hybrid.disk.files import write_json
from beir_hybrid.disk.locations import Root, find_root
from beir_hybrid.errors import DatasetError, at

_RECORD = "hub.json"


@dataclass(frozen=True, kw_only=True)
class BeirShapedSource(JudgedSource):
    """A set in any layout of `beir_hybrid.datasets.parts`; a language is called nothing where there is only one.

    Args:
        also_called: further names its folder may have below a data folder.
    """

    also_called: Sequence[str] = ()

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Where its files come from: an address."""

    def checksums_below(self, root: Path) -> Mapping[str, str]:
        """The sha256 of published files by path, as far as it is known."""
        return {}

    def language_files(self, root: Path, language: str, split: str) -> LanguageFiles:
        """Those of the layout that is found below ``root``; in place of a part that is in none, a name for it."""
        part, known = self.called[language], self.checksums_below(root)
        found, example = local_parts(root, split, part), f"{part}-" if part else ""

        def files(paths: Sequence[str], name: str) -> list[RemoteFile]:
            wanted = paths or (f"{example}{name}",)
            return [RemoteFile(each, self.origin, f"sha256:{known[each]}" if each in known else "") for each in wanted]

        return LanguageFiles(
            files(found.queries, "queries"), files(found.judgments, f"qrels/{split}"), files(found.corpus, "corpus")
        )

    def root(self, data_dir: Path | str | None) -> Root:
        """The folder that holds a corpus, or a folder called like the data set, and how it was found."""
        first = next(iter(self.called.values()))
        marks = (
            [f"{first}/corpus.parquet", f"{first}-corpus"] if first else ["corpus.jsonl", "corpus.jsonl.gz", "corpus"]
        )
        for name in self.also_called:
            if data_dir is not None and (Path(data_dir).expanduser() / name).is_dir():
                return Root(Path(data_dir).expanduser() / name, "data-dir")
        return find_root(self.name, data_dir, marks)


@dataclass(frozen=True, kw_only=True)
class HubSource(BeirShapedSource):
    """A set whose files are found by listing its repository, so that no number of shards is assumed.

    Args:
        repository: ``owner/name``.
        revision: a commit, so that everybody reads the same files.
    """

    repository: str
    revision: str

    @property
    def origin(self) -> str:
        return f"https://huggingface.co/datasets/{self.repository}"

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self._same_revision(root)
            wanted = self._wanted(root, languages, split)
            self.download_all(root, [file for file in wanted if not (root / file.path).exists()])
            known = {**self.checksums_below(root), **{file.path: file.expected for file in wanted if file.expected}}
            record = {"repository": self.repository, "revision": self.revision, "sha256": known}
            write_json(root / _RECORD, record)
        return self.files(root, languages, split)

    def _wanted(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        listed = {file.path: file for file in hub_files(self.repository, self.revision, root)}
        wanted: list[RemoteFile] = []
        for language in languages:
            parts = find_parts(listed, split, self.called[language])
            for name, paths in (("corpus", parts.corpus), ("queries", parts.queries), ("qrels", parts.judgments)):
                if not paths or any(path not in listed for path in paths):
                    raise DatasetError(
                        f"{self.origin} at {self.revision} holds no {name} of {self.name} "
                        f"({language}, {split}) in a layout that is known; it has {len(listed)} files"
                    )
                wanted += [listed[path] for path in paths]
        return wanted

    def checksums_below(self, root: Path) -> Mapping[str, str]:
        found: Mapping[str, str] = self._record(root).get("sha256", {})
        return found

    def pinned_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        self._same_revision(root)
        return super().pinned_files(root, languages, split)

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
