"""Dense retrieval on Ray: the answer of one process bit for bit, also where workers are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.engines import ray_engine, ray_tasks
from beir_hybrid.engines.ray_engine import RunningOnRay
from beir_hybrid.errors import EngineError, RetrieverError
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense import embeddings, vector_files
from beir_hybrid.retrieval.dense import retriever as dense
from beir_hybrid.retrieval.dense.embeddings import in_turn
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.dense.vector_files import VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import search

ray = pytest.importorskip("ray", reason="needs the ray extra")
pytestmark = pytest.mark.slow
LANGUAGES = ("ar", "de", "en")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A local cluster that the tests share, as a user's own would be: found by the engine, and never shut down."""
    from beir_hybrid.engines.ray_cluster import ray_cluster

    with ray_cluster():
        yield
        assert ray.is_initialized()


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Files of 16 vectors, encoded 5 at a time, in a cache of the test's own."""
    monkeypatch.setattr(vector_files, "ROWS", 16)
    monkeypatch.setattr(embeddings, "BLOCK", 5)
    monkeypatch.setattr(ray_engine, "_MOST_FILES", 2)
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("sample", languages=LANGUAGES)


def make_encode(mark: Path | None = None, fail: str = "") -> Callable[[list[str]], FloatArray]:
    """An encoder of real-valued vectors, which kills the first worker that it runs in, or fails at a text."""
    home = os.getpid()

    def encode(texts: list[str]) -> FloatArray:
        if mark is not None and os.getpid() != home and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        rows = [np.random.default_rng(list(text.encode())).normal(size=24) for text in texts]
        found = np.array(rows, dtype=np.float32)
        if fail and os.getpid() != home:
            found[[fail in text for text in texts]] = np.nan
        return found

    return encode


def ranked(retriever: DenseRetriever, dataset: Dataset) -> dict[str, Ranking]:
    return {ranking.task.name: ranking for ranking in retriever.retrieve(dataset.tasks(), 7)}


def same(found: dict[str, Ranking], expected: dict[str, Ranking]) -> None:
    """Ids, scores and ranks, bit for bit."""
    assert found.keys() == expected.keys()
    for name, ranking in expected.items():
        assert np.array_equal(found[name].ranks, ranking.ranks), name
        assert np.array_equal(found[name].hits.indptr, ranking.hits.indptr), name
        assert np.array_equal(found[name].hits.passages, ranking.hits.passages), name
        assert found[name].hits.scores.tobytes() == ranking.hits.scores.tobytes(), name


def files(folder: Path) -> dict[str, bytes]:
    """All files of vectors below a folder; locks left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.parametrize("options", [{}, {"precision": "int8", "truncate_dim": 8}])
def test_the_answer_and_the_files_are_those_of_one_process(
    sample: Dataset, tmp_path: Path, options: dict[str, Any]
) -> None:
    """In memory and from disk; each engine goes on from the other's files without encoding a text again."""
    options = {"identity": "v1", **options}
    encode = make_encode()
    expected = ranked(DenseRetriever(encode, cache=tmp_path / "local", **options), sample)
    on_ray = DenseRetriever(encode, cache=tmp_path / "ray", engine="ray", **options)
    same(ranked(on_ray, sample), expected)
    assert files(tmp_path / "ray") == files(tmp_path / "local")

    def refuse(texts: list[str]) -> FloatArray:
        raise AssertionError(f"encoded again: {texts}")

    same(ranked(DenseRetriever(refuse, cache=tmp_path / "ray", **options), sample), expected)
    same(ranked(DenseRetriever(refuse, cache=tmp_path / "local", engine="ray", **options), sample), expected)


def test_a_worker_killed_while_encoding_costs_its_block(small_files: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of a block, by BEIR's door: another worker encodes it, and no file is left in the end."""
    corpus = {f"p{n:02d}": {"title": "", "text": f"text {n % 30}"} for n in range(50)}
    queries = {"q1": "one", "p07": "seven"}
    expected = DenseRetriever(make_encode(), precision="float16").search(corpus, queries, 5)
    encode = make_encode(tmp_path / "killed")
    assert DenseRetriever(encode, precision="float16", engine="ray").search(corpus, queries, 5) == expected
    assert (tmp_path / "killed").exists()
    assert list(small_files.iterdir()) == []


class Loaded:
    """An encoder that writes down in which process it was unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with self.mark.open("a") as out:
            out.write(f"{os.getpid()}\n")

    def __call__(self, texts: list[str]) -> FloatArray:
        return make_encode()(texts)


def test_a_worker_loads_the_encoder_once(sample: Dataset, tmp_path: Path) -> None:
    """However many corpora there are to encode, and whatever is asked of it: a model takes seconds to load."""
    ray.cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["x"]))
    ranked(DenseRetriever(Loaded(tmp_path / "pids"), precision="int8", engine="ray"), sample)
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == len(set(pids)) > 0


class Deadly:
    """A transform that kills the first process which reads vectors with it, but for the one it was made in."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark
        self.home = os.getpid()

    def __call__(self, vectors: FloatArray) -> FloatArray:
        if os.getpid() != self.home and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return vectors


def asked_of(n_queries: int, n_passages: int, depth: int) -> SearchRequest:
    rng = np.random.default_rng(1)
    places = np.sort(rng.integers(0, n_passages, (n_queries, 2)), axis=1)
    rows = np.arange(n_queries)
    return SearchRequest("q", rows, {"p": 0}, np.repeat(rows, 2), places.ravel(), depth)


def test_a_worker_killed_while_searching_costs_its_span(tmp_path: Path) -> None:
    """SIGKILL in the middle of a span: another worker counts it, once."""
    ray.cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["x"]))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    texts = [str(number) for number in range(200)]
    stored = VectorFiles(tmp_path / "v", 200, transform=Deadly(tmp_path / "killed"))
    stored.fill(texts, in_turn(lambda some: vectors[[int(text) for text in some]]))
    queries = {"q": rng.normal(size=(9, 8)).astype(np.float32)}
    asked, scores = [asked_of(9, 200, 12)], VectorScores(queries, {"p": stored})
    ((_, expected),) = search(asked, scores, 1 << 28)
    told: list[int] = []
    ((_, found),) = RunningOnRay(ray, DenseRetriever(make_encode())._encoder).search(
        asked, scores, 1 << 28, told.append
    )
    assert (tmp_path / "killed").exists()
    assert np.array_equal(found.ranks, expected.ranks)
    assert np.array_equal(found.hits.passages, expected.hits.passages)
    assert found.hits.scores.tobytes() == expected.hits.scores.tobytes()
    assert (sum(told), len(told)) == (200, 13)


