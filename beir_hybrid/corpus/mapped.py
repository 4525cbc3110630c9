"""Memory-mapped files that are not held: what is read here and there is copied, what is read in order is given back."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_READS = 1024
"""Reads of maps after which pages are given back. One at random makes the system map 16 pages around it (64 KB)."""


class MappedFile:
    """A file to be read in order through ``map``, or anywhere through `read`.

    Raises:
        OSError, ValueError: there is no such file, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._number = self._file.fileno()
        self.map = mmap.mmap(self._number, 0, access=mmap.ACCESS_READ)

    if hasattr(os, "pread"):

        def read(self, begin: int, size: int) -> bytes:
            """A copy of some bytes; for a few anywhere in a large file that is quicker than mapping their pages."""
            return os.pread(self._number, size, begin)
    else:

        def read(self, begin: int, size: int) -> bytes:
            return self.map[begin : begin + size]


class MappedFiles:
    """Opens files, and counts what is read through their maps.

    A page that was given back is mapped again when it is next read, from the system's cache as a rule. Any thread may
    read at any time.
    """

    def __init__(self) -> None:
        self._opened: list[MappedFile] = []
        self._reads = 0

    def open(self, path: Path) -> MappedFile:
        """See `MappedFile`."""
        found = MappedFile(path)
        self._opened.append(found)
        return found

    def count(self) -> None:
        """Count a read through one of the maps."""
        self._reads += 1
        if self._reads >= _READS:
            self.release()

    def release(self) -> None:
        """Give all pages back to the system, which may keep them in its cache."""
        self._reads = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            for each in self._opened:
                each.map.madvise(mmap.MADV_DONTNEED)
