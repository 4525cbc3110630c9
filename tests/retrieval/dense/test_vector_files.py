"""Vectors in files: encoded once, resumed block by block, read as they were written."""

from __future__ import annotations

import errno
import io
import pickle
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import BeirHybridError, RetrieverError
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.contract import combined
from beir_hybrid.retrieval.dense import embeddings, int8, vector_files
from beir_hybrid.retrieval.dense import retriever as dense
from beir_hybrid.retrieval.dense.embeddings import in_turn
from beir_hybrid.retrieval.dense.int8 import Scale, sampled
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.dense.scored_form import ScoredForm
from beir_hybrid.retrieval.dense.vector_files import VectorFiles

Encode = Callable[[Sequence[str]], FloatArray]
TEXTS = [f"text {number % 60}" for number in range(70)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 16 vectors, encoded 5 at a time."""
    monkeypatch.setattr(vector_files, "ROWS", 16)
    monkeypatch.setattr(embeddings, "BLOCK", 5)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_what_is_read_is_what_was_encoded(tmp_path: Path, encode: Encode, precision: Any) -> None:
    """Any stretch and any positions, over file borders, always float32."""
    stored = VectorFiles(tmp_path, len(TEXTS), precision)
    stored.fill(TEXTS, in_turn(encode))
    expected = encode(TEXTS)
    for begin, end in ((0, 70), (0, 1), (15, 17), (16, 32), (69, 70), (3, 64)):
        found = stored.read(begin, end)
        assert found.dtype == np.float32
        assert np.array_equal(found, expected[begin:end])
    positions = np.array([0, 15, 16, 47, 69])
    assert np.array_equal(stored.take(positions), expected[positions])
    assert stored.shape[1] == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:06d}.npy" for n in range(5)]


def test_int8_keeps_a_byte_a_value_and_its_scale(tmp_path: Path) -> None:
    """Values are off by half a step at most; the scale is the corpus's, not the call's; a lost one is named."""
    rng = np.random.default_rng(0)
    vectors = {text: rng.normal(size=6).astype(np.float32) for text in TEXTS}
    stored = VectorFiles(tmp_path / "a", len(TEXTS), "int8")
    told: list[int] = []

    def encode(texts: Sequence[str]) -> FloatArray:
        told.append(len(texts))
        return np.stack([vectors[text] for text in texts])

    stored.fill(TEXTS, in_turn(encode, "text", told.append), told.append)
    assert sum(told) == len(TEXTS)  # those of the sample are encoded twice and count once
    header, checksum = 128, 16
    assert (tmp_path / "a" / "000000.npy").stat().st_size == header + 16 * 6 + checksum
    expected = np.stack([vectors[text] for text in TEXTS])
    step = (expected.max(axis=0) - expected.min(axis=0)) / 255
    assert np.all(np.abs(stored.read(0, 70) - expected) <= step / 2 * 1.001)
    again = VectorFiles(tmp_path / "a", len(TEXTS), "int8")
    again.fill(TEXTS, in_turn(lambda _: pytest.fail("encoded again")))
    assert np.array_equal(again.read(16, 20), stored.read(0, 70)[16:20])
    assert np.array_equal(again.take(np.array([3, 69])), stored.read(0, 70)[[3, 69]])
    (tmp_path / "a" / "000004.npy").unlink()
    scale = (tmp_path / "a" / "scale.npy").read_bytes()
    (tmp_path / "a" / "scale.npy").unlink()
    with pytest.raises(RetrieverError, match=r"scale\.npy is missing, .*; delete .*/a"):
        VectorFiles(tmp_path / "a", len(TEXTS), "int8").fill(TEXTS, in_turn(lambda texts: np.ones((len(texts), 6))))
    (tmp_path / "a" / "scale.npy").write_bytes(scale[:-8])
    with pytest.raises(RetrieverError, match=r"scale\.npy is damaged .*; delete the folder .*/a"):
        VectorFiles(tmp_path / "a", len(TEXTS), "int8").read(0, 1)


def test_the_scale_cuts_what_is_beyond_its_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked out by hand: a range of 0 to 255 has steps of 1; a dimension that never changes stays as it is."""
    scale = Scale.of_sample(np.array([[0, 7], [255, 7]], dtype=np.float32))
    packed = scale.packed(np.array([[0, 7], [254.6, 7], [300, 7], [-1, 7]], dtype=np.float32))
    assert packed.tolist() == [[-128, -128], [127, -128], [127, -128], [-128, -128]]
    assert scale.unpacked(packed).tolist() == [[0, 7], [255, 7], [255, 7], [0, 7]]
    assert sampled(3).tolist() == [0, 1, 2]
    monkeypatch.setattr(int8, "SAMPLE", 4)
    assert sampled(10).tolist() == [0, 2, 5, 7]
    with pytest.raises(RetrieverError, match="too far apart for int8"):
        Scale.of_sample(np.array([[3e38], [-3e38]], dtype=np.float32))


def test_what_a_killed_process_left_is_removed(tmp_path: Path, encode: Encode) -> None:
    """A half-written file of a process that was killed goes with the next run, which holds the folder alone."""
    (tmp_path / ".000003.npy.12345678.part").write_bytes(b"half")
    VectorFiles(tmp_path, len(TEXTS)).fill(TEXTS, in_turn(encode))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:06d}.npy" for n in range(5)]


