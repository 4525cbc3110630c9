"""What a long job says: lines in a log file, a bar on a terminal."""

from __future__ import annotations

import io
import time

import pytest

from beir_hybrid import progress as module
from beir_hybrid.progress import at_work, progress, tell


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [100.0]
    monkeypatch.setattr(module, "_told", 0.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_where_there_is_no_terminal(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """The first line comes at once, then one every half minute with count, rate, time left and the note."""
    with progress("encoding", 1000, "text", done=100) as shown:
        assert capsys.readouterr().err == "encoding: 1,000 texts, 100 of them done before\n"
        clock[0] += 29
        shown.advance(290)
        assert capsys.readouterr().err == ""
        clock[0] += 1
        shown.advance(10, note="loss 0.5")
        assert capsys.readouterr().err == "encoding: 400 of 1,000 texts, 10 texts/s, 0:01:00 left, loss 0.5\n"
        clock[0] += 29
        shown.advance(1)
        assert capsys.readouterr().err == ""
        clock[0] += 941
        shown.advance(99)
        assert capsys.readouterr().err == "encoding: 500 of 1,000 texts, 24 texts/min, 0:20:50 left, loss 0.5\n"
        tell("a word")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a word\n")
    with progress("searching", 1, "setting"):
        assert capsys.readouterr().err == "searching: 1 setting\n"


def test_what_need_not_be_done_is_no_speed(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the texts are kept from before: the rate, and so the time left, is that of the others."""
    with progress("encoding", 1000, "text") as shown:
        shown.skip(500)
        clock[0] += 30
        shown.advance(100)
    assert capsys.readouterr().err.splitlines()[1] == "encoding: 600 of 1,000 texts, 200 texts/min, 0:02:00 left"
    with progress("encoding", 1000, "text") as shown:
        shown.skip(400)
        shown.skip(600)
    assert capsys.readouterr().err == "encoding: 1,000 texts\nencoding: all were kept from before\n"


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets a bar, which is gone at the end, and what is said stands above it."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("encoding", 4, "text") as shown:
        shown.skip(1)
        shown.advance(2, note="loss 0.5")
        assert (shown.bar.n, shown.bar.initial) == (3, 1)
        tell("a word")
    written = terminal.getvalue()
    assert "encoding" in written
    assert "a word\n" in written
    assert "encoding: 4 texts" not in written


def test_no_silence_while_a_command_is_at_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be counted is said to go on, again and again; a count under way says its own line."""
    monkeypatch.setattr(module, "FIRST", 0.01)
    monkeypatch.setattr(module, "EVERY", 0.02)

    def said(*words: str) -> str:
        written, until = "", time.monotonic() + 60
        while not all(word in written for word in words) and time.monotonic() < until:
            time.sleep(0.005)
            written += capsys.readouterr().err
        return written

    with at_work("evaluate"):
        for _ in range(2):  # what is read while it is written may be cut anywhere
            assert "at work, 0:00:" in said("at work, 0:00:")
        with progress("encoding", 4, "text"):
            said("encoding: 0 of 4 texts")
            assert "at work" not in said("encoding: 0 of 4 texts")
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_what_is_counted_without_an_end(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How much there is to convert or to fetch may be unknown; what is done at once says nothing."""
    with progress("converting", None, "passage", quiet=True) as shown:
        shown.advance(5)
        assert capsys.readouterr().err == ""
        clock[0] += 3
        shown.advance(85)
        shown.remind(3)
        assert capsys.readouterr().err == "converting: 90 passages, 30 passages/s\n"
    with progress("converting", None, "passage"):
        assert capsys.readouterr().err == "converting: passages\n"


def test_a_command_that_spoke_is_not_at_work_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has just read a line needs no other that says the same."""
    monkeypatch.setattr(module, "FIRST", 0.05)
    with at_work("evaluate"):
        tell("loading")
        capsys.readouterr()
        time.sleep(0.3)
        assert "at work" not in capsys.readouterr().err


def test_many_short_counts_are_no_silence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two hundred files that are fetched in two seconds each say now and then that the command is at work."""
    monkeypatch.setattr(module, "FIRST", 0.05)
    monkeypatch.setattr(module, "EVERY", 0.1)
    written, until = "", time.monotonic() + 60
    with at_work("fetch"):
        while "fetch: at work" not in written and time.monotonic() < until:
            with progress("fetching a", 9, "byte", quiet=True):
                time.sleep(0.002)
            written += capsys.readouterr().err
    assert "fetch: at work" in written


def test_a_count_that_was_left_open_does_not_silence_the_next_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed before and never closed its count is not what is at work now."""
    monkeypatch.setattr(module, "FIRST", 0.01)
    monkeypatch.setattr(module, "EVERY", 0.02)
    left = module.Progress("training", 4, "step")
    try:
        with at_work("evaluate"):
            written, until = "", time.monotonic() + 60
            while "at work" not in written and time.monotonic() < until:
                time.sleep(0.005)
                written += capsys.readouterr().err
        assert "evaluate: at work" in written
    finally:
        left.close()
