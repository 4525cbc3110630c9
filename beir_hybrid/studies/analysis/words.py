"""Numbers as they are printed: rounded here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from beir_hybrid.tables import number

_RANKS = ("rank_distance", "worst_rank")


def is_known(value: Any) -> bool:
    """Whether there is a value."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def with_spread(spread: Mapping[str, Any], metric: str) -> str:
    """``0.512 ± 0.004``: mean and standard deviation over the seeds; one seed has no spread."""
    if not is_known(spread["value"]):
        return "-"
    text = f"{'≥ ' if spread.get('at_least') else ''}{number(spread['value'], metric)}"
    return f"{text} ± {number(spread['deviation'], metric)}" if is_known(spread["deviation"]) else text


def change(value: float, metric: str) -> str:
    """A difference, with its sign; none where it is nothing."""
    return _signed(value, _digits(metric, value))


def changes(value: float, low: float | None, high: float | None, metric: str) -> tuple[str, str]:
    """A difference and its interval ``[low, high]``, in as many digits; ``-`` without one."""
    digits = _digits(metric, value)
    if not is_known(low) or not is_known(high):
        return _signed(value, digits), "-"
    return _signed(value, digits), f"[{_signed(low or 0.0, digits)}, {_signed(high or 0.0, digits)}]"


def p_words(p: float | None) -> str:
    """A p value; ``-`` where there is none."""
    if not is_known(p):
        return "-"
    return "< 0.001" if p is not None and p < 0.001 else f"{p:.3f}"


def _digits(metric: str, value: float) -> int:
    if metric.startswith(_RANKS):
        return 2 if abs(value) < 0.995 else 1
    return 4 if 0 < abs(value) < 0.00995 else 3


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]
