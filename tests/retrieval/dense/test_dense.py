"""Dense retrieval: what is encoded, how often, what is kept on disk, and what an encoder may get wrong."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError, RetrieverError
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense import embeddings
from beir_hybrid.retrieval.dense.retriever import DenseRetriever

Encode = Callable[[list[str]], FloatArray]
ROOT = Path(__file__).parents[3]


class Counting:
    """An encode function that remembers what it was asked."""

    def __init__(self, encode: Encode) -> None:
        self.encode_texts = encode
        self.seen: list[str] = []
        self.calls = 0
        self.fail_at = 0

    def __call__(self, texts: list[str]) -> FloatArray:
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        self.seen += texts
        return self.encode_texts(texts)


@pytest.fixture
def counting(encode: Encode) -> Counting:
    return Counting(encode)


def distinct_texts(dataset: Dataset) -> int:
    queries = {text for x in dataset.languages for text in dataset.queries[x].texts}
    passages = {text for x in dataset.languages for text in dataset.passages[x].full_texts()}
    return len(queries) + len(passages)


def test_every_text_is_encoded_once_for_all_settings(partly_parallel: Dataset, counting: Counting) -> None:
    """Twelve tasks, and texts that repeat across languages, cost one encoding a text."""
    retriever = DenseRetriever(counting)
    assert len(list(retriever.retrieve(partly_parallel.tasks()))) == 12
    assert len(counting.seen) == distinct_texts(partly_parallel)
    list(retriever.retrieve(partly_parallel.tasks("multi")))
    assert len(counting.seen) == distinct_texts(partly_parallel)


def test_an_identified_function_is_cached_on_disk(partly_parallel: Dataset, counting: Counting, cache: Path) -> None:
    """After a restart nothing is encoded again; another identity or prompt is another store."""
    first = list(DenseRetriever(counting, identity="v1").retrieve(partly_parallel.tasks("multi")))
    before = len(counting.seen)
    again = list(DenseRetriever(counting, identity="v1").retrieve(partly_parallel.tasks("multi")))
    assert len(counting.seen) == before
    assert all(np.array_equal(a.ranks, b.ranks) for a, b in zip(first, again, strict=True))
    assert not [path for path in cache.rglob("*") if path.name.endswith(".part")]
    DenseRetriever(counting, identity="v1", query_prompt="Query: ").embed("query", ["x"])
    DenseRetriever(counting, identity="v2").embed("query", ["de question 1"])
    assert counting.seen[before:] == ["Query: x", "de question 1"]


def test_an_encoder_that_nothing_identifies_leaves_nothing_on_disk(encode: Encode, cache: Path) -> None:
    """Two functions, or two objects with encode(), must never share embeddings."""

    class Model:
        def __init__(self, sign: int) -> None:
            self.sign = sign

        def encode(self, texts: list[str]) -> FloatArray:
            return self.sign * encode(texts)

    one, other = (DenseRetriever(Model(sign), similarity="dot") for sign in (1, -1))
    assert np.array_equal(one.embed("query", ["x"]), -other.embed("query", ["x"]))
    DenseRetriever(lambda texts: encode(texts)).embed("query", ["x"])
    assert not cache.exists()
    assert one.describe()["fingerprint"] == one.describe()["fingerprint"]
    assert one.describe()["fingerprint"] != other.describe()["fingerprint"]


def test_prompts_reach_the_text(counting: Counting) -> None:
    """Queries and passages have prompts of their own."""
    retriever = DenseRetriever(counting, query_prompt="Q: ", passage_prompt="P: ")
    retriever.embed("query", ["x"])
    retriever.embed("passage", ["x"])
    assert counting.seen == ["Q: x", "P: x"]
    assert retriever.describe()["query_prompt"] == "Q: "


def test_cosine_looks_at_directions_and_dot_at_lengths() -> None:
    """A long vector wins the dot product, a close one the cosine; a zero vector stays zero."""
    vectors = {"q": [1, 0], "near": [1, 0], "long": [5, 5], "none": [0, 0]}
    for similarity, best in (("cosine", "near"), ("dot", "long")):
        retriever = DenseRetriever(lambda texts: [vectors[text] for text in texts], similarity=similarity)  # type: ignore[arg-type]
        corpus = {name: {"title": "", "text": name} for name in ("near", "long", "none")}
        (found,) = retriever.search(corpus, {"1": "q"}, 3).values()
        assert next(iter(found)) == best
        assert found["none"] == 0


@pytest.mark.parametrize("length", [1e-42, 1e-30, 1e25, 1e38])
def test_lengths_at_the_ends_of_float32_are_no_matter(length: float) -> None:
    """The cosine of very short and very long vectors is that of their directions; dot products that are no float32
    values are refused, not ranked as equal."""
    vectors = {"q": [1.0, 0.0], "near": [0.9, 0.1], "far": [-0.5, 1.0], "half": [0.4, 0.6]}

    def encode(texts: list[str]) -> Any:
        return np.array([vectors[text] for text in texts], np.float32) * np.float32(length)

    corpus = {name: {"title": "", "text": name} for name in ("near", "far", "half")}
    (found,) = DenseRetriever(encode).search(corpus, {"1": "q"}, 3).values()
    assert list(found) == ["near", "half", "far"]
    assert found["near"] == pytest.approx(0.9 / np.hypot(0.9, 0.1), rel=1e-2 if length < 1e-40 else 1e-6)
    if length > 1:
        with pytest.raises(RetrieverError, match="so long that float32 does not hold their dot products"):
            DenseRetriever(encode, similarity="dot").search(corpus, {"1": "q"}, 3)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda n: np.zeros((n + 1, 3)), r"returned shape \(3, 3\) for 2 query texts; expected \(2, dimension\)"),
        (lambda n: np.zeros(n), r"returned shape \(2,\)"),
        (lambda n: np.zeros((n, 0)), r"returned shape \(2, 0\)"),
        (lambda n: [[1.0], [1.0, 2.0]], "no matrix of numbers"),
        (lambda n: ["a", "b"], "no matrix of numbers"),
        (lambda n: np.array([[1.0], [np.nan]]), "NaN or infinity for 1 of 2 query texts, the first is 'second'"),
        (lambda n: np.array([[1.0], [1e300]]), "NaN or infinity for 1 of 2 query texts, the first is 'second'"),
    ],
)
def test_a_wrong_answer_of_the_encoder_is_named(answer: Callable[[int], Any], problem: str) -> None:
    """Wrong shapes, NaN and infinity stop with the text they belong to; nothing of them is kept."""
    retriever = DenseRetriever(lambda texts: answer(len(texts)), identity="bad")
    with pytest.raises(RetrieverError, match=problem):
        retriever.embed("query", ["first", "second"])
    assert DenseRetriever(lambda texts: np.ones((len(texts), 2)), identity="bad").embed("query", ["second"]).shape == (
        1,
        2,
    )


def test_queries_and_passages_of_different_dimensions_are_refused(partly_parallel: Dataset) -> None:
    """A product of the two would fail without saying why."""
    retriever = DenseRetriever(lambda texts: np.ones((len(texts), 2 + texts[0].startswith("Q"))), query_prompt="Q")
    with pytest.raises(RetrieverError, match="vectors of 2 and 3 dimensions"):
        list(retriever.retrieve(partly_parallel.tasks("mono")))


def test_an_interrupt_keeps_the_blocks_that_were_done(
    counting: Counting, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was encoded before Ctrl-C is not encoded again, and nothing half-written is left."""
    monkeypatch.setattr(embeddings, "BLOCK", 10)
    texts = [f"text {number}" for number in range(35)]
    counting.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        DenseRetriever(counting, identity="v1").embed("passage", texts)
    assert counting.seen == texts[:20]
    assert not list(cache.rglob("*.part"))
    whole = DenseRetriever(counting, identity="v1", similarity="dot").embed("passage", texts)
    assert counting.seen == texts  # the other 15, once
    assert np.array_equal(whole, counting.encode_texts(texts))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    counting: Counting, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the file and what to do; once there is space the next call goes on."""

    def full(out: Any, vectors: Any) -> None:
        out.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    retriever = DenseRetriever(counting, identity="v1")
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(BeirHybridError, match=r"could not write .*\.npy: No space left on device; free space") as e:
            retriever.embed("query", ["x"])
    assert "\n" not in str(e.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert retriever.embed("query", ["x"]).shape == (1, 6)


def test_a_cache_folder_that_cannot_be_made_is_one_line(counting: Counting, tmp_path: Path) -> None:
    """A file where the cache should be is an error a user can act on, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BeirHybridError, match=r"could not write .*; choose another folder, or see what stands"):
        DenseRetriever(counting, identity="v1", cache=tmp_path / "file").embed("query", ["x"])


