"""Languages in groups: by resources, script and family, and by whether a model was trained on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from beir_hybrid.published.languages import languages as language_facts

KINDS = {
    "joshi": "Joshi class", "cc100": "CC-100 size", "script": "script", "family": "family",
    "seen": "seen in training",
}  # fmt: skip
"""How languages can be grouped, and what that is called."""
UNKNOWN = "unknown"
LEAST_GIB = 0.05
"""What stands for a language with less of CC-100 than is told."""
_THIRDS = ("smallest third", "middle third", "largest third")
_SEEN = ("seen", "unseen")
_PAIRS = ("both seen", "query seen", "passage seen", "none seen")


def group_of(kind: str, language: str, languages: Sequence[str], trained: Collection[str]) -> str:
    """The group of a language; ``unknown`` where there are no facts on it, or no training is known.

    Args:
        languages: those of the evaluation: thirds by CC-100 size are thirds of these.
        trained: the languages the model was trained on; empty: not known.
    """
    if kind == "seen":
        return UNKNOWN if not trained else _SEEN[language not in trained]
    facts = language_facts().get(language)
    if facts is None:
        return UNKNOWN
    if kind == "joshi":
        return f"class {facts.joshi_class}"
    if kind == "cc100":
        return _thirds(tuple(languages))[language]
    return facts.script if kind == "script" else facts.family


def pair_group(query: str, passage: str, trained: Collection[str]) -> str:
    """Which languages of an ordered pair were trained on."""
    return _PAIRS[2 * (query not in trained) + (passage not in trained)] if trained else UNKNOWN


def in_order(groups: Collection[str]) -> list[str]:
    """Groups from few resources to many; seen before unseen; others by name; the unknown last."""
    places = {group: place for place, group in enumerate((*_SEEN, *_PAIRS, *_THIRDS))}
    return sorted(groups, key=lambda group: (group == UNKNOWN, places.get(group, len(places)), group))


@cache
def _thirds(languages: tuple[str, ...]) -> dict[str, str]:
    facts = language_facts()
    known = sorted((code for code in set(languages) if code in facts), key=lambda code: (facts[code].cc100_gib, code))
    return {code: _THIRDS[place * 3 // len(known)] for place, code in enumerate(known)}
