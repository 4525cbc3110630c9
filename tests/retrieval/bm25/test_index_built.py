"""An index is built once and whole, whatever interrupts it."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25 import writer
from beir_hybrid.retrieval.bm25.analyzers import standard_analyzer
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
from beir_hybrid.retrieval.bm25.runtimes import Jvm
from tests.retrieval.bm25.index_made import build, numbered, per_query, visible

pytestmark = pytest.mark.java


ROOT = Path(__file__).parents[3]


def test_an_index_is_built_once_and_described(jvm: Jvm, tmp_path: Path) -> None:
    """The second opening reads the disk; meta.json tells what was built with what."""
    first = build(["Haus"], tmp_path, language="de")
    stamp = (first.folder / "meta.json").stat().st_mtime_ns
    again = build(["Haus"], tmp_path, language="de")
    assert (again.folder, (again.folder / "meta.json").stat().st_mtime_ns) == (first.folder, stamp)
    meta = json.loads((again.folder / "meta.json").read_text(encoding="utf-8"))
    assert meta["analyzer"]["java_class"].endswith("GermanAnalyzer")
    assert {"lucene", "anserini", "java", "passages", "fingerprint"} <= meta.keys()


def test_another_text_or_analyzer_is_another_index(jvm: Jvm, tmp_path: Path) -> None:
    """No stale index: the folder's name changes with the content and with the analyzer."""
    assert build(["x"], tmp_path, language="deu").folder.parent == tmp_path
    folders = {
        build(["Haus"], tmp_path, language="de").folder,
        build(["Haus!"], tmp_path, language="de").folder,
        build(["Haus"], tmp_path, language="nl").folder,
        build(["Haus"], tmp_path, ids=["other"], language="de").folder,
        build(["Haus", "x"], tmp_path, ids=["a", "b"], language="de").folder,
        build(["x", "Haus"], tmp_path, ids=["a", "b"], language="de").folder,
        build(["c", "x"], tmp_path, ids=["ab", "x"], language="de").folder,
        build(["bc", "x"], tmp_path, ids=["a", "x"], language="de").folder,
    }
    assert len(folders) == 8


def test_an_interrupted_build_leaves_nothing_and_can_be_repeated(jvm: Jvm, tmp_path: Path) -> None:
    """Ctrl-C in the middle of indexing removes what was written; the next run succeeds."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LuceneIndex.open_or_build(
            ["a", "b"], ["cat", "dog"], standard_analyzer(), cache_dir=tmp_path, progress=interrupt
        )
    assert visible(tmp_path) == []
    assert build(["cat", "dog"], tmp_path, ids=["a", "b"]).search(["dog"], 1).passages.tolist() == [1]


def test_two_processes_may_build_the_same_index(jvm: Jvm, tmp_path: Path) -> None:
    """Both finish with the same hits and one folder remains."""
    code = f"""
from pathlib import Path
from beir_hybrid.retrieval.bm25.analyzers import standard_analyzer
from beir_hybrid.retrieval.bm25.index import LuceneIndex
texts = [f"word{{n % 7}} text" for n in range(3000)]
ids = [f"{{n:04d}}" for n in range(3000)]
index = LuceneIndex.open_or_build(ids, texts, standard_analyzer(), cache_dir=Path({str(tmp_path)!r}))
print(index.search(["word3"], 3).passages.tolist())
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert said[0] == said[1]
    assert len(visible(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("*/segments_*", None),
        ("000001", None),
        ("*/*.cfs", b""),
        ("*/*.cfs", -7),
        ("*/segments_*", -7),
    ],
)
def test_a_damaged_index_says_what_to_delete(
    jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: bytes | int | None
) -> None:
    """A file lost or cut on disk is one line with the remedy, not a trace; nothing is deleted without asking."""
    monkeypatch.setattr(writer, "SMALLEST", 2)
    folder = build(["cat", "dog", "cow"], tmp_path).folder
    path = sorted(folder.glob(name))[-1]
    if path.is_dir():
        shutil.rmtree(path)
    elif change is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:change] if isinstance(change, int) else change)
    with pytest.raises(RetrieverError, match="delete that folder") as error:
        build(["cat", "dog", "cow"], tmp_path)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


class Interrupted(Sequence[str]):
    """Texts whose reading ends at a position with an error."""

    def __init__(self, texts: Sequence[str], at: int, error: BaseException) -> None:
        self.texts, self.at, self.error = texts, at, error
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        if index == self.at:
            raise self.error
        self.read.append(index)
        return self.texts[index]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("at", [0, 5, 39])
