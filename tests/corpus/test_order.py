"""The order of ids on disk: sorted a stretch at a time, it is the order of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.corpus import order
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import DatasetError


def records(keys: list[str]) -> list[dict[str, str]]:
    return [{"docid": key, "text": "x"} for key in keys]


def shuffled(n: int) -> list[str]:
    rng = np.random.default_rng(n)
    return [f"{number}#{number % 3}" for number in rng.permutation(n).tolist()]


@pytest.mark.parametrize("size", [0, 1, 2, 6, 7, 8, 50, 1000])
def test_stretches_change_nothing(
    write_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Byte for byte the same files, whether ids fit into memory or are sorted seven at a time."""
    keys = shuffled(size)
    sources = write_shards(records(keys[: size // 3]), records(keys[size // 3 :]))
    whole = ArrowCorpus.build(sources, tmp_path / "whole")
    monkeypatch.setattr(order, "STRETCH", 7)
    stretches = ArrowCorpus.build(sources, tmp_path / "stretches")
    assert list(stretches) == sorted(keys)
    for name in (order.IDS_FILE, order.ROWS_FILE, order.SAMPLE_FILE, "manifest.json"):
        assert (stretches.folder / name).read_bytes() == (whole.folder / name).read_bytes()


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 50, 1000])
def test_ids_are_found_through_the_sample(
    write_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Every fifth id is sampled, over stretches of any length; every id is found, and its neighbours are not."""
    monkeypatch.setattr(order, "STRIDE", 5)
    monkeypatch.setattr(order, "STRETCH", 7)
    corpus = ArrowCorpus.build(write_shards(records(shuffled(size))), tmp_path / "corpus")
    ids = sorted(shuffled(size))
    assert np.load(corpus.folder / order.SAMPLE_FILE).astype(str).tolist() == ids[::5]
    assert [corpus.position(key) for key in ids] == list(range(size))
    for key in ids:
        assert corpus.position(key + "0") is None
        assert corpus.position(key[:-1]) is None
    assert corpus.position("") is None


def test_no_more_than_a_stretch_or_so_is_sorted_at_a_time(
    write_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: bounds are drawn so that stretches are about equal, whatever the ids look like."""
    sizes = []
    original = order.np.lexsort
    monkeypatch.setattr(order, "STRETCH", 100)
    monkeypatch.setattr(order.np, "lexsort", lambda keys: sizes.append(len(keys[0])) or original(keys))
    ArrowCorpus.build(write_shards(records(shuffled(2000))), tmp_path / "corpus")
    assert sum(sizes) == 2000
    assert max(sizes) <= 150


def test_a_repeated_id_is_found_in_any_stretch(
    write_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows with one id meet in the same stretch; both places are named, the earlier one as the first."""
    monkeypatch.setattr(order, "STRETCH", 7)
    keys = shuffled(60)
    sources = write_shards(records(keys), records([keys[41]]))
    with pytest.raises(DatasetError, match=rf"docs-1.*:1: docid '{keys[41]}' appeared before, at .*docs-0.*:42"):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    assert [path.name for path in (tmp_path / "corpus").glob(".*.part")] == []
