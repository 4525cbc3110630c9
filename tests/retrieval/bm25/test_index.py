"""Lucene's index and search: scores, order, ties, odd texts, the cache on disk."""

from __future__ import annotations

import json
import math
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.bm25 import writer
from beir_hybrid.retrieval.bm25.analyzers import language_analyzer, standard_analyzer
from beir_hybrid.retrieval.bm25.bridge import java_class
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
from beir_hybrid.retrieval.bm25.runtimes import Jvm

pytestmark = pytest.mark.java
ROOT = Path(__file__).parents[3]


def numbered(texts: Sequence[str]) -> list[str]:
    return [f"p{place:04d}" for place in range(len(texts))]


def build(texts: Sequence[str], cache_dir: Path, ids: Sequence[str] | None = None, language: str = "") -> LuceneIndex:
    from beir_hybrid.retrieval.bm25.java import start_jvm

    analyzer = language_analyzer(language, start_jvm()) if language else standard_analyzer()
    return LuceneIndex.open_or_build(ids or numbered(texts), texts, analyzer, cache_dir=cache_dir)


def visible(folder: Path) -> list[Path]:
    """What is in a folder but lock files, which stay."""
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


def per_query(hits: Hits) -> list[list[int]]:
    return [hits.passages[start:stop].tolist() for start, stop in zip(hits.indptr, hits.indptr[1:], strict=False)]


def stored_length(length: int) -> int:
    """Lucene keeps a passage's length in one byte (SmallFloat.intToByte4): exact below 40, then 4 bits."""
    if length < 24:
        return length
    rest = length - 24
    shift = max(rest.bit_length() - 4, 0)
    return 24 + (rest >> shift << shift)


def brute_force(texts: Sequence[str], query: str, k1: float, b: float) -> dict[int, float]:
    """BM25 as Lucene defines it, over words split at spaces."""
    words = [text.split() for text in texts]
    average = sum(map(len, words)) / sum(1 for each in words if each)
    scores: dict[int, float] = {}
    for place, each in enumerate(words):
        count = Counter(each)
        for word in query.split():
            if count[word]:
                holding = sum(word in other for other in words)
                filled = sum(1 for other in words if other)
                idf = math.log(1 + (filled - holding + 0.5) / (holding + 0.5))
                norm = k1 * (1 - b + b * stored_length(len(each)) / average)
                scores[place] = scores.get(place, 0.0) + idf * count[word] / (count[word] + norm)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75), (2.0, 0.0)])
