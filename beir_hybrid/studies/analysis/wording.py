"""Fits in plain sentences that claim no more than they show."""

from __future__ import annotations

from collections.abc import Sequence

from beir_hybrid.metrics.bias import direction
from beir_hybrid.studies.analysis.design import Part
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
            terms.setdefault(tuple(part.variable for part in estimate.column.parts), []).append(estimate)
    changing = {variable for term in terms if len(term) > 1 for variable in term}
    found = []
    for term, estimates in sorted(terms.items(), key=lambda item: -len(item[0])):
        if len(term) > 1:
            found.append(f"{where}: {_interaction(fit, estimates)}")
        elif estimates[0].column.parts[0].per_model or term[0] not in changing:
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


def _main(fit: Fit, estimates: Sequence[Estimate]) -> str:
    metric, first = fit.formula.metric, estimates[0].column.parts[0]
    subject = f"{metric} (lower is better)" if direction(metric) < 0 else metric
    held = _held(fit, first)
    if len(estimates) == 1:
        said = f"{_effect(first)[1]}, {subject} {_moves(fit, estimates[0], held)}"
    else:
        items = [f"with {each.column.parts[0].level} by {_sized(fit, each)}" for each in estimates]
        said = f"instead of {_name(first)} = {first.first}, {subject} differs {', '.join(items)}{held}"
        said += _unshown(estimates)
    if str(first.variable) in fit.bent:
        return f"{said}. A straight line does not describe this: see the curve."
    of_languages = _plain(first) in ("joshi", "cc100", "script", "family")
    return f"{said}.{' (Languages that differ in this differ in much else.)' if of_languages else ''}"


def _moves(fit: Fit, estimate: Estimate, held: str) -> str:
    size = _sized(fit, estimate)
    if estimate.p is None:
        return f"differs by {size}{held}; how sure that is cannot be told from {_few(fit, estimate)}"
    if estimate.p >= LEVEL:
        return f"differs by {size}{held}: no difference is shown at this size"
    return f"is {'higher' if estimate.value > 0 else 'lower'}: {size}{held}"


def _interaction(fit: Fit, estimates: Sequence[Estimate]) -> str:
    items = []
    for estimate in estimates:
        first, *others = _ordered(estimate.column.parts)
        items.append((_effect(first)[0], " and ".join(_effect(part)[1] for part in others), _sized(fit, estimate)))
    effects, ways = {effect for effect, _, _ in items}, {by for _, by, _ in items}
    if len(ways) == 1:
        said = [f"of {effect} changes by {size}" for effect, _, size in items]
        said[-1] += f" {items[0][1]}"
    elif len(effects) == 1:
        said = [f"of {items[0][0]} changes {', '.join(f'by {size} {by}' for _, by, size in items)}"]
    else:
        said = [f"of {effect} changes by {size} {by}" for effect, by, size in items]
    text = f"the effect on {fit.formula.metric} {'; '.join(said)}"
    if len(estimates) == 1 and estimates[0].p is None:
        return f"{text}; how sure that is cannot be told from {_few(fit, estimates[0])}."
    return f"{text}{_unshown(estimates, _BETWEEN.get(_plain(others[0]), '') if len(others) == 1 else '')}."


def _sized(fit: Fit, estimate: Estimate) -> str:
    """``-0.012 [-0.018, -0.006] (p = 0.021)``, of the change that `_effect` tells it for."""
    scale = 1.0
    for part in estimate.column.parts:
        scale *= part.high - part.low if _ranges(part) else 1.0
    size = estimate.value * scale
    if estimate.low is None or estimate.high is None or estimate.p is None:
        return changes(size, None, None, fit.formula.metric)[0]
    words = p_words(estimate.p)
    p = f"p {words}" if words.startswith("<") else f"p = {words}"
    return f"{' '.join(changes(size, estimate.low * scale, estimate.high * scale, fit.formula.metric))} ({p})"


def _unshown(estimates: Sequence[Estimate], between: str = "") -> str:
    if any(estimate.p is None or estimate.p < LEVEL for estimate in estimates):
        return ""
    return f": no difference{f' {between}' if between else ''} is shown at this size"


def _few(fit: Fit, estimate: Estimate) -> str:
    if estimate.column.by_language and not estimate.column.by_model:
        return f"{fit.languages} languages"
    return f"{fit.models} trained models and {fit.languages} languages"


def _ordered(parts: Sequence[Part]) -> list[Part]:
    """Factors of the study first: it is their effect that differs between languages."""
    return sorted(parts, key=lambda part: (part.per_language, not part.per_model))


def _plain(part: Part) -> str:
    return part.variable.name.removeprefix("passage_")


def _of(part: Part) -> str:
    return " of the passage language" if part.variable.name.startswith("passage_") else ""


def _name(part: Part) -> str:
    log = "log2 of " if part.variable.transform == "log" else ""
    return f"{log}{_NAMES.get(_plain(part), _plain(part))}{_of(part)}"


def _ranges(part: Part) -> bool:
    """Whether an effect is told for the whole range, as of a factor, and not for one step, as of languages."""
    return not part.level and not part.per_language


def _effect(part: Part) -> tuple[str, str]:
    """What has an effect, and the change of it that the effect is told for."""
    name = _NAMES.get(_plain(part), _plain(part))
    if part.level:
        subject = f"{_name(part)} = {part.level} instead of {part.first}"
        if _plain(part) != "seen":
            return subject, f"with {subject}"
        return subject, f"with the {'passage' if _of(part) else 'query'} language seen in training instead of unseen"
    if _ranges(part):
        low, high = (2**end if part.variable.transform == "log" else end for end in (part.low, part.high))
        return f"{name} ({low:g} to {high:g})", f"from {name} {low:g} to {high:g}"
    step = "doubling of the CC-100 text" if _plain(part) == "cc100" else f"{name} more"
    return _name(part), f"for each {step}{_of(part)}"


def _held(fit: Fit, first: Part) -> str:
    """At what values of the variables it interacts with a main effect is told."""
    own = first.variable
    places: dict[str, None] = {}
    for column in (estimate.column for estimate in fit.estimates):
        variables = [part.variable for part in column.parts]
        if len(variables) > 1 and own in variables and not column.added:
            places |= {_place(part): None for part in column.parts if part.variable != own}
    return f", {' and '.join(places)}" if places else ""


def _place(part: Part) -> str:
    if not part.level:
        return f"at mean {_name(part)}"
    name, level = part.variable.name, part.first
    if name in ("seen", "setting"):
        return f"in {level}{' languages' if name == 'seen' else ''}"
    return f"with {_name(part)} = {level}"
