"""Fits in plain sentences that claim no more than they show."""

from __future__ import annotations

from collections.abc import Sequence

from beir_hybrid.metrics.bias import LOWER_IS_BETTER
from beir_hybrid.studies.analysis.design import Column, Part
from beir_hybrid.studies.analysis.fits import Estimate, Fit
from beir_hybrid.studies.analysis.formula import Variable
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
    """What a fit says, the interactions first: they are what a formula with one asks about.

    A term of several levels is one sentence. What was only held apart says nothing, nor does a property of languages
    or settings by itself where the question is what it changes; the table has every effect.
    """
    where = f"{fit.dataset}, {'all settings' if '+' in fit.setting else fit.setting}"
    if not fit.fitted:
        why = "; ".join(fit.notes) or "nothing was measured"
        return [f"{where}: {fit.formula.text} was not fitted: {why}."]
    terms: dict[tuple[Variable, ...], list[Estimate]] = {}
    for estimate in fit.estimates:
        if estimate.column.parts and not estimate.column.added:
            terms.setdefault(tuple(part.encoded.variable for part in estimate.column.parts), []).append(estimate)
    changing = {variable for term in terms if len(term) > 1 for variable in term}
    found = []
    for term, estimates in sorted(terms.items(), key=lambda item: -len(item[0])):
        first = estimates[0].column.parts[0].encoded
        if len(term) > 1:
            found.append(f"{where}: {_interaction(fit, estimates)}")
        elif first.per_model or term[0] not in changing:
            found.append(f"{where}: {_main(fit, estimates)}")
    return [*found, *(f"{where}: {note}." for note in fit.notes)]


def notes(fit: Fit) -> list[str]:
    """What belongs below the table of a fit: its notes, and where a straight line does not do."""
    bent = [
        f"a straight line does not describe the effect of {variable} (p = {p:.2g}): see its curve, or fit C({variable})"
        for variable, p in fit.bent.items()
    ]
    return [*fit.notes, *bent]


def method_words(fit: Fit) -> str:
    """How it was fitted, in one line."""
    counts = f"{fit.values} values, {fit.models} trained models, {fit.languages} query languages"
    if not fit.fitted:
        return f"not fitted ({counts})"
    random = [f"{name} {change(each, fit.formula.metric).lstrip('+')}" for name, each in fit.random.items()]
    return f"mixed model, REML ({counts}); standard deviations: {', '.join(random)}"


def interval(estimate: Estimate, metric: str, scale: float = 1.0) -> str:
    """``-0.012 [-0.018, -0.006]``; without an interval the value alone."""
    if estimate.low is None or estimate.high is None:
        return changes(estimate.value * scale, None, None, metric)[0]
    return " ".join(changes(estimate.value * scale, estimate.low * scale, estimate.high * scale, metric))


def _main(fit: Fit, estimates: Sequence[Estimate]) -> str:
    metric = fit.formula.metric
    first = estimates[0].column.parts[0]
    subject = f"{metric} (lower is better)" if metric in LOWER_IS_BETTER else metric
    held = _held(fit, estimates[0].column)
    if len(estimates) == 1:
        said = f"{_contrast(first)}, {subject} {_moves(fit, estimates[0], _span(first), held)}"
    else:
        levels = [
            (estimate, estimate.column.parts[0].encoded.levels, estimate.column.parts[0].level)
            for estimate in estimates
        ]
        items = [f"with {names[at or 0]} by {_sized(fit, estimate)}" for estimate, names, at in levels]
        said = f"instead of {_name(first)} = {first.encoded.levels[0]}, {subject} differs {', '.join(items)}"
        said += held + _unshown(estimates, "")
    bent = " A straight line does not describe this: see the curve." if str(first.encoded.variable) in fit.bent else ""
    return f"{said}.{bent}{_caution(first)}"


def _moves(fit: Fit, estimate: Estimate, scale: float, held: str) -> str:
    size = interval(estimate, fit.formula.metric, scale)
    if estimate.p is None:
        return f"differs by {size}{held}; how sure that is cannot be told from {_few(fit, estimate)}"
    if estimate.p >= LEVEL:
        return f"differs by {size} ({_p(estimate.p)}){held}: no difference is shown at this size"
    return f"is {'higher' if estimate.value * scale > 0 else 'lower'}: {size} ({_p(estimate.p)}){held}"


def _interaction(fit: Fit, estimates: Sequence[Estimate]) -> str:
    items = []
    for estimate in estimates:
        first, *others = _ordered(estimate.column)
        scale = _span(first)
        for part in others:
            scale *= _span(part)
        by = " and ".join(_more(part) for part in others)
        items.append((_effect_of(first), by, estimate, scale))
    once = items[0][1] if len({by for _, by, _, _ in items}) == 1 else ""
    if not once and len({effect for effect, _, _, _ in items}) == 1:
        sizes = [f"by {_sized(fit, estimate, scale)} {by}" for _, by, estimate, scale in items]
        said = [f"of {items[0][0]} changes {', '.join(sizes)}"]
    else:
        said = [
            f"of {effect} changes by {_sized(fit, estimate, scale)}{'' if once else f' {by}'}"
            for effect, by, estimate, scale in items
        ]
    name = others[0].encoded.variable.name.removeprefix("passage_")
    between = _BETWEEN.get(name, "") if len(others) == 1 else ""
    text = f"the effect on {fit.formula.metric} {'; '.join(said)}{f' {once}' if once else ''}"
    if len(estimates) == 1 and estimates[0].p is None:
        return f"{text}; how sure that is cannot be told from {_few(fit, estimates[0])}."
    return f"{text}{_unshown(estimates, between)}."


def _sized(fit: Fit, estimate: Estimate, scale: float = 1.0) -> str:
    p = "" if estimate.p is None else f" ({_p(estimate.p)})"
    return interval(estimate, fit.formula.metric, scale) + p


def _unshown(estimates: Sequence[Estimate], between: str) -> str:
    if any(estimate.p is None or estimate.p < LEVEL for estimate in estimates):
        return ""
    return f": no difference{f' {between}' if between else ''} is shown at this size"


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
                    places.setdefault(_place(part))
    return f", {' and '.join(places)}" if places else ""


def _place(part: Part) -> str:
    if part.encoded.numeric:
        return f"at mean {_name(part)}"
    name, level = part.encoded.variable.name, part.encoded.levels[0]
    if name == "seen":
        return f"in {level} languages"
    return f"in {level}" if name == "setting" else f"with {_name(part)} = {level}"


def _caution(part: Part) -> str:
    name = part.encoded.variable.name.removeprefix("passage_")
    if name in ("joshi", "cc100", "script", "family"):
        return " (Languages that differ in this differ in much else.)"
    return ""
