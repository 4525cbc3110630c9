"""A Ray cluster to work on: the one this process is connected to, one by its address, or a local one of its own."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beir_hybrid.engines.signal_handlers import kept_handlers
from beir_hybrid.errors import EngineError, MissingExtraError
from beir_hybrid.processors import processors

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
STORE = 1 << 29
"""Bytes of a local cluster's object store: vectors go through files, never through it."""
_SHORT = "/tmp"
_PATIENCE = 5.0
"""Seconds that an address has to answer."""


@contextlib.contextmanager
def ray_cluster(address: str | None = None, store: int = STORE) -> Iterator[Any]:
    """The module ``ray``, connected for as long as the context lasts.

    Where this process is connected already, that connection is used and stays. Else ``address`` is connected to (or
    ``$RAY_ADDRESS``), and left in the end. Without one, a local cluster on all processors is started, and stopped with
    all its processes and files in the end, also when this process is killed.

    Args:
        address: ``host:port`` of a cluster's head, ``auto`` for the one that runs on this machine, or ``ray://...``.
        store: bytes of a local cluster's object store.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: there is no cluster at the address, or it cannot be joined.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("the engine 'ray'", "ray", "ray") from error
    if ray.is_initialized():
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(_QUIET))
        stack.enter_context(_quiet_driver())
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address in (None, "local"):
                # sockets have short names: not below a folder that the user may have put deep
                folder = tempfile.mkdtemp(prefix="beir-hybrid-ray-", dir=_SHORT if Path(_SHORT).is_dir() else None)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                stack.callback(_leave, ray)
                with _silent_stderr(), kept_handlers():
                    ray.init(
                        address="local", num_cpus=processors(), include_dashboard=False, object_store_memory=store,
                        _temp_dir=folder, _node_ip_address="127.0.0.1", **common,
                    )  # fmt: skip
            else:
                _check_answer(address)
                stack.callback(_leave, ray)
                with _silent_stderr(), kept_handlers():
                    ray.init(address=address, **common)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            where = "a local Ray cluster could not be started" if address is None else f"no Ray cluster at {address!r}"
            raise EngineError(f"{where}: {_refusal(error)}") from error
        yield ray


def _leave(ray: Any) -> None:
    with kept_handlers():
        ray.shutdown()


def reason_of(error: BaseException) -> str:
    """What an error of Ray says in the end: the last line of its text, which may be a whole traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _refusal(error: BaseException) -> str:
    """Why a cluster was not joined; Ray says it in the cause of a cause."""
    cause: BaseException | None = error
    while cause is not None:
        if "AuthenticationError" in f"{type(cause).__name__} {cause}":
            return "it wants its token; set RAY_AUTH_MODE=token, and see Ray's documentation on token authentication"
        cause = cause.__cause__
    return reason_of(error)


def _check_answer(address: str | None) -> None:
    """Ray itself waits for minutes where nobody listens."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        if address != "auto":
            raise EngineError(f"Ray address {address!r} is not understood; write host:port, ray://host:port or auto")
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"no Ray cluster answers at {address}: {getattr(error, 'strerror', None) or error}; "
            f"give the address that `ray start --head` printed, or leave it out to start a local one"
        ) from error


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that are not set already, for a while; what Ray sets itself goes with them."""
    before = set(os.environ)
    os.environ.update({name: value for name, value in values.items() if name not in before})
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            if name.startswith("RAY_"):
                os.environ.pop(name, None)


@contextlib.contextmanager
def _quiet_driver() -> Iterator[None]:
    """Ray prints what becomes of workers to stdout, which is for data: what matters is raised as an error."""
    importlib.import_module("ray.data")  # sets the levels of its logs when it is imported
    worker = importlib.import_module("ray._private.worker")
    data = logging.getLogger("ray.data")
    before, level = getattr(worker, "_worker_logs_enabled", True), data.level
    worker._worker_logs_enabled = False  # type: ignore[attr-defined]  # as Ray's own debugger does
    data.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        worker._worker_logs_enabled = before  # type: ignore[attr-defined]
        data.setLevel(level)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Ray's C++ part says on stderr that it will say little."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