def test_a_pickle_is_the_path(tmp_path: Path, encode: Encode) -> None:
    """Workers read the same files: no vector travels with a pickle."""
    stored = VectorFiles(tmp_path, len(TEXTS), "int8", ScoredForm("x", "cosine"))
    stored.fill(TEXTS, in_turn(encode))
    whole = stored.read(0, 70)
    pickled = pickle.dumps(stored)
    assert len(pickled) < 1000
    assert np.array_equal(pickle.loads(pickled).read(0, 70), whole)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_the_loss_of_precision_is_reported(partly_parallel: Dataset, encode: Encode, precision: Any) -> None:
    """Fewer bits always work from disk; the record says how far the order agrees with float32."""

    def real(texts: list[str]) -> FloatArray:
        rows = [np.random.default_rng(list(text.encode())).normal(size=24) for text in texts]
        return np.array(rows, dtype=np.float32)

    tasks = partly_parallel.tasks()
    exact = {r.task.name: r for r in DenseRetriever(real).retrieve(tasks, 7)}
    retriever = DenseRetriever(real, identity="v1", precision=precision)
    equal, observed = [], []
    for ranking in retriever.retrieve(tasks, 7):
        observed.append(ranking.observed)
        assert ranking.hits.counts.max() == 7
        equal.append(float(np.mean(ranking.ranks == exact[ranking.task.name].ranks)))
    assert 0.3 < np.mean(equal) < 1
    assert retriever.describe()["precision"] == precision
    agreement = combined(observed)["agreement_with_float32"]
    assert agreement["queries"] == 40
    assert 0.9 < (agreement["top_10_overlap"] or 0) <= 1
    assert 0.95 < (agreement["first_100_rank_correlation"] or 0) <= 1
    whole = DenseRetriever(encode, precision="float16")  # small whole numbers lose nothing
    (ranking,) = whole.retrieve(tasks[:1])
    agreement = {"queries": 40, "top_10_overlap": 1.0, "first_100_rank_correlation": 1.0}
    assert ranking.observed["agreement_with_float32"] == agreement


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("at", [1, 3])
def test_an_interrupt_loses_one_block(
    tmp_path: Path, encode: Encode, monkeypatch: pytest.MonkeyPatch, problem: BaseException, at: int
) -> None:
    """Blocks that were finished are not encoded again; the rerun's files are those of a clean run."""
    clean = VectorFiles(tmp_path / "clean", len(TEXTS))
    clean.fill(TEXTS, in_turn(encode))
    saved, save = [], np.save

    def failing(out: Any, vectors: Any) -> None:
        saved.append(1)
        if len(saved) == at:
            out.write(b"half")
            raise problem
        save(out, vectors)

    stored = VectorFiles(tmp_path / "stored", len(TEXTS))
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", failing)
        with pytest.raises((KeyboardInterrupt, BeirHybridError)):
            stored.fill(TEXTS, in_turn(encode))
    assert len(list((tmp_path / "stored").iterdir())) == at - 1
    seen: list[str] = []
    told: list[int] = []

    def telling(texts: Sequence[str]) -> FloatArray:
        seen.extend(texts)
        told.append(len(texts))
        return encode(list(texts))

    VectorFiles(tmp_path / "stored", len(TEXTS)).fill(TEXTS, in_turn(telling, "text", told.append), told.append)
    assert set(seen) == set(TEXTS[16 * (at - 1) :])
    assert sum(told) == len(TEXTS)
    for path in (tmp_path / "clean").iterdir():
        assert (tmp_path / "stored" / path.name).read_bytes() == path.read_bytes()


