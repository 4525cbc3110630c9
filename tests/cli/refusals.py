"""What a command that refuses leaves behind."""

from __future__ import annotations

from typing import Any


def refused(done: Any, status: int, *parts: str) -> None:
    """One line on stderr with all parts, nothing on stdout."""
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("beir-hybrid: ")
    assert done.err.count("\n") == 1
    for part in parts:
        assert part in done.err


def failed(done: Any, *parts: str) -> None:
    """A domain error: refused with exit status 1."""
    refused(done, 1, *parts)