@pytest.mark.parametrize("content", [b"", b"not numpy", None])
def test_a_damaged_segment_says_what_to_delete(counting: Counting, cache: Path, content: bytes | None) -> None:
    """An empty, foreign or short file is named with its keys."""
    DenseRetriever(counting, identity="v1").embed("query", ["x", "y"])
    (segment,) = cache.rglob("*.npy")
    segment.write_bytes(segment.read_bytes()[:-4] if content is None else content)
    with pytest.raises(RetrieverError, match=rf"{segment.name} is damaged .*; delete it and {segment.stem}.keys"):
        DenseRetriever(counting, identity="v1").embed("query", ["x"])


def test_what_an_earlier_version_kept_is_read_as_it_was(cache: Path) -> None:
    """Hours of encoding are in these files: their names and form are fixed, whatever this package becomes."""
    folder = cache / "embeddings" / "v1" / fingerprint("query", "Q: ")
    folder.mkdir(parents=True)
    kept = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    keys = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in ("x", "y"))
    name = hashlib.blake2b(keys, digest_size=12).hexdigest()
    np.save(folder / f"{name}.npy", kept)
    (folder / f"{name}.keys").write_bytes(keys)

    def refuse(texts: list[str]) -> FloatArray:
        raise AssertionError(f"encoded again: {texts}")

    retriever = DenseRetriever(refuse, identity="v1", similarity="dot", query_prompt="Q: ")
    assert np.array_equal(retriever.embed("query", ["y", "x", "y"]), kept[[1, 0, 1]])


