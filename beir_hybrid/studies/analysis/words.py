"""Numbers as they are printed: rounded here and nowhere else."""

from __future__ import annotations

from beir_hybrid.studies.analysis.spread import Spread
from beir_hybrid.tables import number

_RANKS = ("rank_distance", "worst_rank")


def shown(value: float | None, metric: str) -> str:
    """A value: three decimals, ranks whole, ``-`` where there is none."""
    return number(value, metric)


def with_spread(spread: Spread, metric: str, *, at_least: bool = False) -> str:
    """``0.512 ± 0.004``: mean and standard deviation over the seeds; one seed has no spread."""
    if spread.value is None:
        return "-"
    text = f"{'≥ ' if at_least else ''}{shown(spread.value, metric)}"
    return text if spread.deviation is None else f"{text} ± {shown(spread.deviation, metric)}"


def change(value: float, metric: str) -> str:
    """A difference, with its sign; none where it is nothing."""
    return _signed(value, _digits(metric, value))


def changes(value: float, low: float | None, high: float | None, metric: str) -> tuple[str, str]:
    """A difference and its interval ``[low, high]``, in as many digits; ``-`` without one."""
    digits = _digits(metric, value)
    interval = "-" if low is None or high is None else f"[{_signed(low, digits)}, {_signed(high, digits)}]"
    return _signed(value, digits), interval


def p_words(p: float | None) -> str:
    """A p value; ``-`` where there is none."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def counted(count: int, thing: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _digits(metric: str, value: float) -> int:
    if metric.startswith(_RANKS):
        return 2 if abs(value) < 0.995 else 1
    return 4 if 0 < abs(value) < 0.00995 else 3


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]
