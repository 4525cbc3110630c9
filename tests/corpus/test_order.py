"""The order of passages on disk: written a stretch at a time, it is that of their ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.corpus import shards
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import DatasetError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of 10 passages, batches of 5, read from batches of 7."""
    for name, rows in (("STRETCH", 10), ("BATCH", 5), ("CONVERTED", 7)):
        monkeypatch.setattr(shards, name, rows)


def records(keys: list[str]) -> list[dict[str, str]]:
    return [{"docid": key, "title": f"T{key}", "text": f"text of {key}"} for key in keys]


def shuffled(n: int) -> list[str]:
    rng = np.random.default_rng(n)
    return [f"{number}#{number % 3}" for number in rng.permutation(n).tolist()]


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 10, 11, 50, 1000])
def test_stretches_change_nothing(
    write_shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The same corpus, whether passages are put in order ten at a time or all at once."""
    keys = shuffled(size)
    sources = write_shards(records(keys[: size // 3]), records(keys[size // 3 :]))
    stretches = ArrowCorpus.build(sources, tmp_path / "stretches")
    monkeypatch.setattr(shards, "STRETCH", 2000)
    whole = ArrowCorpus.build(sources, tmp_path / "whole")
    assert dict(stretches) == {key: {"title": f"T{key}", "text": f"text of {key}"} for key in keys}
    assert list(stretches.items()) == list(whole.items())
    assert stretches.content == whole.content
    assert (stretches.folder / "firsts.txt").read_bytes() == (whole.folder / "firsts.txt").read_bytes()


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 50, 1000])
def test_ids_are_found_among_their_batch(write_shards: Any, tmp_path: Path, size: int) -> None:
    """Every id is found where it stands, and its neighbours are not."""
    corpus = ArrowCorpus.build(write_shards(records(shuffled(size))), tmp_path / "corpus")
    ids = sorted(shuffled(size))
    assert list(corpus) == ids
    assert [corpus.position(key) for key in ids] == list(range(size))
    for key in ids:
        assert corpus.position(key + "0") is None
        assert corpus.position(key[:-1]) is None
    assert corpus.position("") is None


@pytest.mark.parametrize("place", [0, 8, 9, 10, 19, 58, 59])
def test_a_repeated_id_is_found_in_any_stretch(write_shards: Any, tmp_path: Path, place: int) -> None:
    """Within a stretch or over the end of one, both places are named, the earlier one as the first."""
    keys = shuffled(60)
    twice = sorted(keys)[place]
    sources = write_shards(records(keys), records([twice]))
    first = keys.index(twice) + 1
    with pytest.raises(DatasetError, match=rf"docs-1.*:1: docid '{twice}' appeared before, at .*docs-0.*:{first}$"):
        ArrowCorpus.build(sources, tmp_path / "corpus")
    assert [path.name for path in (tmp_path / "corpus").rglob(".*.part")] == []
