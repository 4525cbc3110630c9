"""Zip archives: BEIR-shaped sets in one, and members that become files one by one, each whole or not at all."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.hub_source import BeirShapedSource
from beir_hybrid.datasets.parts import find_parts, splits_of
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class ArchiveSource(BeirShapedSource):
    """A set whose archive holds one folder of its name: corpus, queries and the judgments of every split.

    It is fetched, checked, unpacked, and removed.
    """

    archive: RemoteFile

    @property
    def origin(self) -> str:
        return self.archive.url

    def fetch(self, root: Path, languages: Sequence[str], split: str) -> list[Path]:
        if self.missing(root, languages, split):
            self.download_all(root, [self.archive])
            archive = root / self.archive.path
            extract(archive, lambda members: _parts_of(members, root))
            if self.missing(root, languages, split):
                known = ", ".join(splits_of(path.relative_to(root).as_posix() for path in root.rglob("*"))) or "none"
                raise DatasetError(
                    f"{archive} holds no corpus, queries and qrels of split {split!r}; it has the splits: {known}"
                )
            archive.unlink(missing_ok=True)
        return self.files(root, languages, split)


def _parts_of(members: Sequence[str], root: Path) -> dict[str, Path]:
    inside = {name.partition("/")[2]: name for name in members}
    return {inside[path]: root / path for split in splits_of(inside) for path in find_parts(inside, split).all}


def extract(archive: Path, choose: Callable[[Sequence[str]], Mapping[str, Path]]) -> None:
    """Write members of a zip archive; what is there already is left alone, so an interrupted call can be repeated.

    Args:
        choose: ``{member: where it is to be}`` of the names of all members.

    Raises:
        DatasetError: the archive is damaged, or lacks a member.
        BeirHybridError: the disk fails.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.namelist()
            for member, target in choose(members).items():
                if target.exists():
                    continue
                if member not in members:
                    raise DatasetError(f"{archive} holds no {member}; it holds {', '.join(members[:5])}, ...")
                with written_whole(target) as part, part.open("wb") as out, opened.open(member) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last of one with a password
        raise DatasetError(f"{archive} is no whole zip archive ({error}); delete it and fetch it again") from error
