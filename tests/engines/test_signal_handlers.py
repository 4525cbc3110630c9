"""The handlers of fatal signals outlast a connection to Ray."""

from __future__ import annotations

import ctypes
import signal

import pytest

from beir_hybrid.engines.ray_cluster import ray_cluster
from beir_hybrid.engines.signal_handlers import kept_handlers

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")


def handler(number: int) -> bytes:
    """The address of what C calls at a signal; the first word of ``struct sigaction``."""
    action = ctypes.create_string_buffer(512)
    assert ctypes.CDLL(None).sigaction(number, None, action) == 0
    return action.raw[: ctypes.sizeof(ctypes.c_void_p)]


def test_a_handler_that_was_replaced_is_put_back() -> None:
    """Also when what replaced it fails."""
    before = signal.signal(signal.SIGFPE, lambda *_: None)
    try:
        ours = handler(signal.SIGFPE)
        with pytest.raises(RuntimeError), kept_handlers():
            signal.signal(signal.SIGFPE, signal.SIG_DFL)
            assert handler(signal.SIGFPE) != ours
            raise RuntimeError
        assert handler(signal.SIGFPE) == ours
    finally:
        signal.signal(signal.SIGFPE, before)


@pytest.mark.slow
def test_ray_leaves_the_handlers_of_a_java_machine_alone() -> None:
    """While connected and afterwards: without them the next BM25 search in this process would end it."""
    pytest.importorskip("ray", reason="needs the ray extra")
    fatal = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
    before = [handler(number) for number in fatal]
    with ray_cluster():
        assert [handler(number) for number in fatal] == before
    assert [handler(number) for number in fatal] == before
