"""Fits in plain sentences that claim no more than they show."""

from __future__ import annotations

from beir_hybrid.metrics.bias import LOWER_IS_BETTER
from beir_hybrid.studies.analysis.design import Column, Part
from beir_hybrid.studies.analysis.fits import MIXED, Estimate, Fit
from beir_hybrid.studies.analysis.paired import LEVEL
from beir_hybrid.studies.analysis.words import change, changes, p_words

_NAMES = {
    "joshi": "Joshi class", "cc100": "CC-100 text", "seen": "seen in training", "training_languages":
    "the number of training languages", "pairs": "the number of training pairs",
}  # fmt: skip
_BETWEEN = {
    "joshi": "between high- and low-resource languages", "cc100": "between high- and low-resource languages",
    "seen": "between languages seen and unseen in training", "script": "between the scripts",
    "family": "between the language families", "setting": "between the settings",
}  # fmt: skip


def sentences(fit: Fit) -> list[str]:
    """What a fit says, effect by effect; the intercept and what was only held apart say nothing."""
    where = f"{fit.dataset}, {fit.setting.replace('+', ' and ')}"
    if fit.method is None:
        why = "; ".join(fit.notes) or "nothing was measured"
        return [f"{where}: {fit.formula.text} was not fitted: {why}."]
    found = []
    for estimate in fit.estimates:
        column = estimate.column
        if column.parts and not column.added:
            said = _main(fit, estimate) if len(column.parts) == 1 else _interaction(fit, estimate)
            found.append(f"{where}: {said}")
    return found


def method_words(fit: Fit) -> str:
    """How it was fitted, in one line."""
    counts = f"{fit.values} values, {fit.models} trained models, {fit.languages} query languages"
    if fit.method is None:
        return f"not fitted ({counts})"
    random = [f"{name} {change(each, fit.formula.metric)[1:]}" for name, each in fit.random.items()]
    if fit.method == MIXED:
        return f"mixed model, REML ({counts}); standard deviations: {', '.join(random)}"
    return f"least squares with cluster-robust errors ({counts}); standard deviation: {', '.join(random)}"


def interval(estimate: Estimate, metric: str, scale: float = 1.0) -> str:
    """``-0.012 [-0.018, -0.006]``; without an interval the value alone."""
    if estimate.low is None or estimate.high is None:
        return changes(estimate.value * scale, None, None, metric)[0]
    return " ".join(changes(estimate.value * scale, estimate.low * scale, estimate.high * scale, metric))


def _main(fit: Fit, estimate: Estimate) -> str:
    part = estimate.column.parts[0]
    metric = fit.formula.metric
    subject = f"{metric} (lower is better)" if metric in LOWER_IS_BETTER else metric
    moves = _moves(fit, estimate, _span(part)) + _held(fit, estimate.column)
    return f"{_contrast(part)}, {subject} {moves}.{_caution(part)}"


def _moves(fit: Fit, estimate: Estimate, scale: float) -> str:
    size = interval(estimate, fit.formula.metric, scale)
    if estimate.p is None:
        return f"differs by {size}; how sure that is cannot be told from {_few(fit, estimate)}"
    if estimate.p >= LEVEL:
        return f"differs by {size} (p = {p_words(estimate.p)}): no difference is shown at this size"
    return f"is {'higher' if estimate.value * scale > 0 else 'lower'}: {size} ({_p(estimate.p)})"


def _interaction(fit: Fit, estimate: Estimate) -> str:
    first, *others = _ordered(estimate.column)
    scale = _span(first)
    for part in others:
        scale *= _span(part)
    size = interval(estimate, fit.formula.metric, scale)
    by = " and ".join(_more(part) for part in others)
    said = f"the effect of {_effect_of(first)} on {fit.formula.metric} changes by {size} {by}"
    between = _BETWEEN.get(others[0].encoded.variable.name.removeprefix("passage_"), "in this effect")
    if len(others) > 1:
        between = "in this effect"
    if estimate.p is None:
        return f"{said}; how sure that is cannot be told from {_few(fit, estimate)}."
    if estimate.p >= LEVEL:
        return f"{said} (p = {p_words(estimate.p)}): no difference {between} is shown at this size."
    return f"{said} ({_p(estimate.p)})."


