"""Layouts in which BEIR-shaped sets are published: which file is what."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.datasets.parts import Parts, find_parts, local_paths, splits_of

ONE = "-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (  # BEIR's archives
            ["corpus.jsonl", "queries.jsonl", "qrels/dev.tsv", "qrels/test.tsv"],
            Parts(("corpus.jsonl",), ("queries.jsonl",), ("qrels/test.tsv",)),
        ),
        (  # JSON lines on the hub, gzipped or not
            ["README.md", "corpus.jsonl.gz", "queries.jsonl", "qrels/test.jsonl"],
            Parts(("corpus.jsonl.gz",), ("queries.jsonl",), ("qrels/test.jsonl",)),
        ),
        (  # the judgments of a repository of their own, copied beside the rest
            [f"corpus/corpus{ONE}", f"queries/queries{ONE}", "test.tsv", "train.tsv"],
            Parts((f"corpus/corpus{ONE}",), (f"queries/queries{ONE}",), ("test.tsv",)),
        ),
        (  # one configuration each, judgments in the default one; older names end in a hash
            [f"corpus/test{ONE}", "queries/test-00000-of-00001-0a1b2c.parquet", f"data/test{ONE}", f"data/dev{ONE}"],
            Parts((f"corpus/test{ONE}",), ("queries/test-00000-of-00001-0a1b2c.parquet",), (f"data/test{ONE}",)),
        ),
        (  # corpus and queries kept by split as well: those of the split
            [f"{kind}/{split}{ONE}" for kind in ("corpus", "queries", "qrels") for split in ("test", "train")],
            Parts((f"corpus/test{ONE}",), (f"queries/test{ONE}",), (f"qrels/test{ONE}",)),
        ),
        (["queries.jsonl"], Parts(queries=("queries.jsonl",))),
    ],
)
def test_layouts_of_one_language(paths: list[str], expected: Parts) -> None:
    """Each published layout is told from its file names alone."""
    assert find_parts(paths, "test") == expected


@pytest.mark.parametrize(
    "paths",
    [
        [f"{lang}-{kind}/dev{ONE}" for lang in ("ar", "zh") for kind in ("corpus", "queries", "qrels")],
        [f"{kind}-{lang}/dev{ONE}" for lang in ("ar", "zh") for kind in ("corpus", "queries", "qrels")],
        [f"{lang}/{kind}.parquet" for lang in ("ar", "zh") for kind in ("corpus", "images", "queries", "qrels")],
        [f"{kind}/{lang}.jsonl" for lang in ("ar", "zh") for kind in ("corpus", "queries", "dev")],
    ],
)
def test_layouts_of_several_languages(paths: list[str]) -> None:
    """The named language's files and no other's; images are no part."""
    parts = find_parts(paths, "dev", "ar")
    assert [len(part) for part in (parts.corpus, parts.queries, parts.judgments)] == [1, 1, 1]
    assert all("ar" in path and "image" not in path for path in parts.all)
    assert find_parts(paths, "dev", "fr") == Parts()


def test_all_numbered_files_are_named() -> None:
    """A corpus in three files is three files, though one of them is not there."""
    here = [f"corpus/test-0000{number}-of-00003.parquet" for number in (0, 2)]
    assert find_parts(here, "test").corpus == (here[0], "corpus/test-00001-of-00003.parquet", here[1])


def test_splits_are_those_with_judgments(tmp_path: Path) -> None:
    """Test comes first; corpus and queries are no splits; what cannot be a part is not looked at."""
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv", "qrels/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    paths = local_paths(tmp_path)
    assert paths == ["corpus.jsonl", "qrels/test.tsv", "qrels/train.tsv", "queries.jsonl"]
    assert splits_of(paths) == ["test", "train"]
    assert splits_of(["corpus.jsonl", "queries.jsonl", "dev.tsv"]) == ["dev"]
