"""Memory-mapped files whose pages are given back now and then: reading a large corpus does not end in holding it."""

from __future__ import annotations

import mmap
from pathlib import Path

_READS = 1024
"""Reads after which pages are given back. One at random makes the system map 16 pages around it (64 KB)."""


class MappedFiles:
    """Maps files, and counts what is read of them.

    A page that was given back is mapped again when it is next read, from the system's cache as a rule: a matter of a
    microsecond. Any thread may read at any time.
    """

    def __init__(self) -> None:
        self._maps: list[mmap.mmap] = []
        self._reads = 0

    def map(self, path: Path) -> mmap.mmap:
        """The bytes of a file; OSError or ValueError where there are none."""
        with path.open("rb") as file:
            found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps.append(found)
        return found

    def read(self) -> None:
        """Count a read somewhere in the files."""
        self._reads += 1
        if self._reads >= _READS:
            self.release()

    def release(self) -> None:
        """Give all pages back to the system, which may keep them in its cache."""
        self._reads = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            for each in self._maps:
                each.madvise(mmap.MADV_DONTNEED)
