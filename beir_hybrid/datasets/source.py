"""Sources: what a data set's package registers, and the base for those that consist of published files."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, download
from beir_hybrid.disk.locations import Root, find_root
from beir_hybrid.errors import DatasetError, did_you_mean
from beir_hybrid.languages import check_language
from beir_hybrid.progress import counted, tell
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
    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The files that hold these languages of this split.

        Args:
            root: where they are, or will be; of several layouts it is the one that is found there.
        """

    @abc.abstractmethod
    def read(self, root: Path, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        """The data set from the files below ``root``; all of `remote_files` are there."""

    def dataset(self, root: Path, languages: Sequence[str], split: str, **content: Any) -> Dataset:
        """What `read` made of the files, with where it is from."""
        files = [self._loaded(root, file) for file in self.remote_files(root, languages, split)]
        return Dataset(name=self.name, split=split, licence=self.licence, files=files, **content)

    def root(self, data_dir: Path | str | None) -> Root:
        """The folder its files are in, or would be written to, and how it was found."""
        base = Path(data_dir or "").expanduser()
        known = self.remote_files(base, self.languages, self.splits[0]) if data_dir else []
        return find_root(self.name, data_dir, [file.path for file in known])

    def local(self, root: Path, file: RemoteFile) -> Path:
        """Where a published file stands below ``root``; a source whose files lie in several layouts overrides this."""
        return root / file.path

    def missing(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """The files that are not below ``root``."""
        return [f for f in self.remote_files(root, languages, split) if not self.local(root, f).exists()]

    def files(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        """The files below ``root`` that `read` reads, where none is missing."""
        return [self.local(root, file) for file in self.remote_files(root, languages, split)]

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        """Download what is missing below ``root``.

        Raises:
            DownloadError: a file cannot be had.
            DatasetError: a file is missing from a corpus that is not the published one.
        """
        wanted = self.missing(root, languages, split)
        self._refuse_unpublished(root, wanted)
        self.download_all(root, wanted)
        return self.files(root, languages, split)

    def download_all(self, root: Path, wanted: Sequence[RemoteFile]) -> None:
        """Say what will be fetched and under which licence, and fetch it."""
        if wanted:
            size = sum(file.about_bytes for file in wanted)
            about = f", {size / 1e6:,.0f} MB" if size else ""
            files = counted(len(wanted), "file", "files")
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
        missing = self.missing(root.path, languages, split)
        self._refuse_unpublished(root.path, missing)
        if missing:
            folder = data_dir if root.kind == "data-dir" else root.path.parent
            which = "" if split == self.splits[0] else f" --split {split}"
            raise DatasetError(
                f"{root.path / missing[0].path} is missing; run: {self._command(languages)}{which} --data-dir "
                f"{folder}, or choose other languages"
            )
        if root.kind == "cache":  # a user's own file may differ, and is recorded so
            self.refuse_damaged(root.path, self.pinned_files(root.path, languages, split), languages)
        return root

    def _command(self, languages: Sequence[str]) -> str:
        which = "" if set(languages) == set(self.languages) else f" --languages {','.join(languages)}"
        return f"beir-hybrid fetch {self.name}{which}"

    def _refuse_unpublished(self, root: Path, missing: Sequence[RemoteFile]) -> None:
        for file in missing:
            if not file.url:
                local = self.local(root, file)
                raise DatasetError(
                    f"{local} is missing, and the files beside it are not the published ones, so it cannot be "
                    f"fetched; add it, or remove {local.parent} and run: beir-hybrid fetch {self.name}"
                )

    def pinned_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        """Those that must be the published ones in our own cache."""
        return self.remote_files(root, languages, split)

    def refuse_damaged(
        self, root: Path, files: Sequence[RemoteFile], languages: Sequence[str], what: str = "damaged"
    ) -> None:
        """Files that are not the published ones, where it is known what those are."""
        for file in files:
            local = self.local(root, file)
            got = digests_of(local).get(file.algorithm) if file.expected else ""
            if got != file.expected:
                raise DatasetError(
                    f"{local} is {what}: its {file.algorithm} is {got}, expected {file.expected}; "
                    f"delete it and run: {self._command(languages)}"
                )

    def _loaded(self, root: Path, file: RemoteFile) -> LoadedFile:
        """What was read, with its checksum, and whether it is the published file."""
        got = digests_of(self.local(root, file))
        return LoadedFile(file.path, got.sha256, got.get(file.algorithm) == file.expected if file.expected else None)


@dataclass(frozen=True, kw_only=True)
class TableSource(FileSource):
    """A data set of this package, as ``catalogue.toml`` describes it: a file for each language, if no more is said.

    Args:
        called: what files call each language.
        base: the address that paths are below.
        path: of a language's file, with ``{language}``, ``{name}`` (what it is called) and ``{split}``.
        checksums: of paths that are pinned, as `RemoteFile` has them.
        sizes: of paths, in bytes.
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    licence: Licence
    called: Mapping[str, str]
    base: str = ""
    path: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field elsewhere, derived here
        return tuple(sorted(self.called))

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        asked = [language for language in languages if language in self.called]
        return list(dict.fromkeys(self.file_of(language, split) for language in asked))

    def file_of(self, language: str, split: str) -> RemoteFile:
        """The one file of a language."""
        return self.published(self.path, language, split, self.base)

    def published(self, pattern: str, language: str, split: str, base: str) -> RemoteFile:
        """A file with what is known of it."""
        path = pattern.format(language=language, name=self.called[language], split=split)
        return RemoteFile(path, f"{base}/{path}", self.checksums.get(path, ""), self.sizes.get(path, 0))


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
