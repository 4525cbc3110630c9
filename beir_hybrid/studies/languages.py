"""Which languages a cell trains on: nested subsets in an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import StudyError
from beir_hybrid.published.languages import languages as known_languages

Order = Literal["largest-first", "smallest-first", "random"]
ORDERS: tuple[Order, ...] = ("largest-first", "smallest-first", "random")


def ordered(languages: Sequence[str], order: Order, seed: int) -> tuple[str, ...]:
    """Languages in the order in which they join a growing subset.

    Args:
        languages: any order.
        order: by the size of CC-100 (as XLM-R was trained on; equal sizes by code), or drawn at random.
        seed: of the random order, which depends on nothing else.

    Raises:
        StudyError: the size of a language is not known.
    """
    if order == "random":
        return tuple(sorted(languages, key=lambda code: fingerprint(str(seed), code)))
    facts = known_languages()
    unknown = [code for code in languages if code not in facts]
    if unknown:
        raise StudyError(f'the size of CC-100 in {unknown[0]!r} is not known; use order = "random", or leave it out')
    sign = -1 if order == "largest-first" else 1
    return tuple(sorted(languages, key=lambda code: (sign * facts[code].cc100_gib, code)))


def subset(languages: Sequence[str], count: int, order: Order, seed: int) -> tuple[str, ...]:
    """The first ``count`` languages of an order, so that smaller subsets are part of larger ones.

    Raises:
        StudyError: there are fewer.
    """
    if count > len(languages):
        raise StudyError(
            f"language_count is {count}, but there are {len(languages)} training languages: {', '.join(languages)}"
        )
    return tuple(sorted(ordered(languages, order, seed)[:count]))
