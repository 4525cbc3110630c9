"""Zip archives: members become files one by one, each whole or not at all."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import DatasetError


def members(archive: Path) -> list[str]:
    """Names of the files in an archive.

    Raises:
        DatasetError: it is no whole archive.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return [info.filename for info in opened.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(archive, error) from error


def extract(archive: Path, wanted: Mapping[str, Path]) -> None:
    """Write members to the given paths; what is there already is left alone, so an interrupted call can be repeated.

    Raises:
        DatasetError: the archive is damaged, or lacks a member.
        BeirHybridError: the disk fails.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member, target in wanted.items():
                if target.exists():
                    continue
                if member not in opened.namelist():
                    raise DatasetError(f"{archive} holds no {member}; it holds {', '.join(opened.namelist()[:5])}, ...")
                with written_whole(target) as part, part.open("wb") as out, opened.open(member) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{archive} is no whole zip archive ({error}); delete it and fetch it again")
