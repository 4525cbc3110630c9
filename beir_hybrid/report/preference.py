"""The same-language share of every system and query language, and the pool's own shares."""

from __future__ import annotations

from beir_hybrid.metrics.bias import OWN_LANGUAGE, pool_share
from beir_hybrid.report.contents import Contents

Shares = dict[tuple[str, str], tuple[float | None, float | None]]
"""``{(system, query language): (share, lift)}``."""


def own_language(contents: Contents) -> Shares:
    """What was compared; empty without the multilingual setting."""
    found: dict[tuple[str, str], list[float | None]] = {}
    for results in contents.results:
        for score in results.scores:
            if score.setting == "multi" and score.metric in OWN_LANGUAGE:
                pair = found.setdefault((results.name, score.query_language), [None, None])
                pair[OWN_LANGUAGE.index(score.metric)] = score.value
    return {key: (share, lift) for key, (share, lift) in found.items()}


def pool_shares(shares: Shares) -> dict[str, float]:
    """The share of the pool each language has, as far as it is known."""
    found = ((language, pool_share(*pair)) for (_, language), pair in shares.items())
    return {language: share for language, share in found if share is not None}
