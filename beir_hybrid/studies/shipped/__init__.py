"""The studies that come with the package."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from beir_hybrid.errors import StudyError, did_you_mean


def shipped_studies() -> dict[str, Path]:
    """The file of each shipped study, by name."""
    folder = Path(str(files("beir_hybrid.studies.shipped")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def shipped_titles() -> dict[str, str]:
    """The title of each, without what reading them whole takes."""
    return {name: tomllib.loads(path.read_text("utf-8"))["title"] for name, path in shipped_studies().items()}


def study_path(given: str) -> Path:
    """A study file by its path, or a shipped one by its name.

    Raises:
        StudyError: neither.
    """
    if Path(given).is_file() or given.endswith(".toml") or "/" in given:
        return Path(given)
    known = shipped_studies()
    if given not in known:
        raise StudyError(f"no file and no shipped study is called {given!r}; {did_you_mean(given, known)}")
    return known[given]
