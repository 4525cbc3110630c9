"""What a study cannot conclude, from what it had: seeds, models, languages, questions; and how alike the cells were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.measured import Measured
from beir_hybrid.studies.outcome import StudyOutcome, duration

if TYPE_CHECKING:
    import pandas as pd

_FEW_SEEDS = 5
_FEW_LANGUAGES = 3


def cautions(measured: Measured, means: pd.DataFrame, groups: pd.DataFrame, fits: Sequence[Fit]) -> list[str]:
    """One line each, the weightiest first."""
    if not measured.runs:
        return ["Nothing has been measured yet: there is nothing to conclude."]
    found = []
    if measured.problems:
        found.append(
            "Some cells or results are missing, failed or differ (named above): what is shown is of the others, and "
            "combinations without all their seeds are not as sure as they may look."
        )
    found += _seeds(measured, means)
    if any(run.cell.training.get("begun_with", {}).get("from_scratch") for run in measured.runs):
        found.append(
            "Small models trained from scratch are among these: a difference found here may shrink, vanish or turn "
            "round in pretrained ones."
        )
    found.append(_sizes(measured))
    found += _languages(groups)
    done = sum(fit.fitted for fit in fits)
    if done > 1:
        found.append(
            f"{done} fits were made; their p values are not corrected for that number: of twenty effects "
            "that do not exist one is expected below 0.05."
        )
    return found


def _seeds(measured: Measured, means: pd.DataFrame) -> list[str]:
    if not any(run.cell.training for run in measured.runs):
        return []  # models as they are: there is nothing to seed
    least = int(means.seeds.min())
    if least == 1:
        return [
            "Some combinations, or all, have one seed: there is no spread to tell a difference from the luck of one "
            "training. Run at least three seeds."
        ]
    if least < _FEW_SEEDS:
        return [f"The fewest seeds of a combination are {least}: spreads over so few are rough, and intervals wide."]
    return []


def _sizes(measured: Measured) -> str:
    lines = []
    for dataset in measured.datasets:
        own = measured.scores[measured.scores.dataset == dataset]
        counts = own[own.run == own.run.iloc[0]].groupby("query_language").queries.last()
        low, high = counts.min(), counts.max()
        each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        of = "one language" if len(counts) == 1 else f"each of {len(counts)} languages"
        lines.append(f"{dataset}: {each} questions in {of}")
    return (
        f"What was asked: {'; '.join(lines)}. Parallel questions are translations of each other, not questions of "
        "their own."
    )


def _languages(groups: pd.DataFrame) -> list[str]:
    found = []
    own = groups.reset_index()[["kind", "role", "group", "languages"]].drop_duplicates().astype(str)
    few = own[(own.role != "pair") & own.kind.isin(["joshi", "seen", "cc100"])]
    few = few[few.languages.str.split().str.len() < _FEW_LANGUAGES]
    small = sorted(set(few.group + " (" + few.languages.str.replace(" ", ", ") + ")"))
    if small:
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        shown = "; ".join(small[:5])
        found.append(f"Groups of one or two languages are those languages, not the group: {shown}{more}.")
    seen = set(own.group[own.kind == "seen"])
    if seen and not seen & {"unseen", "none seen", "query seen", "passage seen"}:
        if seen == {"unknown"}:
            found.append("On which languages the models were trained is not known: nothing is said of unseen ones.")
        else:
            found.append("Every language was seen in training: nothing is said of transfer to unseen ones.")
    return found


def budget_words(outcome: StudyOutcome) -> str:
    """How the budget is held equal, and whether it was: what each has seen, and how long all took."""
    parts = [f"{outcome.budget[0].upper()}{outcome.budget[1:].rstrip('.')}."] if outcome.budget else []
    done = [cell for cell in outcome.cells if cell.status == "done"]
    pairs = sorted({cell.training["pairs"] for cell in done if "pairs" in cell.training})
    if len(pairs) == 1:
        parts.append(f"Every trained cell saw {pairs[0]:,} pairs.")
    elif pairs:
        parts.append(
            f"The cells saw between {pairs[0]:,} and {pairs[-1]:,} pairs: they were not trained alike, and what they "
            "saw may explain a difference."
        )
    elif any(cell.training for cell in done):
        parts.append("How many pairs the models saw is not recorded.")
    seconds = sum(cell.seconds for cell in outcome.cells)
    if seconds:
        parts.append(f"All cells together took {duration(seconds)}.")
    return " ".join(parts)
