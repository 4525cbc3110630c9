"""Small indexes, and what they find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from beir_hybrid.records import Hits
from beir_hybrid.retrieval.bm25.analyzers import language_analyzer, standard_analyzer
from beir_hybrid.retrieval.bm25.index import LuceneIndex


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
