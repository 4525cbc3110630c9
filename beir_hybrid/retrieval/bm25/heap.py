"""How much memory Java may take: checked before it starts, because a JVM that cannot start ends the process."""

from __future__ import annotations

import os
import re

from beir_hybrid.errors import JavaError

HEAP_VARIABLE = "BEIR_HYBRID_JVM_HEAP"
SMALLEST = 64 << 20
"""Bytes that Lucene needs to index and search, whatever the size of the corpus."""
_UNITS = {"k": 10, "m": 20, "g": 30}


def asked_heap(memory: str | None = None) -> str | None:
    """The size of Java's heap as it takes it (``8g``): ``memory``, else ``BEIR_HYBRID_JVM_HEAP``, else its own choice.

    Raises:
        JavaError: it is no size, too small for Lucene, or more than the machine has.
    """
    name, size = ("the memory for Java", memory) if memory else (HEAP_VARIABLE, os.environ.get(HEAP_VARIABLE))
    if not size:
        return None
    match = re.fullmatch(r"([1-9]\d*)([kmg])", size.lower())
    if not match:
        raise JavaError(f"{name} is {size!r}; expected a number with k, m or g, as in 8g")
    asked = int(match[1]) << _UNITS[match[2]]
    if asked < SMALLEST:
        raise JavaError(f"{name} is {size}; Lucene needs at least {SMALLEST >> 20}m (512m or more for millions)")
    there = machine_memory()
    if there and asked > there:
        raise JavaError(f"{name} is {size}, and this machine has {there / (1 << 30):.1f}g; ask for less")
    return size.lower()


def machine_memory() -> int | None:
    """Bytes of memory of this machine; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
