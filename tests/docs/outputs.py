"""Whether an output on a page is what the command prints now: words exactly, numbers about."""

from __future__ import annotations

import re

_SECONDS = re.compile(r"\b\d+(?:\.\d+)? s\b")
_NUMBER = re.compile(r"(?<![\w.])[<>=+-]*\d[\d,]*(?:\.\d+)?(?![\w.]*\d)|(?<!\w)[<+-]*\.\d+")
_NEAR = 0.1
"""Of a number, at least 0.05: a model trained on another machine is not the same to the last bit."""


def differences(shown: str, printed: str, *, part: bool = False) -> list[str]:
    """Lines of ``shown`` that ``printed`` does not have at their place; ``...`` stands for any lines."""
    left = [line for line in printed.splitlines() if line.strip()]
    missing = []
    skipping = part
    for line in (line for line in shown.splitlines() if line.strip()):
        if line.strip() == "...":
            skipping = True
            continue
        at = next((n for n, other in enumerate(left) if same_line(line, other)), None) if skipping else 0
        if at is None or not left or not same_line(line, left[at]):
            missing.append(line)
        if at is not None:
            del left[: at + 1]
        skipping = part
    if left and not skipping:
        missing.append(f"(not on the page) {left[0]}")
    return missing


def same_line(one: str, other: str) -> bool:
    """Equal but for spaces, seconds, and numbers that are near each other."""
    one, other = _SECONDS.sub("# s", one), _SECONDS.sub("# s", other)
    if _words(one) != _words(other):
        return False
    return all(map(_near, _NUMBER.findall(one), _NUMBER.findall(other)))


def _words(line: str) -> list[str]:
    return _NUMBER.sub("#", line).split()


def _near(one: str, other: str) -> bool:
    a, b = (float(re.sub(r"[^\d.-]", "", text).lstrip("-") or 0) for text in (one, other))
    return abs(a - b) <= max(0.05, _NEAR * max(a, b))