def _p(p: float) -> str:
    words = p_words(p)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def _few(fit: Fit, estimate: Estimate) -> str:
    if estimate.column.by_language and not estimate.column.by_model:
        return f"{fit.languages} languages"
    return f"{fit.models} trained models and {fit.languages} languages"


def _ordered(column: Column) -> list[Part]:
    """Factors of the study first: it is their effect that differs between languages."""
    return sorted(column.parts, key=lambda part: (part.encoded.per_language, not part.encoded.per_model))


def _name(part: Part) -> str:
    variable = part.encoded.variable
    name = variable.name.removeprefix("passage_")
    words = _NAMES.get(name, name)
    if variable.transform == "log":
        words = f"log2 of {words}"
    return f"{words} of the passage language" if variable.name.startswith("passage_") else words


def _span(part: Part) -> float:
    """What an effect is told for: the whole range of a factor, one step of a property of languages."""
    encoded = part.encoded
    return encoded.high - encoded.low if _ranges(part) else 1.0


def _ranges(part: Part) -> bool:
    return part.encoded.numeric and not part.encoded.per_language


def _ends(part: Part) -> tuple[str, str]:
    low, high = part.encoded.low, part.encoded.high
    if part.encoded.variable.transform == "log":
        low, high = 2**low, 2**high
    return f"{low:g}", f"{high:g}"


def _contrast(part: Part) -> str:
    encoded = part.encoded
    if part.level is not None:
        if encoded.variable.name.removeprefix("passage_") == "seen":
            where = "the passage language" if encoded.variable.name.startswith("passage_") else "the query language"
            return f"with {where} seen in training instead of unseen"
        return f"with {_name(part)} = {encoded.levels[part.level]} instead of {encoded.levels[0]}"
    if _ranges(part):
        low, high = _ends(part)
        return f"from {_plain(part)} {low} to {high}"
    return _more(part)


def _plain(part: Part) -> str:
    variable = part.encoded.variable
    return _NAMES.get(variable.name, variable.name)


def _more(part: Part) -> str:
    name = part.encoded.variable.name.removeprefix("passage_")
    of = " of the passage language" if part.encoded.variable.name.startswith("passage_") else ""
    if part.level is not None or _ranges(part):
        return _contrast(part)
    if name == "cc100":
        return f"for each doubling of the CC-100 text{of}"
    return f"for each {_NAMES.get(name, name)} more{of}"


def _effect_of(part: Part) -> str:
    encoded = part.encoded
    if part.level is not None:
        return f"{_name(part)} = {encoded.levels[part.level]} instead of {encoded.levels[0]}"
    low, high = _ends(part)
    return f"{_plain(part)} ({low} to {high})" if _ranges(part) else _name(part)


def _held(fit: Fit, column: Column) -> str:
    """At what values of the variables it interacts with a main effect is told."""
    own = column.parts[0].encoded.variable
    places: dict[str, None] = {}
    for other in fit.estimates:
        variables = [part.encoded.variable for part in other.column.parts]
        if len(variables) > 1 and own in variables and not other.column.added:
            for part in other.column.parts:
                if part.encoded.variable != own:
                    level = "" if part.encoded.numeric else f" = {part.encoded.levels[0]}"
                    places.setdefault(f"mean {_name(part)}" if part.encoded.numeric else f"{_name(part)}{level}")
    return f", at {' and '.join(places)}" if places else ""


def _caution(part: Part) -> str:
    name = part.encoded.variable.name.removeprefix("passage_")
    if name in ("joshi", "cc100", "script", "family"):
        return " (Languages that differ in this differ in much else.)"
    return ""
