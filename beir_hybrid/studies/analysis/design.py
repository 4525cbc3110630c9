"""A formula as columns of numbers: numbers centred, categories against their first level, products of both."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.records import SETTINGS, ScoreArray
from beir_hybrid.studies.analysis.formula import Formula, Variable
from beir_hybrid.studies.analysis.language_groups import LEAST_GIB
from beir_hybrid.studies.analysis.measured import Measured, value_label

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Part:
    """A number, or one level of a category: a column of the design by itself, or with others as a product.

    Attributes:
        values: float64 [observations]; a number is centred, a level 1 where it is.
        level: empty for a number.
        first: the level that others are compared with.
        low, high: the range of a number; NaN of a level.
        per_model, per_language: whether it has one value for a model, or for a query (or passage) language.
    """

    variable: Variable
    values: ScoreArray
    per_model: bool
    per_language: bool
    level: str = ""
    first: str = ""
    low: float = math.nan
    high: float = math.nan

    @property
    def name(self) -> str:
        return f"{self.variable} = {self.level}" if self.level else str(self.variable)


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the design: one part of a main effect, several of an interaction, none of the intercept."""

    parts: tuple[Part, ...]
    values: ScoreArray
    added: bool = False
    """Not in the formula: another factor of the study, held apart."""

    @property
    def name(self) -> str:
        return " × ".join(part.name for part in self.parts) or "intercept"

    @property
    def by_model(self) -> bool:
        return any(part.per_model for part in self.parts)

    @property
    def by_language(self) -> bool:
        return any(part.per_language for part in self.parts)


def build_design(
    formula: Formula, measured: Measured, rows: pd.DataFrame, first: Mapping[str, Any]
) -> tuple[list[Column], list[str]]:
    """The columns of a formula, each independent of those before it, the intercept first; and what was left out.

    Args:
        rows: the scores; every variable of the formula is known for each.
        first: factor -> the value that comes first, the baseline's.
    """
    parts_of = {variable: _parts(variable, measured, rows, first) for variable in formula.variables}
    notes = [
        f"{variable} has one value only here, so nothing can be said of it"
        for variable, parts in parts_of.items()
        if not any(np.ptp(part.values) for part in parts)
    ]
    terms = [(term, False) for term in formula.terms]
    for factor in measured.factors:
        if factor.varies and all(variable.name != factor.name for variable in formula.variables):
            variable = Variable(factor.name, "C")
            parts_of[variable] = _parts(variable, measured, rows, first)
            terms.append(((variable,), True))
    kept = [Column((), np.ones(len(rows)))]
    dropped: list[str] = []
    for term, added in terms:
        for parts in itertools.product(*(parts_of[variable] for variable in term)):
            column = Column(parts, np.prod([part.values for part in parts], axis=0), added)
            matrix = np.column_stack([each.values for each in [*kept, column]])
            sizes = np.linalg.norm(matrix, axis=0)
            if sizes.all() and np.linalg.matrix_rank(matrix / sizes, tol=1e-8) > len(kept):
                kept.append(column)
            elif np.ptp(column.values) > 0 and not added:
                dropped.append(column.name)
    if dropped:
        notes.append(
            f"left out, because the data cannot tell the effect apart from those of other terms: {', '.join(dropped)}"
        )
    return kept, notes


def _parts(variable: Variable, measured: Measured, rows: pd.DataFrame, first: Mapping[str, Any]) -> list[Part]:
    """One for a number, one for each level but the first of a category."""
    name, values = variable.name, measured.column(variable.name, rows)
    factor = next((each for each in measured.factors if each.name == name), None)
    if factor is not None or name in ("training_languages", "pairs", "setting"):
        per_model, per_language = name != "setting" or factor is not None, False
    else:  # which languages were seen may differ from model to model
        codes = rows["corpus_language" if name.startswith("passage_") else "query_language"]
        pairs = set(zip(codes, values, strict=True))
        per_model, per_language = len(pairs) > codes.nunique(), True
    if variable.transform != "C" and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        numbers = np.array(values, dtype=np.float64)
        if factor is None and name.endswith("cc100"):
            numbers = np.log2(np.maximum(numbers, LEAST_GIB))
        elif variable.transform == "log":
            numbers = np.log2(numbers)
        low, high = float(numbers.min()), float(numbers.max())
        return [Part(variable, numbers - numbers.mean(), per_model, per_language, low=low, high=high)]
    words = [value_label(value) for value in values]
    if factor is not None:
        start = value_label(first.get(name, factor.values[0]))
        levels = sorted((label for label in factor.labels if label in words), key=lambda label: label != start)
    else:
        levels = _levels(words)
    there = np.array(words)
    return [
        Part(variable, (there == each).astype(np.float64), per_model, per_language, each, levels[0])
        for each in levels[1:]
    ]


def _levels(words: Sequence[str]) -> list[str]:
    """The levels of what is no factor, first the one to compare with: the usual order, else the most frequent first."""
    usual, counts = (*SETTINGS, "unseen", "seen"), Counter(words)
    places = {word: place for place, word in enumerate(usual)}
    return sorted(counts, key=lambda word: (places.get(word, len(usual)), -counts[word], word))
