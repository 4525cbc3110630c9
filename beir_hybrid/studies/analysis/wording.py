"""Fits in plain sentences that claim no more than they show."""

from __future__ import annotations

from beir_hybrid.metrics.bias import direction
from beir_hybrid.progress import counted
from beir_hybrid.studies.analysis.design import Part
from beir_hybrid.studies.analysis.fits import Estimate, Fit
from beir_hybrid.studies.analysis.paired import LEVEL
from beir_hybrid.tables import interval, p_value, signed

_NAMES = {
    "joshi": "Joshi class", "cc100": "CC-100 text", "seen": "seen in training", "training_languages":
    "the number of training languages", "pairs": "the number of training pairs",
}  # fmt: skip
_BETWEEN = {
    "joshi": " between high- and low-resource languages", "cc100": " between high- and low-resource languages",
    "seen": " between languages seen and unseen in training", "script": " between the scripts",
    "family": " between the language families", "setting": " between the settings",
}  # fmt: skip


def sentences(fit: Fit) -> list[str]:
    """What a fit says, a sentence an effect, the interactions first: they are what a formula with one asks about.

    What was only held apart says nothing, nor does a property of languages or settings by itself where the question is
    what it changes; the table has every effect.
    """
    where = f"{fit.dataset}, {'all settings' if '+' in fit.setting else fit.setting}"
    if not fit.fitted:
        why = "; ".join(fit.notes) or "nothing was measured"
        return [f"{where}: {fit.formula.text} was not fitted: {why}."]
    shown = [each for each in fit.estimates if each.column.parts and not each.column.added]
    changing = {part.variable for each in shown if len(each.column.parts) > 1 for part in each.column.parts}
    found = []
    for each in sorted(shown, key=lambda own: -len(own.column.parts)):
        first = each.column.parts[0]
        if len(each.column.parts) > 1:
            found.append(_interaction(fit, each))
        elif first.per_model or first.variable not in changing:
            found.append(_main(fit, each, first))
    return [f"{where}: {said}." for said in (*found, *fit.notes)]


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
    random = [f"{name} {signed(each, fit.formula.metric, each).lstrip('+')}" for name, each in fit.random.items()]
    return f"mixed model, REML ({counts}); standard deviations: {', '.join(random)}"


def _main(fit: Fit, estimate: Estimate, part: Part) -> str:
    metric = fit.formula.metric
    sure = estimate.p is not None and estimate.p < LEVEL
    moves = f"is {'higher' if estimate.value > 0 else 'lower'}:" if sure else "differs by"
    better = " (lower is better)" if direction(metric) < 0 else ""
    said = f"{_by(part)}, {metric}{better} {moves} {_size(fit, estimate)}{_held(fit, part)}{_doubt(fit, estimate)}"
    if str(part.variable) in fit.bent:
        said += ". A straight line does not describe this: see the curve"
    of_languages = _plain(part) in ("joshi", "cc100", "script", "family")
    return f"{said} (languages that differ in this differ in much else)" if of_languages else said


def _interaction(fit: Fit, estimate: Estimate) -> str:
    # factors of the study first: it is their effect that differs between languages
    first, *others = sorted(estimate.column.parts, key=lambda part: (part.per_language, not part.per_model))
    doubt = _doubt(fit, estimate, _BETWEEN.get(_plain(others[0]), "") if len(others) == 1 else "")
    size, ways = _size(fit, estimate), " and ".join(map(_by, others))
    return f"the effect on {fit.formula.metric} of {_subject(first)} changes by {size} {ways}{doubt}"


def _size(fit: Fit, estimate: Estimate) -> str:
    """``-0.012 [-0.018, -0.006] (p = 0.021)``, of the change that `_by` tells it for."""
    scale = 1.0
    for part in estimate.column.parts:
        scale *= part.high - part.low if _ranges(part) else 1.0
    metric, size = fit.formula.metric, estimate.value * scale
    if estimate.low is None or estimate.high is None:
        return signed(size, metric, size)
    ends = interval(estimate.low * scale, estimate.high * scale, metric, size)
    p = p_value(estimate.p)
    return f"{signed(size, metric, size)} {ends} (p {p if p.startswith('<') else f'= {p}'})"


def _doubt(fit: Fit, estimate: Estimate, between: str = "") -> str:
    """What keeps an effect from being one; empty where nothing does."""
    if estimate.p is None:
        models = [] if estimate.column.by_language and not estimate.column.by_model else [(fit.models, "trained model")]
        few = (counted(n, what, f"{what}s") for n, what in (*models, (fit.languages, "language")))
        return f"; how sure that is cannot be told from {' and '.join(few)}"
    return "" if estimate.p < LEVEL else f": no difference{between} is shown at this size"


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


def _reach(part: Part) -> str:
    low, high = (2**end if part.variable.transform == "log" else end for end in (part.low, part.high))
    return f"{low:g} to {high:g}"


def _subject(part: Part) -> str:
    """What has an effect."""
    if part.level:
        return f"{_name(part)} = {part.level} instead of {part.first}"
    return f"{_NAMES.get(_plain(part), _plain(part))} ({_reach(part)})" if _ranges(part) else _name(part)


def _by(part: Part) -> str:
    """The change of it that the effect is told for."""
    name = _NAMES.get(_plain(part), _plain(part))
    if part.level and _plain(part) == "seen":
        return f"with the {'passage' if _of(part) else 'query'} language seen in training instead of unseen"
    if part.level:
        return f"with {_subject(part)}"
    if _ranges(part):
        return f"from {name} {_reach(part)}"
    step = "doubling of the CC-100 text" if _plain(part) == "cc100" else f"{name} more"
    return f"for each {step}{_of(part)}"


def _held(fit: Fit, first: Part) -> str:
    """At what values of the variables it interacts with a main effect is told."""
    parts = [each.column.parts for each in fit.estimates if not each.column.added]
    with_it = [own for own in parts if len(own) > 1 and first.variable in [part.variable for part in own]]
    places = dict.fromkeys(_place(part) for own in with_it for part in own if part.variable != first.variable)
    return f", {' and '.join(places)}" if places else ""


def _place(part: Part) -> str:
    if not part.level:
        return f"at mean {_name(part)}"
    name, level = part.variable.name, part.first
    if name in ("seen", "setting"):
        return f"in {level}{' languages' if name == 'seen' else ''}"
    return f"with {_name(part)} = {level}"
