"""Sources: what a data set's package registers, and the base for those that consist of published files."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, download
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.disk.locations import Root, find_root
from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.languages import check_language
from beir_hybrid.progress import tell
from beir_hybrid.records import Licence, LoadedFile


class Source(Protocol):
    """What an entry point of the group ``beir_hybrid.datasets`` names: an object (or module) like this."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def languages(self) -> Sequence[str]: ...

    @property
    def splits(self) -> Sequence[str]:
        """The first one is the default."""
        ...

    @property
    def licence(self) -> Licence: ...

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        """The data set; ``languages`` and ``split`` have been checked."""
        ...


class FileSource(abc.ABC):
    """A data set made of published files, one folder for all of them.

    A subclass says which files there are and reads them from a folder; finding, fetching and checking them is
    done here.
    """

    name: str
    summary: str
    languages: tuple[str, ...]
    splits: tuple[str, ...]
    licence: Licence

    @abc.abstractmethod
    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The published files that hold these languages of this split."""

    @abc.abstractmethod
    def read(self, root: Path, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        """The data set from the files below ``root``; all of `remote_files` are there."""

    def root(self, data_dir: Path | str | None) -> Root:
        """The folder its files are in, or would be written to, and how it was found."""
        known = [file.path for file in self.remote_files(self.languages, self.splits[0])]
        return find_root(self.name, data_dir, known)

    def local(self, root: Path, file: RemoteFile) -> Path:
        """Where a published file stands below ``root``; a source whose files lie in several layouts overrides this."""
        return root / file.path

    def missing(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The published files that are not below ``root``."""
        return [f for f in self.remote_files(languages, split) if not self.local(root, f).exists()]

    def files(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        """The files below ``root`` that `read` reads, where none is missing."""
        return [self.local(root, file) for file in self.remote_files(languages, split)]

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        """Download what is missing below ``root``.

        Raises:
            DownloadError: a file cannot be had.
            DatasetError: a file is missing from a corpus that is not the published one.
        """
        wanted = self.missing(root, languages, split)
        for file in wanted:
            if not file.url:
                raise self._not_published(root, file)
        self.download_all(root, wanted)
        return self.files(root, languages, split)

    def download_all(self, root: Path, wanted: Sequence[RemoteFile]) -> None:
        """Say what will be fetched and under which licence, and fetch it."""
        if wanted:
            size = sum(file.about_bytes for file in wanted)
            about = f", {size / 1e6:,.0f} MB" if size else ""
            files = "1 file" if len(wanted) == 1 else f"{len(wanted)} files"
            terms = " ".join(part for part in (self.licence.name, self.licence.url, self.licence.note) if part)
            tell(f"fetching {self.name}: {files}{about}. Licence: {terms}")
        for file in wanted:
            download(file, root / file.path)

    def fetch_root(self, data_dir: Path | None) -> Path:
        """Where files are fetched to, which is where `load` looks for them: see `find_root`."""
        try:
            return self.root(data_dir).path
        except DatasetError:  # nothing there yet
            return Path(data_dir or "").expanduser() / self.name

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        return self.read(self.filled_root(data_dir, languages, split).path, languages, split, **options)

    def filled_root(self, data_dir: Path | str | None, languages: Sequence[str], split: str) -> Root:
        """The folder to read from, after what is missing was downloaded into the cache, if it is that.

        Raises:
            DatasetError: a file is missing from another folder, or damaged in the cache.
            DownloadError: a file cannot be had.
        """
        root = self.root(data_dir)
        if root.kind == "cache":
            self.fetch(root.path, languages, split)
        for file in self.missing(root.path, languages, split):
            if not file.url:
                raise self._not_published(root.path, file)
            folder = data_dir if root.kind == "data-dir" else root.path.parent
            which = "" if set(languages) == set(self.languages) else f" --languages {','.join(languages)}"
            which += "" if split == self.splits[0] else f" --split {split}"
            raise DatasetError(
                f"{root.path / file.path} is missing; run: beir-hybrid fetch {self.name}{which} --data-dir {folder}, "
                f"or choose other languages"
            )
        self._check(root, languages, split)
        return root

    def _not_published(self, root: Path, file: RemoteFile) -> DatasetError:
        local = self.local(root, file)
        return DatasetError(
            f"{local} is missing, and the files beside it are not the published ones, so it cannot be fetched; "
            f"add it, or remove {local.parent} and run: beir-hybrid fetch {self.name}"
        )

    def _check(self, root: Root, languages: Sequence[str], split: str) -> None:
        """A file in our own cache must be the published one; a user's own file may differ, and is recorded so."""
        if root.kind != "cache":
            return
        for file in self.remote_files(languages, split):
            local = self.local(root.path, file)
            if not local.exists():
                raise self._not_published(root.path, file)
            if local.stat().st_size > _BIG:
                continue  # gigabytes are checked while they are downloaded
            got = file.digest_of(local) if file.expected else ""
            if got != file.expected:
                raise DatasetError(
                    f"{local} is damaged: its {file.algorithm} is {got}, expected {file.expected}; "
                    f"delete it and run: beir-hybrid fetch {self.name}"
                )

    def loaded_files(self, root: Path, files: Iterable[RemoteFile]) -> list[LoadedFile]:
        """What was read, with checksums; ``pinned`` says whether it is the published file."""
        found = []
        for file in files:
            local = self.local(root, file)
            if local.stat().st_size > _BIG:
                found.append(LoadedFile(file.path, "", None))
                continue
            same = None if not file.expected else file.digest_of(local) == file.expected
            found.append(LoadedFile(file.path, sha256_of(local), same))
        return found


_BIG = 64 << 20


def check_selection(source: Source, languages: Iterable[str] | str | None, split: str | None) -> tuple[list[str], str]:
    """The languages (sorted, each once) and split to load.

    Raises:
        DatasetError: an unknown split; SettingError: an unknown language.
    """
    if languages is None:
        chosen = list(source.languages)
    else:
        given = languages.split(",") if isinstance(languages, str) else list(languages)
        chosen = [check_language(language.strip(), source.languages) for language in given]
        if not chosen:
            raise DatasetError(f"no language of {source.name} was chosen; it has: {', '.join(source.languages)}")
    split = source.splits[0] if split is None else split
    if split not in source.splits:
        raise DatasetError(f"{source.name} has no split {split!r}; {did_you_mean(split, source.splits)}")
    return sorted(set(chosen)), split