def test_more_segments_than_file_descriptors_are_read(
    counting: Counting, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that was filled in many small blocks is used whole: no descriptor stays open for a segment."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(embeddings, "BLOCK", 1)
    texts = [f"text {number}" for number in range(80)]
    expected = DenseRetriever(counting, identity="v1").embed("query", texts)
    assert len(list(cache.rglob("*.npy"))) == 80
    counting.seen.clear()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        while len(held) < 20:  # whatever the process has open, twenty descriptors are left below the limit
            held.append(os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, limits[1]))
        for descriptor in held:
            os.close(descriptor)
        found = DenseRetriever(counting, identity="v1").embed("query", texts)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert np.array_equal(found, expected)
    assert counting.seen == []


def test_a_whole_segment_that_cannot_be_read_now_is_not_called_damaged(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system refuses to open a file, nobody is told to delete it."""
    DenseRetriever(counting, identity="v1").embed("query", ["x"])

    def refused(*args: Any, **options: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(np, "load", refused)
    with pytest.raises(RetrieverError, match=r"could not read .*\.npy: Too many open files") as error:
        DenseRetriever(counting, identity="v1").embed("query", ["x"])
    assert "delete" not in str(error.value)


def test_keys_that_do_not_fit_their_vectors_are_damage(counting: Counting, cache: Path) -> None:
    """A truncated key file must not shift texts to the vectors of others."""
    DenseRetriever(counting, identity="v1").embed("query", ["x", "y"])
    (keys,) = cache.rglob("*.keys")
    keys.write_bytes(keys.read_bytes()[:-1])
    with pytest.raises(RetrieverError, match="is damaged"):
        DenseRetriever(counting, identity="v1").embed("query", ["x"])


FILL = """
import sys, numpy as np
from pathlib import Path
from beir_hybrid.retrieval.dense import embeddings
embeddings.BLOCK = 5
store = embeddings.EmbeddingStore(Path(sys.argv[1]))
texts = [f"text {n}" for n in range(200)][:: int(sys.argv[2])]
vectors = store.embed(texts, embeddings.in_turn(lambda block: [[float(text.split()[1]), 1.0] for text in block]))
assert vectors[:, 0].tolist() == [float(text.split()[1]) for text in texts]
"""


@pytest.mark.slow
def test_two_processes_fill_one_cache(tmp_path: Path) -> None:
    """Writers of the same texts, in other orders, at the same time leave a store that reads right."""
    running = [
        subprocess.Popen([sys.executable, "-c", FILL, str(tmp_path / "store"), step], cwd=ROOT)
        for step in ("1", "-1", "1")
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    store = embeddings.EmbeddingStore(tmp_path / "store")
    vectors = store.embed([f"text {n}" for n in range(200)], lambda blocks: iter([]))
    assert vectors[:, 0].tolist() == list(range(200))
    assert not list((tmp_path / "store").glob("*.part"))


def test_no_text_at_all_is_an_empty_matrix(counting: Counting) -> None:
    """A language without queries or passages costs nothing and fails nothing."""
    assert DenseRetriever(counting).embed("query", []).shape[0] == 0
    assert counting.calls == 0


class FromFunction:
    """What BEIR's dense search wants of a model."""

    def __init__(self, encode: Encode) -> None:
        self.encode_texts = encode

    def encode_queries(self, queries: list[str], **_: Any) -> FloatArray:
        return self.encode_texts(queries)

    def encode_corpus(self, corpus: list[dict[str, str]], **_: Any) -> FloatArray:
        return self.encode_texts([record["text"] for record in corpus])


def real_valued(texts: list[str]) -> FloatArray:
    """Vectors without ties."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=24) for text in texts]
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(("similarity", "beir_name"), [("cosine", "cos_sim"), ("dot", "dot")])
def test_beir_runs_it_and_ranks_as_its_own_exact_search(
    partly_parallel: Dataset, similarity: Any, beir_name: str
) -> None:
    """EvaluateRetrieval takes the retriever as it is; same vectors, same rankings as DenseRetrievalExactSearch."""
    from beir.retrieval.evaluation import EvaluateRetrieval
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    queries = {f"q{n}": f"question {n}" for n in range(9)}
    corpus = {f"p{n:03d}": {"title": "", "text": f"text {n}"} for n in range(60)}
    ours = EvaluateRetrieval(
        DenseRetriever(real_valued, similarity=similarity), k_values=[1, 10], score_function=beir_name
    )
    theirs = EvaluateRetrieval(
        DenseRetrievalExactSearch(FromFunction(real_valued)), k_values=[1, 10], score_function=beir_name
    )
    found, expected = ours.retrieve(corpus, queries), theirs.retrieve(corpus, queries)
    for query in queries:
        best = sorted(expected[query], key=expected[query].__getitem__, reverse=True)[:10]
        assert list(found[query]) == best
        assert [found[query][p] for p in best] == pytest.approx([expected[query][p] for p in best], abs=1e-5)
        assert all(type(score) is float for score in found[query].values())


def test_search_drops_a_passage_with_the_query_s_own_id(encode: Encode) -> None:
    """As in BEIR, and without costing a place among the top k."""
    corpus = {name: {"title": "", "text": name} for name in ("a", "b", "c")}
    found = DenseRetriever(encode).search(corpus, {"a": "a"}, 2)
    assert len(found["a"]) == 2
    assert "a" not in found["a"]


def test_search_of_odd_sizes(encode: Encode) -> None:
    """A single query, more hits than passages, missing titles, no passage, no query."""
    retriever = DenseRetriever(encode)
    assert len(retriever.search({"p": {"title": None, "text": "x"}}, {"q": "x"}, 1000)["q"]) == 1  # type: ignore[dict-item]
    assert retriever.search({}, {"q": "x"}, 5) == {"q": {}}
    assert retriever.search({"p": {"text": "x"}}, {}, 5) == {}


@pytest.mark.kernels
def test_search_ties_as_retrieve_does(partly_parallel: Dataset) -> None:
    """BEIR's door and ours give the same order, texts that repeat included."""
    retriever = DenseRetriever(real_valued)
    task = partly_parallel.task("mono:de")
    corpus, queries, _ = BeirView(task).load()
    found = retriever.search(corpus, queries, 20)
    (ranking,) = retriever.retrieve([task], 20)
    for row, query in enumerate(task.query_ids):
        span = slice(ranking.hits.indptr[row], ranking.hits.indptr[row + 1])
        assert list(found[query]) == [task.passage_ids[at] for at in ranking.hits.passages[span]]


def test_things_that_are_no_encoder_are_refused() -> None:
    """A number, an unknown similarity."""
    with pytest.raises(RetrieverError, match="int is neither a sentence-transformers model nor a function"):
        DenseRetriever(7)
    with pytest.raises(RetrieverError, match="unknown similarity 'l2'; known: cosine, dot"):
        DenseRetriever(real_valued, similarity="l2")  # type: ignore[arg-type]


# --- sentence-transformers models, made here