def test_scores_are_bm25(jvm: Jvm, tmp_path: Path, k1: float, b: float) -> None:
    """Scores equal the formula, with lossy lengths, repeated query words, and empty passages not counted."""
    rng = np.random.default_rng(7)
    vocabulary = [f"w{number}" for number in range(30)]
    texts = [" ".join(rng.choice(vocabulary, size)) for size in [1, 3, 23, 24, 40, 41, 60, 101, 333, 0, 12]]
    query = "w1 w2 w2 w17 unknown"
    hits = build(texts, tmp_path).search([query], 100, k1=k1, b=b)
    expected = brute_force(texts, query, k1, b)
    found = dict(zip(hits.passages.tolist(), hits.scores.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-5)
    assert hits.scores.tolist() == sorted(found.values(), reverse=True)
    assert (hits.indptr.dtype, hits.passages.dtype, hits.scores.dtype) == (np.int64, np.int32, np.float32)


def test_ties_go_by_descending_id(jvm: Jvm, tmp_path: Path) -> None:
    """Equal passages come in trec_eval's order, and a cut keeps the first of that order."""
    ids = ["10", "9", "a", "b", "c", "d"]
    index = build(["same words"] * 6, tmp_path, ids)
    assert [ids[place] for place in index.search(["words"], 6).passages] == ["d", "c", "b", "a", "9", "10"]
    assert [ids[place] for place in index.search(["words"], 2).passages] == ["d", "c"]


def test_queries_without_terms_find_nothing(jvm: Jvm, tmp_path: Path) -> None:
    """Blank queries, stop words and unknown words give empty rows; the others keep their place."""
    index = build(["the cat", "a dog"], tmp_path, language="en")
    hits = index.search(["", "  \n", "the a", "?!", "zebra", "dogs"], 5)
    assert per_query(hits) == [[], [], [], [], [], [1]]
    assert per_query(index.search([], 5)) == []


def test_query_syntax_means_nothing(jvm: Jvm, tmp_path: Path) -> None:
    """A query is words: operators, fields, wildcards and brackets are neither obeyed nor errors."""
    index = build(["red fox", "red hen", "blue"], tmp_path)
    plain = index.search(["red fox"], 5)
    odd = index.search(['+red AND -(fox)^2 contents:"'], 5)
    assert odd.passages.tolist() == plain.passages.tolist()
    assert index.search(["re*"], 5).passages.size == 0


def test_a_query_may_be_longer_than_lucenes_clause_limit(jvm: Jvm, tmp_path: Path) -> None:
    """1024 distinct words are where Lucene refuses by default."""
    index = build(["w3000", "other"], tmp_path)
    assert index.search([" ".join(f"w{number}" for number in range(5000))], 5).passages.tolist() == [0]


def test_empty_passages_are_never_found(jvm: Jvm, tmp_path: Path) -> None:
    """An empty text keeps its place, so positions stay those of the caller."""
    index = build(["", "cat", "   ", "cat cat"], tmp_path)
    assert sorted(index.search(["cat"], 9).passages.tolist()) == [1, 3]
    assert len(index) == 4


def test_no_passages_at_all(jvm: Jvm, tmp_path: Path) -> None:
    """An empty corpus is searched without a crash."""
    assert per_query(build([], tmp_path).search(["cat"], 3)) == [[]]


def test_any_character_survives(jvm: Jvm, tmp_path: Path) -> None:
    """Rare Chinese characters match themselves and nothing else; NUL and half a pair do no harm."""
    index = build(["\U00020bb7 x", "\U00020bb8 y", "nul\x00 \ud800 z", "\U0001f600"], tmp_path)
    assert per_query(index.search(["\U00020bb7", "z", "\U0001f600"], 5)) == [[0], [2], [3]]


def test_threads_change_nothing(jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several indexing and search threads give the same hits in the same order."""
    monkeypatch.setattr(writer, "SMALLEST", 50)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice([f"w{number}" for number in range(9)], 5)) for _ in range(400)]
    queries = [f"w{number} w{number + 1}" for number in range(8)]
    told: list[int] = []
    threaded = LuceneIndex.open_or_build(
        numbered(texts), texts, standard_analyzer(), cache_dir=tmp_path / "b", threads=3, progress=told.append
    ).search(queries, 50, threads=3)
    single = build(texts, tmp_path / "a").search(queries, 50)
    assert sum(told) == 400
    assert per_query(threaded) == per_query(single)
    assert threaded.scores.tolist() == single.scores.tolist()


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_no_thread_writes_into_the_piece_of_another(jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every passage is found by its own word and no other, though several threads call the same Java methods."""
    monkeypatch.setattr(writer, "SMALLEST", 100)
    texts = [f"word{number}" for number in range(1000)]
    index = LuceneIndex.open_or_build(numbered(texts), texts, standard_analyzer(), cache_dir=tmp_path, threads=5)
    found = index.search(texts, 5, threads=5)
    assert per_query(found) == [[number] for number in range(1000)]


def test_two_indexes_may_be_searched_at_once(jvm: Jvm, tmp_path: Path, restless: None) -> None:
    """Threads that search different indexes get each its own answers."""
    left, right = build(["cat", "dog"], tmp_path), build(["dog", "cow", "cat"], tmp_path)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(index.search, ["cat", "dog"] * 200, 5) for index in (left, right) * 2]
    assert [per_query(answer.result()) for answer in answers] == [[[0], [1]] * 200, [[2], [0]] * 200] * 2


def test_greek_is_found_in_another_form(jvm: Jvm, tmp_path: Path) -> None:
    """The Greek analyzer is at work on both sides: capitals without accents find the inflected word."""
    index = build(["οι δρόμοι της Αθήνας", "η θάλασσα"], tmp_path, language="el")
    assert per_query(index.search(["ΔΡΟΜΟΣ"], 5)) == [[0]]


@pytest.mark.parametrize("language", ["ar", "de", "en", "hi", "ja", "ru", "zh"])
def test_hits_are_those_of_anserini(jvm: Jvm, tmp_path: Path, language: str) -> None:
    """Same texts, same scores as Anserini's own indexer and searcher, which pyserini calls."""
    texts = {
        "ar": ["الكتاب على الطاولة", "كتب كثيرة", "الطاولة"],
        "de": ["Die Häuser stehen", "Das Haus steht leer", "Ein Baum"],
        "en": ["The houses are standing", "A house stands empty", "A tree"],
        "hi": ["किताबें मेज पर हैं", "किताब मेज", "पेड़"],
        "ja": ["本を読んでいる", "本屋で本を買った", "木"],
        "ru": ["Книги на столе", "Книга лежит", "Дерево"],
        "zh": ["北京是中国的首都", "中国的北京大学", "树"],
    }[language]
    folder = str(tmp_path / "anserini")
    indexer = java_class("io.anserini.index.SimpleIndexer")(
        ["-input", "", "-index", folder, "-collection", "JsonCollection", "-language", language]
    )
    indexer.addRawDocuments([json.dumps({"id": f"p{n:04d}", "contents": text}) for n, text in enumerate(texts)])
    indexer.close()
    searcher = java_class("io.anserini.search.SimpleSearcher")(folder)
    searcher.set_language(language)
    searcher.set_bm25(0.9, 0.4)
    query = texts[0]
    theirs = {int(hit.docid[1:]): hit.score for hit in searcher.search(query, 10)}
    hits = build(texts, tmp_path, language=language).search([query], 10)
    ours = dict(zip(hits.passages.tolist(), hits.scores.tolist(), strict=True))
    assert ours == pytest.approx(theirs, abs=2e-4)  # Anserini rounds scores to break ties
    assert len(ours) > 1


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
    with pytest.raises(RetrieverError, match="2 passage ids for 1 texts"):
        build(["x"], tmp_path, ids=["a", "b"])
    index = build(["x"], tmp_path)
    with pytest.raises(RetrieverError, match="top_k is 0"):
        index.search(["x"], 0)
    for options in ({"b": 2}, {"k1": -1}, {"k1": float("nan")}):
        with pytest.raises(RetrieverError, match=r"k1 is .* and b is .*; expected k1 >= 0 and b between 0 and 1"):
            BM25Retriever(**options)  # type: ignore[arg-type]
