"""Everything that is kept: bytes that have changed are named in a line, and never make another number."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import beir_hybrid
from beir_hybrid.comparison.scores import load_per_query
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import BeirHybridError, ResultsError
from beir_hybrid.evaluation.folder import ResultFolder
from beir_hybrid.evaluation.kept_runs import read_hits
from beir_hybrid.neutralize.geometry import Removal
from beir_hybrid.neutralize.transform import Transform, read_transform
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Rows, in_turn
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.dense.vector_files import VectorFiles

SPOTS = 12
"""Bits that are flipped of each file, one at a time."""


def damages(content: bytes, seed: int) -> Iterator[bytes | None]:
    """What may become of a file; None: a folder stands in its place."""
    yield from (None, b"", content[: len(content) // 2], content[:-1], bytes(len(content)), content + b"x")
    draw = random.Random(seed)
    for place in draw.sample(range(len(content)), min(SPOTS, len(content))):
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.randrange(8)
        yield bytes(flipped)


def attack(folder: Path, use: Callable[[Path], Any], copy: Path, files: str = "*") -> None:
    """Damage each of these files of a folder in each way: ``use`` answers as before, or says in one line what to do."""

    def fresh() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(folder, copy))

    right, named = use(fresh()), 0
    for path in sorted(path.relative_to(folder) for path in folder.rglob(files) if path.is_file()):
        for seed, damaged in enumerate(damages((folder / path).read_bytes(), 7)):
            target = fresh() / path
            target.unlink()
            target.mkdir() if damaged is None else target.write_bytes(damaged)
            try:
                found = use(copy)
            except BeirHybridError as error:
                assert "\n" not in str(error)
                assert str(copy) in str(error)
                named += 1
            else:
                assert found == right, (path, seed)
    assert named >= SPOTS


def test_a_corpus(tmp_path: Path) -> None:
    """Texts, ids, the list of first ids and the record of how it was made."""
    records = ({"_id": str(n), "title": f"T{n}", "text": f"straße {n} ночь"} for n in range(100))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    made = ArrowCorpus.build([tmp_path / "a.jsonl"], tmp_path / "made", id_prefix="de-p-", id_width=4)

    def use(folder: Path) -> Any:
        corpus = ArrowCorpus(folder)
        return corpus.content, [corpus[key] for key in corpus], list(corpus.source_ids), corpus.position("de-p-0077")

    attack(made.folder, use, tmp_path / "copy")


VECTORS = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
TEXTS = [str(number) for number in range(len(VECTORS))]


def encode(texts: Sequence[str]) -> FloatArray:
    return VECTORS[[int(text) for text in texts]]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_vectors_of_a_corpus(tmp_path: Path, precision: Any) -> None:
    """Every segment and the scale of whole numbers; what is read in order and what is looked up."""

    def use(folder: Path) -> Any:
        stored = VectorFiles(folder, len(TEXTS), precision)
        stored.rows = 256
        stored.fill(TEXTS, in_turn(encode))
        return stored.read(0, len(TEXTS)).tobytes(), stored.take(np.array([3, 255, 256])).tobytes()

    (tmp_path / "made").mkdir()
    use(tmp_path / "made")
    attack(tmp_path / "made", use, tmp_path / "copy")


def test_vectors_by_their_texts(tmp_path: Path) -> None:
    """Of one row a text and of several: neither values nor whose they are may change."""

    def several(blocks: Any) -> Iterator[tuple[int, Rows]]:
        for number, texts in blocks:
            counts = np.array([1 + int(text) % 3 for text in texts])
            yield number, Rows(np.repeat(encode(texts), counts, axis=0), counts)

    def use(folder: Path) -> Any:
        rows = EmbeddingStore(folder / "several", several=True).rows(TEXTS, several)
        return EmbeddingStore(folder).embed(TEXTS, in_turn(encode)).tobytes(), rows.vectors.tobytes()

    use(tmp_path / "made")
    attack(tmp_path / "made", use, tmp_path / "copy")


def test_a_removal(tmp_path: Path) -> None:
    """The means that are taken off, and the record of where they come from."""
    made = Transform(Removal({("passage", "de"): VECTORS[0], ("query", "de"): VECTORS[1]}, {}), True, {"method": "x"})
    (tmp_path / "made").mkdir()
    made.write(tmp_path / "made")

    def use(folder: Path) -> Any:
        found = read_transform(folder)
        return found.identity, dict(found.record)

    attack(tmp_path / "made", use, tmp_path / "copy")


@pytest.fixture
def sample() -> Any:
    return beir_hybrid.load_dataset("sample", languages=("de", "en"))


def by_digest(texts: Sequence[str]) -> FloatArray:
    return np.array([[byte - 128 for byte in hashlib.sha512(text.encode()).digest()] for text in texts], np.float32)


def evaluated(sample: Any, out: Path) -> dict[str, Any]:
    retriever = DenseRetriever(by_digest, identity="by digest")
    found = beir_hybrid.evaluate(sample, retriever, metrics=("map",), out=out).to_json()
    return {name: value for name, value in found.items() if name != "seconds"}


def test_results(sample: Any, tmp_path: Path) -> None:
    """Scores of every query and kept runs; what people may edit, `results.json`, has no checksum."""
    evaluated(sample, tmp_path / "made")

    def use(folder: Path) -> Any:
        scores = load_per_query(folder)
        by_query = {key: [*table.metrics.items()] for key, table in scores.tasks.items()}
        hits = read_hits(folder, sample.task("multi:en"))
        return repr(by_query), scores.results.summary, hits.passages.tobytes(), hits.scores.tobytes()

    attack(tmp_path / "made", use, tmp_path / "copy", "*.parquet")


def test_an_interrupted_evaluation(sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts it goes on from: none damaged is used, nor one of another task or another evaluation."""
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):

        def interrupted(*args: Any, **options: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr(ResultFolder, "finish", interrupted)
        evaluated(sample, tmp_path / "made")
    attack(tmp_path / "made", lambda folder: evaluated(sample, folder), tmp_path / "copy", "multi.de.npz")
    parts = tmp_path / "made" / "parts"
    shutil.copy(parts / "mono.de.npz", parts / "mono.en.npz")
    with pytest.raises(ResultsError, match=r"mono.en.npz is damaged .it is of another task.*; delete it, mono:en is"):
        evaluated(sample, tmp_path / "made")


@pytest.mark.parametrize("name", [b"map", b"query_id"])
def test_names_of_columns(sample: Any, tmp_path: Path, name: bytes) -> None:
    """No checksum covers them: a metric under another name would be missing from a comparison without a word."""
    evaluated(sample, tmp_path)
    path = tmp_path / "per_query.parquet"
    content = path.read_bytes()
    for changed in (name[:-1] + b"z", name[:-1] + b"\xf4"):
        path.write_bytes(content.replace(name, changed))
        with pytest.raises(ResultsError, match=r"per_query.parquet: .*evaluate again"):
            load_per_query(tmp_path)
