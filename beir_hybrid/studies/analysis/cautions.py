"""What a study cannot conclude, from what it had: seeds, models, languages, questions."""

from __future__ import annotations

from collections.abc import Sequence

from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.groups import GroupMean
from beir_hybrid.studies.analysis.means import Mean
from beir_hybrid.studies.analysis.measurements import Measurements

_FEW_SEEDS = 5
_FEW_LANGUAGES = 3


def cautions(
    measured: Measurements, means: Sequence[Mean], groups: Sequence[GroupMean], fits: Sequence[Fit]
) -> list[str]:
    """One line each, the weightiest first."""
    if not measured.runs:
        return ["Nothing has been measured yet: there is nothing to conclude."]
    found = []
    if measured.problems:
        found.append(
            "Some cells or results are missing, failed or differ (named above): what is shown is of the others, and "
            "combinations without all their seeds are not as sure as they may look."
        )
    found += _seeds(measured)
    if any(run.cell.training.get("begun_with", {}).get("from_scratch") for run in measured.runs):
        found.append(
            "Small models trained from scratch are among these: a difference found here may shrink, vanish or turn "
            "round in pretrained ones."
        )
    found += _sizes(measured)
    found += _languages(measured, groups)
    if any(mean.at_least for mean in means):
        found.append("Rank distances with ≥ are lower bounds: some passages were not retrieved, so they have no rank.")
    done = [fit for fit in fits if fit.fitted]
    if len(done) > 1:
        found.append(
            f"{len(done)} fits were made; their p values are not corrected for that number: of twenty effects "
            "that do not exist one is expected below 0.05."
        )
    return found


def _seeds(measured: Measurements) -> list[str]:
    if not any(run.cell.training for run in measured.runs):
        return []  # models as they are: there is nothing to seed
    counts = {
        (combination, dataset): len(measured.runs_of(combination, dataset))
        for combination in measured.combinations
        for dataset in measured.datasets
    }
    least = min((count for count in counts.values() if count), default=0)
    if least == 1:
        return [
            "Some combinations, or all, have one seed: there is no spread to tell a difference from the luck of one "
            "training. Run at least three seeds."
        ]
    if least < _FEW_SEEDS:
        return [f"The fewest seeds of a combination are {least}: spreads over so few are rough, and intervals wide."]
    return []


def _sizes(measured: Measurements) -> list[str]:
    lines = []
    for dataset in measured.datasets:
        run = next(run for run in measured.runs if dataset in run.results)
        counts = {score.query_language: score.queries for score in run.results[dataset].scores}
        if counts:
            low, high = min(counts.values()), max(counts.values())
            each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            lines.append(f"{dataset}: {each} questions in {_each(len(counts))}")
    sizes = "; ".join(lines)
    return [f"What was asked: {sizes}. Parallel questions are translations of each other, not questions of their own."]


def _each(languages: int) -> str:
    return "one language" if languages == 1 else f"each of {languages} languages"


def _languages(measured: Measurements, groups: Sequence[GroupMean]) -> list[str]:
    found = []
    most = max((len(measured.languages(dataset)) for dataset in measured.datasets), default=0)
    if most > 1:
        found.append(
            f"Comparisons of languages rest on {most} of them at most, which differ in script, family and resources "
            "at the same time: no one of these can be named as the cause."
        )
    small = {
        f"{group.group} ({', '.join(group.languages)})"
        for group in groups
        if group.role != "pair" and len(group.languages) < _FEW_LANGUAGES and group.kind in ("joshi", "seen", "cc100")
    }
    if small:
        shown = sorted(small)
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        found.append(
            f"Groups of one or two languages are those languages, not the group: {'; '.join(shown[:5])}{more}."
        )
    seen = {group.group for group in groups if group.kind == "seen"}
    if seen and not seen & {"unseen", "none seen", "query seen", "passage seen"}:
        if "unknown" in seen and len(seen) == 1:
            found.append("On which languages the models were trained is not known: nothing is said of unseen ones.")
        else:
            found.append("Every language was seen in training: nothing is said of transfer to unseen ones.")
    return found
