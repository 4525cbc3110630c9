"""The same-language share of every system and query language, and the pool's own shares."""

from __future__ import annotations

from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.report.contents import Contents

Shares = dict[tuple[str, str], tuple[float | None, float | None]]
"""``{(system, query language): (share, lift)}``."""


def own_language(contents: Contents) -> Shares:
    """What was compared; empty without the multilingual setting."""
    metrics = (f"same_language_share@{SHARE_CUTOFF}", f"same_language_lift@{SHARE_CUTOFF}")
    found: dict[tuple[str, str], list[float | None]] = {}
    for results in contents.results:
        for score in results.scores:
            if score.setting == "multi" and score.metric in metrics:
                pair = found.setdefault((results.name, score.query_language), [None, None])
                pair[metrics.index(score.metric)] = score.value
    return {key: (share, lift) for key, (share, lift) in found.items()}


def pool_shares(shares: Shares) -> dict[str, float]:
    """The share of the pool each language has: the share of a ranking over its lift."""
    return {language: (share or 0.0) / lift for (_, language), (share, lift) in shares.items() if lift}