def test_after_an_interrupt_indexing_goes_on(
    jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, at: int
) -> None:
    """Pieces that were finished are not written again, and the hits are those of an index made in one go."""
    monkeypatch.setattr(writer, "SMALLEST", 10)
    texts = [f"word{number % 7} text" for number in range(40)]
    texts_once = Interrupted(texts, at, KeyboardInterrupt())
    options = {"cache_dir": tmp_path / "a", "content": "known", "threads": threads}
    with pytest.raises(KeyboardInterrupt):
        LuceneIndex.open_or_build(numbered(texts), texts_once, standard_analyzer(), **options)  # type: ignore[arg-type]
    assert not list((tmp_path / "a").glob("bm25-*"))
    again, told = Interrupted(texts, -1, KeyboardInterrupt()), []
    index = LuceneIndex.open_or_build(
        numbered(texts), again, standard_analyzer(), progress=told.append, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    assert sum(told) == 40
    if threads == 1:  # from the last passage to the first, ten at a time
        assert len(again.read) == {0: 10, 5: 10, 39: 40}[at]
    clean = build(texts, tmp_path / "b").search(["word3", "word0 word5"], 40)
    found = index.search(["word3", "word0 word5"], 40)
    assert per_query(found) == per_query(clean)
    assert found.scores.tolist() == clean.scores.tolist()


def test_what_killed_indexing_left_is_used_or_removed(
    jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a piece (no commit, or another number of passages) is written again; nothing strange stays."""
    monkeypatch.setattr(writer, "SMALLEST", 10)
    texts = [f"word{number % 7} text" for number in range(30)]
    clean = build(texts, tmp_path / "a")
    left = tmp_path / "b" / f".{clean.folder.name}.part"
    shutil.copytree(clean.folder, left)
    next((left / "000000").glob("segments_*")).unlink()
    shutil.rmtree(left / "000001")
    shutil.copytree(build(["x"], tmp_path / "c").folder / "000000", left / "000001")
    index = build(texts, tmp_path / "b")
    assert per_query(index.search(["word3"], 30)) == per_query(clean.search(["word3"], 30))
    assert visible(tmp_path / "b") == [index.folder]


@pytest.mark.slow
def test_indexing_that_is_killed_can_be_repeated(jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After kill -9 in the middle nothing is taken for an index, no lock is left, and a rerun ends as a clean run."""
    code = f"""
from pathlib import Path
from beir_hybrid.retrieval.bm25 import writer
from beir_hybrid.retrieval.bm25.analyzers import standard_analyzer
from beir_hybrid.retrieval.bm25.index import LuceneIndex
writer.SMALLEST = 200
texts = [f"word{{n % 7}} text{{n}}" for n in range(6000)]
ids = [f"p{{n:04d}}" for n in range(6000)]
LuceneIndex.open_or_build(ids, texts, standard_analyzer(), cache_dir=Path({str(tmp_path / "a")!r}), threads=2)
"""
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    while run.poll() is None and len(list((tmp_path / "a").glob(".*.part/*/segments_*"))) < 3:
        time.sleep(0.002)
    run.kill()
    run.communicate(timeout=60)
    assert not list((tmp_path / "a").glob("bm25-*"))
    monkeypatch.setattr(writer, "SMALLEST", 200)
    texts, told = [f"word{n % 7} text{n}" for n in range(6000)], []
    index = LuceneIndex.open_or_build(
        [f"p{n:04d}" for n in range(6000)], texts, standard_analyzer(), cache_dir=tmp_path / "a", progress=told.append
    )
    assert sum(told) == 6000
    clean = build(texts, tmp_path / "b")
    queries = ["word3 text17", "text5999"]
    assert per_query(index.search(queries, 50)) == per_query(clean.search(queries, 50))


def test_a_full_disk_while_indexing_is_one_line(jvm: Jvm, tmp_path: Path) -> None:
    """Files cannot grow beyond 20 kB, as on a full disk: Lucene's reason, the folder, and nothing half-written."""
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{number}" for number in rng.integers(0, 5000, 20)) for _ in range(2000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(RetrieverError, match=r"Lucene could not write the index in .*File too large") as error:
            build(texts, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert visible(tmp_path) == []
    assert build(texts, tmp_path).search(["w7"], 3).passages.size == 3


def test_passages_on_disk_are_not_read_to_find_their_index(jvm: Jvm, tmp_path: Path) -> None:
    """A digest of the corpus names the index: opening it again reads no text."""
    texts = Interrupted(["cat", "dog"], -1, KeyboardInterrupt())
    for _ in range(2):
        index = LuceneIndex.open_or_build(["a", "b"], texts, standard_analyzer(), cache_dir=tmp_path, content="digest")
        assert index.search(["dog"], 1).passages.tolist() == [1]
    assert sorted(texts.read) == [0, 1]
    other = LuceneIndex.open_or_build(["a", "b"], texts, standard_analyzer(), cache_dir=tmp_path, content="other")
    assert other.folder != index.folder


def test_bad_input_is_refused(jvm: Jvm, tmp_path: Path) -> None:
    """Unequal lengths and impossible parameters are errors with what was got."""
    (tmp_path / "file").touch()
    with pytest.raises(RetrieverError, match=r"could not write .*/file/bm25-any-.*; choose another folder"):
        build(["x"], tmp_path / "file")
    with pytest.raises(RetrieverError, match="the corpus has 2 of ids and 1 of texts"):
        build(["x"], tmp_path, ids=["a", "b"])
    index = build(["x"], tmp_path)
    with pytest.raises(RetrieverError, match="top_k is 0"):
        index.search(["x"], 0)
    for options in ({"b": 2}, {"k1": -1}, {"k1": float("nan")}, {"k1": "big"}):
        with pytest.raises(RetrieverError, match=r"k1 is .* and b is .*; expected k1 >= 0 and b between 0 and 1"):
            BM25Retriever(**options)  # type: ignore[arg-type]
