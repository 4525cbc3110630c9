"""Whether the cells were trained alike: what each has seen, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beir_hybrid.studies.analysis.measurements import Measurements
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome


def budget_words(outcome: StudyOutcome) -> str:
    """How the budget is held equal, and whether it was."""
    parts = [f"{outcome.budget[0].upper()}{outcome.budget[1:].rstrip('.')}."] if outcome.budget else []
    pairs = sorted({int(cell.training["pairs"]) for cell in _done(outcome) if _number(cell.training, "pairs")})
    if len(pairs) == 1:
        parts.append(f"Every trained cell saw {pairs[0]:,} pairs.")
    elif pairs:
        parts.append(
            f"The cells saw between {pairs[0]:,} and {pairs[-1]:,} pairs: they were not trained alike, and what they "
            "saw may explain a difference."
        )
    elif _done(outcome):
        parts.append("How many pairs the models saw is not recorded.")
    seconds = sum(cell.seconds for cell in outcome.cells)
    if seconds:
        parts.append(f"All cells together took {_duration(seconds)}.")
    return " ".join(parts)


def trained_on(measured: Measurements) -> Sequence[tuple[str, ...]]:
    """The sets of training languages there are, each once."""
    return list(dict.fromkeys(run.cell.trained_languages for run in measured.runs))


def _done(outcome: StudyOutcome) -> list[CellOutcome]:
    return [cell for cell in outcome.cells if cell.status == "done"]


def _number(training: Mapping[str, Any], key: str) -> bool:
    return isinstance(training.get(key), int | float) and not isinstance(training.get(key), bool)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
