"""Where data sets and caches live on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beir_hybrid.errors import DatasetError

DATA_VARIABLE = "BEIR_HYBRID_DATA"
CACHE_VARIABLE = "BEIR_HYBRID_CACHE"


def cache_dir() -> Path:
    """``$BEIR_HYBRID_CACHE``, else the user's cache folder of the platform.

    Absolute: Java takes a relative path to be below the folder in which it was started.
    """
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("beir-hybrid"))


def at_home(given: str) -> str:
    """A place or name with the home folder where it begins with a tilde, which a shell would have put there."""
    return str(Path(given).expanduser()) if given.startswith("~/") else given


@dataclass(frozen=True)
class Root:
    """The folder a data set is read from, and why that one."""

    path: Path
    kind: Literal["data-dir", "environment", "cache"]


def find_root(name: str, data_dir: Path | str | None, known_files: Sequence[str]) -> Root:
    """The folder of data set ``name``: ``data_dir``, else ``$BEIR_HYBRID_DATA``, else the cache.

    ``data_dir`` may be the folder that holds a folder ``name``, or that folder itself (told by ``known_files``).
    A given ``data_dir`` is the only place looked at, so that a result never comes from other data than asked for.

    Raises:
        DatasetError: ``data_dir`` does not hold the data set.
    """
    if data_dir is not None:
        base = Path(data_dir).expanduser()
        if (base / name).is_dir():
            return Root(base / name, "data-dir")
        if any((base / file).exists() for file in known_files):
            return Root(base, "data-dir")
        problem = "holds no" if base.is_dir() else "does not exist, so it holds no"
        raise DatasetError(
            f"{base} {problem} {name}: expected for example {base / name / known_files[0]}; "
            f"run: beir-hybrid fetch {name} --data-dir {base}"
        )
    given = os.environ.get(DATA_VARIABLE)
    if given and (Path(given).expanduser() / name).is_dir():
        return Root(Path(given).expanduser() / name, "environment")
    return Root(cache_dir() / "data" / name, "cache")
