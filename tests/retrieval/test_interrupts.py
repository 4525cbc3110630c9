"""A search on disk that is killed, at any point of encoding and searching: the same call goes on from there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHILD = """
import os, pickle, signal, sys
import numpy as np
from beir_hybrid.retrieval.dense import embeddings, vector_files
from beir_hybrid.retrieval.search import counter, plan
from beir_hybrid.retrieval.dense.retriever import DenseRetriever

out, where, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
vector_files.ROWS, embeddings.BLOCK, plan.PASSAGES, plan.TILE, plan.FEWEST = 16, 5, 16, 8, 8
left = {"n": times}

def deadly(place, work):
    def done(*args, **kwargs):
        if place == where:
            left["n"] -= 1
            if left["n"] < 0:
                if place == "save":  # in the middle of a file
                    args[0].write(b"half")
                    args[0].flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **kwargs)
    return done

def encode(texts):
    return np.array([np.random.default_rng(list(t.encode())).normal(size=8) for t in texts], dtype=np.float32)

seen = []
real = deadly("encode", encode)
np.save = deadly("save", np.save)
counter.RankCounter.add = deadly("search", counter.RankCounter.add)
corpus = {f"p{n:02d}": {"title": "", "text": f"text {n}"} for n in range(70)}
retriever = DenseRetriever(lambda t: (seen.extend(t), real(t))[1], identity="v1", precision="int8")
found = retriever.search(corpus, {f"q{n}": f"query {n}" for n in range(4)}, 9)
open(out, "wb").write(pickle.dumps((found, len(seen))))
"""


def run(folder: Path, cache: str, where: str = "nowhere", times: int = 0) -> tuple[object, int] | None:
    """Results and how many texts were encoded; None where the process was killed."""
    out = folder / "out.pickle"
    out.unlink(missing_ok=True)
    environment = {**os.environ, "BEIR_HYBRID_CACHE": str(folder / cache), "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", CHILD, str(out), where, str(times)]
    done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == -9:
        return None
    assert done.returncode == 0, done.stderr
    found: tuple[object, int] = pickle.loads(out.read_bytes())
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.slow
def test_a_run_killed_at_any_point_goes_on(tmp_path: Path) -> None:
    """While the scale, a block or the queries are encoded or written, and while blocks are searched."""
    clean = run(tmp_path, "clean")
    assert clean is not None
    for number, (where, times) in enumerate((("encode", 3), ("encode", 17), ("save", 1), ("save", 4), ("search", 5))):
        cache = f"killed-{number}"
        assert run(tmp_path, cache, where, times) is None
        again = run(tmp_path, cache)
        assert again is not None
        assert again[0] == clean[0], (where, times)
        assert again[1] < clean[1], "what was finished was encoded again"
        assert files(tmp_path / cache) == files(tmp_path / "clean"), (where, times)
