"""What a study cannot conclude, from what it had: seeds, models, languages, questions; and how alike the cells were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beir_hybrid.errors import some_of
from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.measured import Measured
from beir_hybrid.studies.outcome import StudyOutcome, duration

if TYPE_CHECKING:
    import pandas as pd

_FEW_SEEDS = 5
_FEW_LANGUAGES = 3
_PARALLEL = " Parallel questions are translations of each other, not questions of their own."


def cautions(measured: Measured, means: pd.DataFrame, groups: pd.DataFrame, fits: Sequence[Fit]) -> list[str]:
    """One line each, the weightiest first."""
    if not measured.runs:
        return ["Nothing has been measured yet: there is nothing to conclude."]
    trainings = [run.cell.training for run in measured.runs]
    seeds = int(means.seeds.min()) if any(trainings) else _FEW_SEEDS  # models as they are have nothing to seed
    seen = set(groups.reset_index().query("kind == 'seen'").group)
    small, fitted = _small_groups(groups), sum(fit.fitted for fit in fits)
    found = {
        "Some cells or results are missing, failed or differ (named above): what is shown is of the others, and "
        "combinations without all their seeds are not as sure as they may look.": bool(measured.problems),
        "Some combinations, or all, have one seed: there is no spread to tell a difference from the luck of one "
        "training. Run at least three seeds.": seeds == 1,
        f"The fewest seeds of a combination are {seeds}: spreads over so few are rough, and intervals wide.":
            1 < seeds < _FEW_SEEDS,
        "Small models trained from scratch are among these: a difference found here may shrink, vanish or turn round "
        "in pretrained ones.": any(each.get("begun_with", {}).get("from_scratch") for each in trainings),
        f"What was asked: {_questions(measured)}.{_PARALLEL if measured.scores.query_language.nunique() > 1 else ''}":
            True,
        f"Groups of one or two languages are those languages, not the group: {small}.": bool(small),
        "On which languages the models were trained is not known: nothing is said of unseen ones.": seen == {"unknown"},
        "Every language was seen in training: nothing is said of transfer to unseen ones.":
            bool(seen - {"unknown"}) and seen <= {"unknown", "seen", "both seen"},
        f"{fitted} fits were made; their p values are not corrected for that number: of twenty effects that do not "
        "exist one is expected below 0.05.": fitted > 1,
    }  # fmt: skip
    return [line for line, holds in found.items() if holds]


def _questions(measured: Measured) -> str:
    """How many there are of each data set and language."""
    lines = []
    for dataset, own in measured.scores.groupby("dataset"):
        counts = own[own.run == own.run.iloc[0]].groupby("query_language").queries.last()
        low, high = counts.min(), counts.max()
        each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        of = "one language" if len(counts) == 1 else f"each of {len(counts)} languages"
        lines.append(f"{dataset}: {each} questions in {of}")
    return "; ".join(lines)


def _small_groups(groups: pd.DataFrame) -> str:
    own = groups.reset_index()[["kind", "role", "group", "languages"]].drop_duplicates().astype(str)
    few = own[(own.role != "pair") & own.kind.isin(["joshi", "seen", "cc100"])]
    few = few[few.languages.str.split().str.len() < _FEW_LANGUAGES]
    found = sorted(set(few.group + " (" + few.languages.str.replace(" ", ", ") + ")"))
    return some_of(found, between="; ") if found else ""


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