def test_damage_names_the_file(tmp_path: Path, encode: Encode) -> None:
    """A file that lost bytes, or has too few vectors, is to be deleted."""
    VectorFiles(tmp_path, len(TEXTS)).fill(TEXTS, in_turn(encode))
    path = tmp_path / "000002.npy"
    whole = path.read_bytes()
    for content in (b"", whole[:-4], (tmp_path / "000004.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(RetrieverError, match=r"000002\.npy is damaged .*; delete it, it is then encoded again"):
            VectorFiles(tmp_path, len(TEXTS)).read(0, 70)


def test_vectors_of_changing_length_or_beyond_float16_are_refused(tmp_path: Path) -> None:
    """Within a block, between blocks, and what half precision cannot hold."""
    with pytest.raises(RetrieverError, match="vectors of 3 dimensions after ones of 2"):
        VectorFiles(tmp_path / "a", 70).fill(
            TEXTS, in_turn(lambda texts: np.ones((len(texts), 2 + ("text 7" in texts))))
        )
    with pytest.raises(RetrieverError, match="the encoder must give vectors of one length"):
        VectorFiles(tmp_path / "b", 70).fill(
            TEXTS, in_turn(lambda texts: np.ones((len(texts), 2 + any(int(t[5:]) >= 16 for t in texts))))
        )
    with pytest.raises(RetrieverError, match="a value that float16 cannot hold"):
        VectorFiles(tmp_path / "c", 70, "float16").fill(TEXTS, in_turn(lambda texts: np.full((len(texts), 2), 1e6)))


def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every corpus counts as too large for memory."""
    monkeypatch.setattr(dense.DenseRetriever, "_fits", lambda *_: False)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("identity", ["v1", None])
def test_a_corpus_too_large_for_memory_is_ranked_as_in_memory(
    partly_parallel: Dataset, encode: Encode, monkeypatch: pytest.MonkeyPatch, similarity: Any, identity: str | None,
    cache: Path,
) -> None:  # fmt: skip
    """Same ids and ranks by both ways; without an identity the files go when the search ends."""
    tasks = partly_parallel.tasks()
    options: dict[str, Any] = {"similarity": similarity, "identity": identity}
    expected = {r.task.name: r for r in DenseRetriever(encode, **options).retrieve(tasks, 7)}
    large(monkeypatch)
    for ranking in DenseRetriever(encode, **options).retrieve(tasks, 7):
        assert np.array_equal(ranking.ranks, expected[ranking.task.name].ranks)
        assert np.array_equal(ranking.hits.passages, expected[ranking.task.name].hits.passages)
    assert bool(list(cache.rglob("000000.npy"))) == (identity is not None)
    assert not list(cache.glob("vectors-*"))


def test_a_second_search_encodes_no_passage(
    partly_parallel: Dataset, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are found by the content of the corpus, also after a restart and by BEIR's door."""
    large(monkeypatch)
    calls: list[str] = []

    def counting(texts: list[str]) -> FloatArray:
        calls.extend(texts)
        return encode(texts)

    list(DenseRetriever(counting, identity="v1").retrieve(partly_parallel.tasks("multi")))
    before = len(calls)
    list(DenseRetriever(counting, identity="v1").retrieve(partly_parallel.tasks("mono,cross")))
    assert len(calls) == before


@pytest.mark.kernels
def test_search_from_disk_is_search_in_memory(encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEIR's door gives the same results by both ways, the query's own id left out."""
    corpus = {f"p{n:02d}": {"title": "", "text": f"text {n % 30}"} for n in range(50)}
    queries = {"q1": "one", "p07": "seven"}
    expected = DenseRetriever(encode).search(corpus, queries, 5)
    large(monkeypatch)
    found = DenseRetriever(encode).search(corpus, queries, 5)
    for query in queries:
        assert list(found[query]) == list(expected[query])
        assert found[query] == pytest.approx(expected[query])


def test_memory_decides_the_way(
    partly_parallel: Dataset, encode: Encode, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A budget below what the matrices take sends the search to disk; --memory too small for even that is refused."""
    retriever = DenseRetriever(encode, identity="v1", memory=1)
    assert retriever._fits(100, 384) and not retriever._fits(10_000, 384)
    large(monkeypatch)
    with pytest.raises(RetrieverError, match="1 MB of memory are too little for this search"):
        list(retriever.retrieve(partly_parallel.tasks()))
    assert not list(cache.rglob("corpus-*"))  # said before hours were spent on encoding
    assert list(DenseRetriever(encode, identity="v1", memory=100).retrieve(partly_parallel.tasks()))
    for wrong in ({"memory": 0}, {"memory": "big"}, {"truncate_dim": 2.5}, {"batch_size": 0}, {"precision": "int3"},
                  {"query_prompt": 3}):  # fmt: skip
        with pytest.raises(RetrieverError, match=r"expected a whole number|unknown precision|a prompt is 3"):
            DenseRetriever(encode, **wrong)  # type: ignore[arg-type]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_says_the_rate_and_the_time_left(
    partly_parallel: Dataset, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, for encoding and for searching; a line at once where stderr is a file."""
    large(monkeypatch)
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    list(DenseRetriever(encode, precision="float16").retrieve(partly_parallel.tasks("mono")))
    said = terminal.getvalue()
    for what, unit in (("encoding", "text"), ("searching", "passage")):
        assert re.search(rf"{what}: .*\d+/\d+ \[\d\d:\d\d<[\d:?]+, .*{unit}(/s)?", said), said
    monkeypatch.setattr(sys, "stderr", plain := io.StringIO())
    list(DenseRetriever(encode, precision="float16").retrieve(partly_parallel.tasks("mono")))
    assert plain.getvalue().splitlines() == ["encoding: 766 texts", "searching: 413 passages"]


@pytest.mark.parametrize("on_disk", [False, True])
def test_truncated_vectors_are_the_first_values(
    partly_parallel: Dataset, monkeypatch: pytest.MonkeyPatch, on_disk: bool
) -> None:
    """As if the model gave vectors of that length; more than it gives is refused; the record says it."""

    def encode(texts: list[str]) -> FloatArray:
        return np.array([np.random.default_rng(list(text.encode())).normal(size=6) for text in texts], np.float32)

    expected = list(DenseRetriever(lambda texts: encode(texts)[:, :4]).retrieve(partly_parallel.tasks("multi"), 5))
    if on_disk:
        large(monkeypatch)
    retriever = DenseRetriever(encode, truncate_dim=4)
    observed = []
    for found, wanted in zip(retriever.retrieve(partly_parallel.tasks("multi"), 5), expected, strict=True):
        observed.append(found.observed)
        assert np.array_equal(found.ranks, wanted.ranks)
        assert np.array_equal(found.hits.passages, wanted.hits.passages)
    assert retriever.describe()["truncate_dim"] == 4
    agreement = combined(observed)["agreement_with_float32"]
    assert agreement["queries"] == 40
    assert 0 < (agreement["top_10_overlap"] or 0) < 1
    assert 0 < (agreement["first_100_rank_correlation"] or 0) < 1
    assert "truncate_dim" not in DenseRetriever(encode).describe()
    same = DenseRetriever(encode, truncate_dim=6)
    agreement = combined(r.observed for r in same.retrieve(partly_parallel.tasks("multi")))
    assert agreement["agreement_with_float32"]["top_10_overlap"] == 1.0
    assert agreement["agreement_with_float32"]["first_100_rank_correlation"] == 1.0

    asked: list[str] = []
    too_long = DenseRetriever(lambda texts: asked.extend(texts) or encode(texts), truncate_dim=7)
    with pytest.raises(RetrieverError, match="vectors of 6 dimensions; truncate_dim 7 is more than there are"):
        list(too_long.retrieve(partly_parallel.tasks("multi")))
    with pytest.raises(RetrieverError, match="truncate_dim 7 is more than there are"):
        too_long.search({"a": {"title": "", "text": "b"}}, {"q": "c"}, 1)
    assert len(asked) == 2, "refused before more than one text was encoded"
