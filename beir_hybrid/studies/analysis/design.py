"""A formula as columns of numbers: numbers centred, categories against their first level, products of both."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beir_hybrid.comparison.scores import TaskKey
from beir_hybrid.published.languages import languages as language_facts
from beir_hybrid.records import SETTINGS, IntArray, ScoreArray
from beir_hybrid.studies.analysis.factors import Factor, value_label
from beir_hybrid.studies.analysis.formula import Formula, Variable
from beir_hybrid.studies.analysis.language_groups import LEAST_GIB
from beir_hybrid.studies.analysis.measurements import Run


@dataclass(frozen=True)
class Observation:
    """One value of the metric: a model (by its number) on one task."""

    model: int
    run: Run
    key: TaskKey
    value: float


@dataclass(frozen=True, eq=False)
class Encoded:
    """A variable over the observations.

    Attributes:
        levels: of a category, the first is what the others are compared with; empty for numbers.
        columns: float64 [observations, 1 or levels - 1]; numbers are centred.
        low, high: the range of numbers.
        per_model, per_language: whether it has one value for a model, or for a query (or passage) language.
    """

    variable: Variable
    levels: tuple[str, ...]
    columns: ScoreArray
    low: float = 0.0
    high: float = 0.0
    per_model: bool = False
    per_language: bool = False

    @property
    def numeric(self) -> bool:
        return not self.levels


@dataclass(frozen=True)
class Part:
    """One variable's share in a column: itself, or one of its levels."""

    encoded: Encoded
    level: int | None

    @property
    def name(self) -> str:
        name = str(self.encoded.variable)
        return name if self.level is None else f"{name} = {self.encoded.levels[self.level]}"

    @property
    def values(self) -> ScoreArray:
        column: ScoreArray = self.encoded.columns[:, 0 if self.level is None else self.level - 1]
        return column


def parts_of(encoded: Encoded) -> list[Part]:
    """One part for a number, one for each level but the first of a category."""
    if encoded.numeric:
        return [Part(encoded, None)]
    return [Part(encoded, level) for level in range(1, len(encoded.levels))]


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
        return any(part.encoded.per_model for part in self.parts)

    @property
    def by_language(self) -> bool:
        return any(part.encoded.per_language for part in self.parts)


