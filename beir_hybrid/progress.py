"""Progress a person can follow: a bar on a terminal; elsewhere a line at once and then every half minute, on stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

FIRST, EVERY = 3.0, 30.0
"""Seconds until a command that has said nothing says that it is at work, and between two lines."""


def tell(line: str) -> None:
    """A message to whoever is waiting: a line on stderr, above the bar if there is one."""
    global _told
    _told = time.monotonic()
    for shown in _open:
        if shown.bar is not None:
            shown.bar.write(line, file=sys.stderr)
            return
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun, and whatever else of the sentence goes with it: ``1 query``, ``1,190 queries``."""
    return f"{number:,} {one if number == 1 else several}"


class Progress:
    """How far a long job is.

    Args:
        doing: what is done, e.g. ``encoding``.
        total: how many units there are; None: nobody knows.
        unit: what is counted, singular; the rate is given in it.
        done: how many were done before, by an earlier run.
        quiet: what is most often done in no time begins without a line.
    """

    def __init__(self, doing: str, total: int | None, unit: str, done: int = 0, *, quiet: bool = False) -> None:
        self._doing, self._total, self._unit = doing, total, unit
        self._began_with = self._done = done
        self._skipped = False
        self._start = self._said = time.monotonic()
        self._note = ""
        self.bar: Any = None
        _open.append(self)
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=total, initial=done, desc=doing, unit=unit, file=sys.stderr, leave=False,
                            unit_scale=unit == "byte")  # fmt: skip
        elif not quiet:
            tell(f"{doing}: {self._of(total)}" + (f", {done:,} of them done before" if done else ""))

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """So many units more are done.

        Args:
            count: how many.
            note: what is shown beside the numbers from now on, e.g. ``loss 0.312``.
        """
        self._done += count
        self._note = self._note if note is None else note
        if self.bar is not None:
            if note is not None:
                self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(count)
        else:
            self.remind()

    def skip(self, count: int) -> None:
        """So many units need not be done, and say nothing of how fast the others are."""
        self._skipped = True
        self._began_with += count
        self._done += count
        if self.bar is not None:
            self.bar.initial += count
            self.bar.n += count
            self.bar.refresh()

    def remind(self, after: float | None = None) -> bool:
        """The line of now, if the last one is so many seconds old (default: half a minute) and there is no bar.

        Returns:
            Whether there is a bar, or the line was written.
        """
        if self.bar is None:
            if time.monotonic() - self._said < (EVERY if after is None else after):
                return False
            self._said = time.monotonic()
            tell(self._line())
        return True

    def close(self) -> None:
        """Take the bar away; lines stay."""
        _open.remove(self)
        if self.bar is not None:
            self.bar.close()
        elif self._skipped and self._began_with == self._total:
            tell(f"{self._doing}: all were kept from before")

    def _of(self, count: int | None) -> str:
        return f"{self._unit}s" if count is None else counted(count, self._unit, f"{self._unit}s")

    def _line(self) -> str:
        rate = (self._done - self._began_with) / max(time.monotonic() - self._start, 1e-9)
        shown = f"{rate:,.0f} {self._unit}s/s" if rate >= 10 else f"{rate * 60:,.0f} {self._unit}s/min"
        if self._total is None:
            parts = [f"{self._doing}: {self._of(self._done)}", shown, self._note]
        else:
            counts = f"{self._done:,} of {self._of(self._total)}"
            known = [shown, f"{timedelta(seconds=round((self._total - self._done) / rate))} left"] if rate > 0 else []
            parts = [f"{self._doing}: {counts}", *known, self._note]
        return ", ".join(part for part in parts if part)


_open: list[Progress] = []  # what is under way, the innermost last
_told = 0.0  # when the last line was written


@contextlib.contextmanager
def progress(
    doing: str, total: int | None, unit: str, done: int = 0, *, quiet: bool = False
) -> Iterator[Progress]:  # fmt: skip
    """A `Progress` that is closed at the end, also of a failure."""
    shown = Progress(doing, total, unit, done, quiet=quiet)
    try:
        yield shown
    finally:
        shown.close()


@contextlib.contextmanager
def at_work(command: str) -> Iterator[None]:
    """While it lasts, a command that is silent for 3 seconds, and then for half a minute, says how long it has run.

    Where a `Progress` is open its line is said instead, so that a unit of several minutes is no silence either.
    """
    ended, begun, before = threading.Event(), time.monotonic(), list(_open)

    def watch() -> None:
        wait = FIRST
        while not ended.wait(wait):
            silent = time.monotonic() - max(_told, begun)
            if _told > begun and silent < EVERY:
                wait = EVERY - silent
                continue
            own = [each for each in reversed(_open) if each not in before]
            # of many short counts one after the other none has a line to say
            if not any(each.remind(wait) for each in own):
                tell(f"{command}: at work, {timedelta(seconds=round(time.monotonic() - begun))} so far")
            wait = EVERY

    watching = threading.Thread(target=watch, name="at-work", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


@contextlib.contextmanager
def no_bars() -> Iterator[None]:
    """None of transformers' bars, of loading and saving, meanwhile: ours says what takes long."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
