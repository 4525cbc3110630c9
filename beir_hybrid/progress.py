"""Progress a person can follow: a bar on a terminal; elsewhere a line at once and then every half minute, on stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

EVERY = 30.0
"""Seconds between two lines."""


class Progress:
    """How far a long job is.

    Args:
        doing: what is done, e.g. ``encoding``.
        total: how many units there are.
        unit: what is counted, singular; the rate is given in it.
        done: how many were done before, by an earlier run.
    """

    def __init__(self, doing: str, total: int, unit: str, done: int = 0) -> None:
        self._doing, self._total, self._unit = doing, total, unit
        self._began_with = self._done = done
        self._start = self._said = time.monotonic()
        self._note = ""
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, desc=doing, unit=unit, file=sys.stderr, leave=False)
        else:
            self.say(f"{doing}: {total:,} {unit}s" + (f", {done:,} of them done before" if done else ""))

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """So many units more are done.

        Args:
            count: how many.
            note: what is shown beside the numbers from now on, e.g. ``loss 0.312``.
        """
        self._done += count
        self._note = self._note if note is None else note
        if self._bar is not None:
            if note is not None:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            self.say(self._line())

    def say(self, line: str) -> None:
        """Write a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the bar away; lines stay."""
        if self._bar is not None:
            self._bar.close()

    def _line(self) -> str:
        rate = (self._done - self._began_with) / max(time.monotonic() - self._start, 1e-9)
        shown = f"{rate:,.0f} {self._unit}s/s" if rate >= 10 else f"{rate * 60:,.0f} {self._unit}s/min"
        left = timedelta(seconds=round((self._total - self._done) / rate)) if rate > 0 else "unknown"
        parts = [f"{self._doing}: {self._done:,} of {self._total:,} {self._unit}s", shown, f"{left} left", self._note]
        return ", ".join(part for part in parts if part)


@contextlib.contextmanager
def progress(doing: str, total: int, unit: str, done: int = 0) -> Iterator[Progress]:
    """A `Progress` that is closed at the end, also of a failure."""
    shown = Progress(doing, total, unit, done)
    try:
        yield shown
    finally:
        shown.close()
