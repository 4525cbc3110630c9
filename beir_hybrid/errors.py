"""Errors a user can act on: one line that says what was got, what was expected and what to do."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path


class BeirHybridError(Exception):
    """Base of every error this package raises on purpose; the command line prints it in one line, exit 1."""


class DatasetError(BeirHybridError):
    """A data set, a language or one of its files is unknown, missing or malformed."""


class SettingError(BeirHybridError):
    """A setting, query language or passage language that the data set cannot be asked in."""


class MetricError(BeirHybridError):
    """A metric name that is not known, or a metric that the given ranking cannot support."""


class RetrieverError(BeirHybridError):
    """A retriever returned something unusable, or cannot be built."""


class RunError(BeirHybridError):
    """A run file or run mapping is malformed."""


class ResultsError(BeirHybridError):
    """A results folder cannot be read, or holds results of other inputs."""


class ComparisonError(BeirHybridError):
    """A comparison or fusion is asked for in a way that is unknown or makes no sense."""


class JavaError(BeirHybridError):
    """No Java virtual machine that Lucene can run on."""


class DownloadError(BeirHybridError):
    """A file could not be downloaded whole."""


class TrainingError(BeirHybridError):
    """A training cannot begin or go on: its settings, its data or its output folder."""


class NeutralizeError(BeirHybridError):
    """What is language in a model's vectors cannot be learnt from these texts, or not be removed from these vectors."""


class StudyError(BeirHybridError):
    """A study file, its grid or the folder of its results is unusable."""


class EngineError(BeirHybridError):
    """A cluster cannot be reached, or its workers cannot do the work."""


class MissingExtraError(BeirHybridError):
    """A part that needs an extra of this package was used without it."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f'{feature} needs the package {package!r}, which is not installed; run: pip install "beir-hybrid[{extra}]"'
        )


def needs_package(feature: str, package: str, extra: str) -> None:
    """That a package of an extra is installed, said before long work rather than after it; it is not imported.

    Raises:
        MissingExtraError: it is not.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(feature, package, extra)


def did_you_mean(got: str, known: Iterable[str], most: int | None = None) -> str:
    """The tail of an 'unknown X' message: the closest known name, and all of them if ``most`` or fewer."""
    names = sorted(known)
    close = difflib.get_close_matches(got.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    match = next((name for name in names if close and name.lower() == close[0]), None)
    hint = f"did you mean {match!r}?" if match else ""
    if most is not None and len(names) > most:
        return hint or f"none of the {len(names):,} known is near it"
    return f"{hint} known: {', '.join(names) if names else 'none'}".lstrip()


def some_of(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """The first of many names, and how many there are more; ``none`` of none."""
    shown = between.join(names[:most]) or "none"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def first_line(error: BaseException, otherwise: str | None = None) -> str:
    """The first line of what an error of other people's code says; ``otherwise``, or its type, if it says nothing."""
    said = next(iter(str(error).strip().splitlines()), "").rstrip(".;: ")
    return said or otherwise or type(error).__name__


def at(path: Path | str, line: int | None = None) -> str:
    """``path:line``, the place of a problem in a file."""
    return f"{path}:{line}" if line else str(path)
