"""How the training budget is held equal, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.study import Study


def budget_sentence(study: Study, cells: Sequence[Cell]) -> str:
    """What every cell of a study is given, and what is not equal."""
    plans = [cell.training for cell in cells if cell.training is not None]
    if not plans:
        return "nothing is trained"
    configs = [own for plan in plans for own in plan.trainings.values()]
    if study.budget.equal == "none":
        told = "budgets are not equal: every cell trains for as long as its own settings say"
    elif study.budget.equal == "each":
        alone = _range([plan.pairs // len(plan.trainings) for plan in plans])
        told = f"every model sees the same number of training pairs ({alone})"
    else:
        told = f"every cell sees the same number of training pairs ({_range([plan.pairs for plan in plans])})"
    if any(plan.specific for plan in plans):
        shared = study.budget.equal == "pairs"
        own = "they are divided over the languages" if shared else "each model has all of its own"
        told += f"; with one model per language {own}"
    if any(own.patience for own in configs):
        told += "; fewer where validation stops a training early"
    if any(plan.text for plan in plans):
        told += "; masked-language modelling comes on top, where it is on"
    return told


def _range(amounts: Sequence[int]) -> str:
    # rounding to whole steps can leave them a step apart
    low, high = min(amounts), max(amounts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}, rounded to steps"