@dataclass(frozen=True, eq=False)
class Design:
    """The columns of a fit, the intercept first, and what had to be left out."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @property
    def matrix(self) -> ScoreArray:
        return np.stack([column.values for column in self.columns], axis=1)


def value_of(variable: Variable, observation: Observation, factors: Mapping[str, Factor]) -> Any:
    """What a variable is for an observation; None where that is not known."""
    name, cell = variable.name, observation.run.cell
    if name in factors:
        return cell.factors.get(name)
    setting, query, passage = observation.key
    if name == "setting":
        return setting
    if name == "training_languages":
        return len(cell.trained_languages) or None
    if name == "pairs":
        return cell.training.get("pairs")
    of_passage = name.startswith("passage_")
    language, kind = (passage if of_passage else query), name.removeprefix("passage_")
    if kind == "seen":
        trained = cell.trained_languages
        return None if not trained else "seen" if language in trained else "unseen"
    facts = language_facts().get(language)
    if facts is None:
        return None
    known = {
        "joshi": facts.joshi_class, "cc100": math.log2(max(facts.cc100_gib, LEAST_GIB)), "script": facts.script,
        "family": facts.family,
    }  # fmt: skip
    return known[kind]


def build_design(
    formula: Formula, observations: Sequence[Observation], factors: Mapping[str, Factor], first: Mapping[str, Any]
) -> Design:
    """The columns of a formula, each independent of those before it.

    Args:
        observations: every variable of the formula is known for each.
        first: factor -> the value that comes first, the baseline's.
    """
    encoded = {v: _encode(v, observations, factors, first) for v in formula.variables}
    notes = [
        f"{variable} has one value only here, so nothing can be said of it"
        for variable, each in encoded.items()
        if not each.columns.size or not np.ptp(each.columns, axis=0).any()
    ]
    made = [Column((), np.ones(len(observations)))]
    others = [f for f in factors.values() if f.varies and all(v.name != f.name for v in formula.variables)]
    terms = [(term, False) for term in formula.terms]
    for factor in others:
        variable = Variable(factor.name, "C")
        encoded[variable] = _encode(variable, observations, factors, first)
        terms.append(((variable,), True))
    for term, added in terms:
        for chosen in itertools.product(*(parts_of(encoded[variable]) for variable in term)):
            values = np.ones(len(observations))
            for part in chosen:
                values = values * part.values
            made.append(Column(chosen, values, added))
    kept, dropped = _independent(made)
    if dropped:
        notes.append(
            f"left out, because the data cannot tell the effect apart from those of other terms: {', '.join(dropped)}"
        )
    return Design(tuple(kept), tuple(notes))


def _independent(columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    kept: list[Column] = []
    dropped: list[str] = []
    basis: list[ScoreArray] = []
    for column in columns:
        rest = column.values.astype(np.float64)
        size = float(np.linalg.norm(rest))
        for _ in range(2):  # twice, for rounding
            for vector in basis:
                rest = rest - (vector @ rest) * vector
        left = float(np.linalg.norm(rest))
        if size == 0 or left <= 1e-8 * size:
            if size > 0 and np.ptp(column.values) > 0 and not column.added:
                dropped.append(column.name)
            continue
        basis.append(rest / left)
        kept.append(column)
    return kept, dropped


def _encode(
    variable: Variable, observations: Sequence[Observation], factors: Mapping[str, Factor], first: Mapping[str, Any]
) -> Encoded:
    values = [value_of(variable, each, factors) for each in observations]
    per_model, per_language = _reach(variable, values, observations, factors)
    if variable.transform != "C" and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        numbers = np.array(values, dtype=np.float64)
        if variable.transform == "log" and not variable.name.endswith(
            "cc100"
        ):  # of which `value_of` gives the logarithm
            numbers = np.log2(numbers)
        columns = (numbers - numbers.mean())[:, None]
        return Encoded(variable, (), columns, float(numbers.min()), float(numbers.max()), per_model, per_language)
    levels, places = _levels(variable, values, factors, first)
    columns = (places[:, None] == np.arange(1, len(levels))).astype(np.float64)
    return Encoded(variable, levels, columns, per_model=per_model, per_language=per_language)


def _reach(
    variable: Variable, values: Sequence[Any], observations: Sequence[Observation], factors: Mapping[str, Factor]
) -> tuple[bool, bool]:
    """Whether a variable belongs to the models, and whether to the languages."""
    if variable.name in factors or variable.name in ("training_languages", "pairs"):
        return True, False
    if variable.name == "setting":
        return False, False
    if not variable.name.endswith("seen"):
        return False, True
    # which languages were seen may differ from model to model
    place = 2 if variable.name.startswith("passage_") else 1
    by_language: dict[str, set[Any]] = {}
    for value, each in zip(values, observations, strict=True):
        by_language.setdefault(each.key[place], set()).add(value)
    return any(len(each) > 1 for each in by_language.values()), True


def _levels(
    variable: Variable, values: Sequence[Any], factors: Mapping[str, Factor], first: Mapping[str, Any]
) -> tuple[tuple[str, ...], IntArray]:
    """The levels, first the one to compare with; and the level of every observation."""
    factor = factors.get(variable.name)
    if factor is not None:
        known = [factor.place(value) or 0 for value in values]
        order = sorted(set(known))
        start = factor.place(first[factor.name]) if factor.name in first else None
        order.sort(key=lambda place: place != start)
        levels = tuple(factor.labels[place] for place in order)
        return levels, np.array([order.index(place) for place in known], dtype=np.int64)
    words = [value_label(value) for value in values]
    counts = Counter(words)
    fixed = {word: place for place, word in enumerate((*SETTINGS, "unseen", "seen"))}
    ordered = sorted(counts, key=lambda word: (fixed.get(word, len(fixed)), -counts[word], word))
    return tuple(ordered), np.array([ordered.index(word) for word in words], dtype=np.int64)
