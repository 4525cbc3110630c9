"""A formula as columns of numbers: numbers centred, categories against their first level, products of both."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.published.languages import Language
from beir_hybrid.published.languages import languages as language_facts
from beir_hybrid.records import POOL, SETTINGS, ScoreArray
from beir_hybrid.studies.analysis.formula import Formula, Variable
from beir_hybrid.studies.analysis.language_groups import LEAST_GIB, UNKNOWN, group_of
from beir_hybrid.studies.analysis.measured import Factor, Measured, value_label

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Part:
    """A number, or one level of a category: a column of the design by itself, or with others as a product.

    Attributes:
        values: float64 [observations]; a number is centred, a level 1 where it is.
        level: empty for a number.
        first: the level that others are compared with.
        low, high: the range of a number.
        per_model, per_language: whether it has one value for a model, or for a query (or passage) language.
    """

    variable: Variable
    values: ScoreArray
    per_model: bool
    per_language: bool
    level: str = ""
    first: str = ""
    low: float = 0.0
    high: float = 0.0

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


def values_of(name: str, measured: Measured, rows: pd.DataFrame) -> list[Any]:
    """A variable of a formula for every score; None where it is not known."""
    for at, factor in enumerate(measured.factors):
        if factor.name == name:
            return [factor.values[measured.combinations[code][at]] for code in rows.combination]
    if name == "setting":
        return [str(setting) for setting in rows.setting]
    cells = [measured.runs[run].cell for run in rows.run]
    if name == "training_languages":
        return [len(cell.trained_languages) or None for cell in cells]
    if name == "pairs":
        return [cell.training.get("pairs") for cell in cells]
    codes = rows["corpus_language" if name.startswith("passage_") else "query_language"]
    kind, facts = name.removeprefix("passage_"), language_facts()
    if kind == "seen":
        groups = [group_of("seen", code, (), cell.trained_languages) for code, cell in zip(codes, cells, strict=True)]
        return [None if group == UNKNOWN or code == POOL else group for group, code in zip(groups, codes, strict=True)]
    return [_fact(kind, facts[code]) if code in facts else None for code in codes]


def _fact(kind: str, facts: Language) -> Any:
    if kind == "cc100":
        return math.log2(max(facts.cc100_gib, LEAST_GIB))
    return getattr(facts, "joshi_class" if kind == "joshi" else kind)


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
    made = [Column((), np.ones(len(rows)))]
    made += [
        Column(parts, np.prod([part.values for part in parts], axis=0), added)
        for term, added in terms
        for parts in itertools.product(*(parts_of[variable] for variable in term))
    ]
    kept: list[Column] = []
    dropped: list[str] = []
    for column in made:
        matrix = np.column_stack([each.values for each in [*kept, column]])
        if np.linalg.matrix_rank(matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300), tol=1e-8) > len(kept):
            kept.append(column)
        elif np.ptp(column.values) > 0 and not column.added:
            dropped.append(column.name)
    if dropped:
        notes.append(
            f"left out, because the data cannot tell the effect apart from those of other terms: {', '.join(dropped)}"
        )
    return kept, notes


def _parts(variable: Variable, measured: Measured, rows: pd.DataFrame, first: Mapping[str, Any]) -> list[Part]:
    """One for a number, one for each level but the first of a category."""
    values = values_of(variable.name, measured, rows)
    factors = {factor.name: factor for factor in measured.factors}
    reach = _reach(variable, values, rows, factors)
    if variable.transform != "C" and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        numbers = np.array(values, dtype=np.float64)
        if variable.transform == "log" and not variable.name.endswith("cc100"):  # which is a logarithm already
            numbers = np.log2(numbers)
        low, high = float(numbers.min()), float(numbers.max())
        return [Part(variable, numbers - numbers.mean(), *reach, low=low, high=high)]
    words = np.array([value_label(value) for value in values])
    levels = _levels(factors.get(variable.name), words.tolist(), first)
    return [Part(variable, (words == each).astype(np.float64), *reach, each, levels[0]) for each in levels[1:]]


def _reach(
    variable: Variable, values: Sequence[Any], rows: pd.DataFrame, factors: Mapping[str, Factor]
) -> tuple[bool, bool]:
    """Whether a variable belongs to the models, and whether to the languages."""
    if variable.name in factors or variable.name in ("training_languages", "pairs"):
        return True, False
    if variable.name == "setting":
        return False, False
    if not variable.name.endswith("seen"):
        return False, True
    # which languages were seen may differ from model to model
    codes = rows["corpus_language" if variable.name.startswith("passage_") else "query_language"]
    pairs = set(zip(codes, values, strict=True))
    return len(pairs) > len({code for code, _ in pairs}), True


def _levels(factor: Factor | None, words: Sequence[str], first: Mapping[str, Any]) -> list[str]:
    """The levels that there are, first the one to compare with."""
    if factor is None:  # the usual order, else the most frequent first
        usual, counts = (*SETTINGS, "unseen", "seen"), Counter(words)
        places = {word: place for place, word in enumerate(usual)}
        return sorted(counts, key=lambda word: (places.get(word, len(usual)), -counts[word], word))
    start = value_label(first[factor.name]) if factor.name in first else None
    return sorted((label for label in factor.labels if label in words), key=lambda label: label != start)
