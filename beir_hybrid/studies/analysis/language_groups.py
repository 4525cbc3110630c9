"""Languages in groups: by resources, script and family, and by whether a model was trained on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from beir_hybrid.published.languages import languages as language_facts
from beir_hybrid.records import POOL

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "joshi": "Joshi class", "cc100": "CC-100 size", "script": "script", "family": "family",
    "seen": "seen in training",
}  # fmt: skip
"""How languages can be grouped, and what that is called."""
SIDES = {"query_language": "", "corpus_language": "passage_"}
"""Whose language, and what its columns begin with."""
UNKNOWN = "unknown"
LEAST_GIB = 0.05
"""What stands for a language with less of CC-100 than is told."""
_SEEN = ("seen", "unseen")
_PAIRS = ("both seen", "query seen", "passage seen", "none seen")
_THIRDS = ("smallest third", "middle third", "largest third")


def with_facts(scores: pd.DataFrame, trained: Sequence[Collection[str]]) -> pd.DataFrame:
    """Scores with what is known of their languages: ``joshi``, ``cc100`` (GiB), ``script``, ``family``, ``seen``.

    The same of the passage language begins with ``passage_``; what is not known, as of the pool, is None.

    Args:
        scores: with the columns `SIDES`.
        trained: for each, the languages its model was trained on; empty: not known.
    """
    import pandas as pd

    known = {code: (f.joshi_class, f.cc100_gib, f.script, f.family) for code, f in language_facts().items()}
    facts = pd.DataFrame.from_dict(known, "index", dtype=object, columns=list(KINDS)[:-1])
    for side, prefix in SIDES.items():
        own = facts.add_prefix(prefix).reindex(scores[side]).set_axis(scores.index)
        scores = scores.join(own.where(own.notna(), None))
        seen = [
            None if code == POOL or not languages else _SEEN[code not in languages]
            for code, languages in zip(scores[side], trained, strict=True)
        ]
        scores[f"{prefix}seen"] = pd.Series(seen, scores.index, dtype=object)
    return scores


def groups_of(scores: pd.DataFrame, kind: str, prefix: str) -> pd.Series:
    """The group of each score's language; thirds by CC-100 size are thirds of the languages of its data set."""
    found = scores[f"{prefix}{kind}"]
    if kind == "joshi":
        found = found.map("class {}".format, na_action="ignore")
    elif kind == "cc100":
        thirds: dict[tuple[str, str], str] = {}
        for dataset, own in scores.groupby("dataset"):
            sides = [(own[f"{each}cc100"], own[name]) for name, each in SIDES.items()]
            sizes = {size for side in sides for size in zip(*side, strict=True) if size[0] is not None}
            known = sorted(sizes)
            thirds |= {(dataset, code): _THIRDS[at * 3 // len(known)] for at, (_, code) in enumerate(known)}
        side = next(name for name, own in SIDES.items() if own == prefix)
        keys = zip(scores.dataset, scores[side], strict=True)
        found = found.where(found.isna(), [thirds.get(key) for key in keys])
    return found.where(found.notna(), UNKNOWN)


def pair_groups(scores: pd.DataFrame) -> pd.Series:
    """Which languages of each (query, passage) pair were trained on."""
    place = 2 * (scores.seen != _SEEN[0]) + (scores.passage_seen != _SEEN[0])
    return place.map(dict(enumerate(_PAIRS))).where(scores.seen.notna(), UNKNOWN)


def in_order(groups: Collection[str]) -> list[str]:
    """Groups from few resources to many; seen before unseen; others by name; the unknown last."""
    places = {group: place for place, group in enumerate((*_SEEN, *_PAIRS, *_THIRDS))}
    return sorted(groups, key=lambda group: (group == UNKNOWN, places.get(group, len(places)), group))
