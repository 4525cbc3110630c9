"""What a report is about: the systems in order, their results, their comparison, and the published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from beir_hybrid.comparison import Comparison
from beir_hybrid.comparison.rows import Row
from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.published.languages import languages as language_facts
from beir_hybrid.published.leaderboard import Leaderboard, build_leaderboard


@dataclass(frozen=True, eq=False)
class Contents:
    """The systems of a comparison, in its order and under its names.

    Attributes:
        results: those of each system; ``results[i].name`` is ``comparison.names[i]``.
        data_dir: where the texts of the data set may be; None: the usual places.
    """

    comparison: Comparison
    results: tuple[Results, ...]
    folders: tuple[Path, ...]
    data_dir: Path | str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.comparison.names

    @property
    def others(self) -> tuple[str, ...]:
        """All systems but the baseline."""
        return tuple(name for name in self.names if name != self.comparison.baseline)

    @property
    def title(self) -> str:
        count = f"{len(self.names)} systems" if len(self.names) > 1 else self.names[0]
        return f"{self.comparison.dataset} ({self.comparison.split}): {count}"

    @cached_property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({language for each in self.results for language in each.languages}))

    @cached_property
    def board(self) -> Leaderboard:
        return build_leaderboard(self.comparison.dataset, self.results, split=self.comparison.split)

    @cached_property
    def rows(self) -> dict[tuple[str, str, str, str, str], Row]:
        """The comparison's rows by (system, setting, metric, query language, passage language)."""
        return {(r.name, r.setting, r.metric, r.query_language, r.corpus_language): r for r in self.comparison.rows}

    @cached_property
    def by_language(self) -> dict[tuple[str, str, str, str], Row]:
        """Rows of mono and multi, and means, by (system, setting, metric, query language or ``mean``)."""
        return {key[:4]: row for key, row in self.rows.items() if row.setting != "cross" or row.is_mean}


def read_contents(
    folders: Sequence[Path | str], comparison: Comparison, data_dir: Path | str | None = None
) -> Contents:
    """The contents of the folders that were compared.

    Raises:
        ResultsError: a folder cannot be read, or they are not those of the comparison.
    """
    results = [read_results(folder) for folder in ([folders] if isinstance(folders, str | Path) else folders)]
    if len(results) != len(comparison.names):
        raise ResultsError(
            f"{len(results)} folders were given for a comparison of {len(comparison.names)} systems; "
            "give those that were compared"
        )
    named = tuple(replace(each, name=name) for each, name in zip(results, comparison.names, strict=True))
    return Contents(comparison, named, tuple(each.folder or Path() for each in named), data_dir)


def language_name(code: str) -> str:
    """``Arabic (ar)``; the code alone where nothing is known of it."""
    facts = language_facts().get(code)
    return f"{facts.name} ({code})" if facts else code
