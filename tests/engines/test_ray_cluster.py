"""Joining and starting Ray clusters: nothing stays behind, and what is wrong is one quick line."""

from __future__ import annotations

import builtins
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.engines.ray_cluster import ray_cluster
from beir_hybrid.errors import EngineError, MissingExtraError, RetrieverError
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.engine import Here, build_engine

ray = pytest.importorskip("ray", reason="needs the ray extra")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1: Connection refused; give the address that"),
        ("nonsense", "Ray address 'nonsense' is not understood; write host:port"),
        ("no.such.host.invalid:6379", "no Ray cluster answers at no.such.host.invalid:6379"),
        ("localhost:70000", "no Ray cluster answers at localhost:70000"),
    ],
)
def test_an_address_where_nobody_listens_is_said_at_once(address: str, message: str) -> None:
    """Ray itself would try for minutes, and then end the process."""
    started = time.perf_counter()
    with pytest.raises(EngineError, match=r"no Ray cluster|not understood") as error, ray_cluster(address):
        pass
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert time.perf_counter() - started < 50
    assert not ray.is_initialized()


def test_the_environment_may_name_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """$RAY_ADDRESS is what Ray's own commands go by."""
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(EngineError, match=r"answers at 127\.0\.0\.1:1"), ray_cluster():
        pass


def test_ray_that_is_not_installed_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the retriever is made, before any model is loaded."""
    real = builtins.__import__

    def without_ray(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "ray":
            raise ImportError("No module named 'ray'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'run: pip install "beir-hybrid\[ray\]"'):
        DenseRetriever(len, engine="ray")
    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(MissingExtraError, match=r'run: pip install "beir-hybrid\[ray\]"'), ray_cluster():
        pass


def test_engines_by_name() -> None:
    """A typo is named; an address belongs to Ray."""
    with build_engine("local")(DenseRetriever(len)._encoder) as engine:
        assert isinstance(engine, Here)
    with pytest.raises(RetrieverError, match=r"unknown engine 'rai'; did you mean 'ray'\?"):
        build_engine("rai")
    with pytest.raises(RetrieverError, match="the engine 'local' has no address, got 'auto'"):
        build_engine("local", "auto")


def test_an_encoder_that_cannot_be_sent_is_refused_before_anything_starts() -> None:
    """A lock, an open file or a connection inside of it: one line says what to give."""
    lock = threading.Lock()

    def encode(texts: list[str]) -> list[list[float]]:
        with lock:
            return [[1.0] for _ in texts]

    retriever = DenseRetriever(encode, engine="ray", precision="float16")
    with pytest.raises(RetrieverError, match=r"the encoder encode cannot be sent to other processes \(.*lock") as error:
        retriever.search({"p": {"title": "", "text": "x"}}, {"q": "y"}, 1)
    assert "\n" not in str(error.value)
    assert not ray.is_initialized()


ALONE = """
import os, sys
from beir_hybrid.engines.ray_cluster import ray_cluster
with ray_cluster() as ray:
    session = ray._private.worker._global_node.get_session_dir_path()
    print(ray.get(ray.remote(lambda: os.getpid()).remote()), session, flush=True)
    if "stay" in sys.argv:
        sys.stdin.read()
assert not ray.is_initialized()
print("stopped", flush=True)
"""


def running(session: str) -> list[int]:
    """Processes that were started for a Ray session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if session.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("killed", [False, True])
def test_a_local_cluster_leaves_nothing_behind(killed: bool) -> None:
    """Its processes and files go when the work is done, and the processes also when ours is killed."""
    arguments = [sys.executable, "-c", ALONE, *(["stay"] if killed else [])]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    pid, session = process.stdout.readline().decode().split()
    if killed:
        assert running(session)
        process.kill()
        process.wait()
    else:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, b"stopped\n", b"")
        assert not Path(session).parent.exists()
    deadline = time.monotonic() + 20
    while (left := running(session)) or Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
    shutil.rmtree(Path(session).parent, ignore_errors=True)  # logs of the killed one


def test_the_environment_is_as_it_was() -> None:
    """What keeps Ray quiet is set for the cluster alone."""
    before = dict(os.environ)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(EngineError), ray_cluster(f"127.0.0.1:{port}"):
            pass
    assert dict(os.environ) == before