def test_what_a_worker_says_is_one_line(sample: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN of the encoder on a worker is the error it is in one process; what was written stays."""
    monkeypatch.setattr(dense.DenseRetriever, "_fits", lambda *_: False)
    text = sample.passages["en"].texts[-1]
    encode = make_encode(fail=text)
    retriever = DenseRetriever(encode, identity="v1", cache=tmp_path / "ray", engine="ray")
    with pytest.raises(RetrieverError, match=r"NaN or infinity for 1 of .* passage texts") as error:
        ranked(retriever, sample)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "ray").rglob("*.part"))
    same(
        ranked(DenseRetriever(make_encode(), identity="v1", cache=tmp_path / "ray"), sample),
        ranked(DenseRetriever(make_encode(), identity="v1", cache=tmp_path / "local"), sample),
    )


def test_a_block_that_kills_every_worker_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the model does not fit into memory: one line, not workers started for ever."""
    monkeypatch.setattr(ray_tasks, "DEATHS", 1)
    home = os.getpid()

    def deadly(texts: list[str]) -> FloatArray:
        if os.getpid() != home:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ones((len(texts), 2), dtype=np.float32)

    retriever = DenseRetriever(deadly, precision="float16", engine="ray")
    with pytest.raises(
        EngineError, match=r"1 Ray workers died of the same block of texts .*; is there enough"
    ) as error:
        retriever.search({"p": {"title": "", "text": "x"}}, {"q": "y"}, 1)
    assert "\n" not in str(error.value)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a bag-of-words model of random vectors."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    texts = load_dataset("sample", languages=LANGUAGES).passages["de"].texts
    words = sorted({word for text in texts for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    made = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu")
    made.save(str(tmp_path / "model"))
    return tmp_path / "model"


def test_the_command_gives_the_same_by_both_engines(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saved model, int8 from disk: the same table and the same run, byte by byte, and the same lines on stderr."""
    printed = []
    for engine in ("local", "ray"):
        monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / engine))
        out_dir = str(tmp_path / f"out-{engine}")
        given = ["--model", str(model), "--languages", "de", "--precision", "int8", "--engine", engine]
        assert main(["evaluate", "sample", *given, "--out", out_dir]) == 0
        out, err = capsys.readouterr()
        printed.append(out)
        # Ray may take more than the half minute after which a line is added
        assert [line for line in err.splitlines() if " of " not in line] == [
            f"loading {model}",
            f"model {model} in float32; prompts: queries none, passages none",
            "encoding: 70 texts",
            "searching: 40 passages",
            "",
            f"results: {out_dir}/results.json, per_query.parquet, runs.parquet",
        ]
    assert printed[0] == printed[1]
    assert "int8 against float32, on 30 queries: top-10 overlap" in printed[0]
    runs = [(tmp_path / f"out-{engine}" / "runs.parquet").read_bytes() for engine in ("local", "ray")]
    assert runs[0] == runs[1]
    small = ["--model", str(model), "--languages", "de", "--precision", "int8", "--memory", "1"]
    assert main(["evaluate", "sample", *small, "--out", str(tmp_path / "small")]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("beir-hybrid: 1 MB of memory are too little for this search: its queries, their hits and ")
    assert "; give at least --memory " in err


def test_an_encoder_on_no_gpu_takes_a_processor() -> None:
    """Where the cluster has no GPU, tasks are given a processor each."""
    assert RunningOnRay(ray, DenseRetriever(make_encode())._encoder)._resource == "CPU"


def test_a_node_that_does_not_see_the_vectors_is_named(tmp_path: Path) -> None:
    """Workers read files of vectors: storage that is not shared is one line that says what to set."""
    scores = VectorScores({"q": np.ones((1, 8), np.float32)}, {"p": VectorFiles(tmp_path / "elsewhere", 20)})
    engine = RunningOnRay(ray, DenseRetriever(make_encode())._encoder)
    request = SearchRequest.of_all(1, 3, "q", "p")
    with pytest.raises(EngineError, match=r"node .* does not see .*elsewhere.*; set BEIR_HYBRID_CACHE") as error:
        list(engine.search([request], scores, 1 << 28, lambda n: None))
    assert "\n" not in str(error.value)
