"""One language of a BEIR-shaped data set, read from its parts: passages on disk, queries and judgments in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import source_key
from beir_hybrid.corpus.parts import Parts
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.judgments import Judgment, read_judgments
from beir_hybrid.readers.passages import read_records
from beir_hybrid.records import Passages, Qrels, Queries


@dataclass(frozen=True, eq=False)
class LanguagePart:
    """Passages, queries (only the judged ones) and judgments of one language.

    ``left_out`` counts judgments that name a query or passage the files do not hold.
    """

    passages: Passages
    queries: Queries
    qrels: Qrels
    left_out: int = 0

    def own_passages(self) -> dict[str, str]:
        """``{query id: passage id}`` of the queries whose upstream id a passage has."""
        pairs = zip(self.queries.ids, self.queries.source_ids, strict=True)
        same = {query: f"{self.queries.language}-p-{key}" for query, key in pairs}
        return {query: passage for query, passage in same.items() if self.passages.position(passage) is not None}


def read_part(folder: Path, parts: Parts, language: str, *, strict: bool) -> LanguagePart:
    """The language's corpus, converted into the cache folder at the first call, its queries and judgments.

    Ids get the language put before them, those of the files are kept as ``source_ids``.

    Args:
        strict: a judgment that names an unknown query or passage is an error; else it is left out and counted, as
            published sets hold some that nobody can mend.

    Raises:
        DatasetError: a file is missing, damaged or malformed (``path:line``), an id stands twice.
    """
    sources = [folder / path for path in parts.corpus]
    corpus = ArrowCorpus.build(
        sources, cache_dir() / "corpora" / "beir" / f"{language}-{source_key(sources)[:24]}", id_prefix=f"{language}-p-"
    )
    texts = read_queries([folder / path for path in parts.queries])
    judged = chain.from_iterable(read_judgments(folder / path) for path in parts.judgments)
    names = Path(parts.queries[0]).name, Path(parts.corpus[0]).name
    return join(corpus.passages(language), texts, judged, names, strict=strict)


def read_queries(paths: Iterable[Path]) -> dict[str, str]:
    """``{query id: text}``.

    Raises:
        DatasetError: a damaged or malformed file, or an id that stands twice (``path:line``).
    """
    texts: dict[str, str] = {}
    for path in paths:
        for record in read_records(path):
            if record.key in texts:
                raise DatasetError(f"{at(path, record.line)}: query id {record.key!r} appears twice")
            texts[record.key] = record.text
    return texts


def join(
    passages: Passages,
    texts: Mapping[str, str],
    judged: Iterable[Judgment],
    names: Sequence[str] = ("the queries", "the corpus"),
    *,
    strict: bool,
    width: int = 0,
    query_width: int = 0,
) -> LanguagePart:
    """Queries and judgments by upstream ids, under the ids of the pool: ``de-q-...`` and ``de-p-...``.

    Queries without a judgment are left out.

    Args:
        names: of the files of queries and corpus, for messages.
        width: of passage ids, as in `ArrowCorpus.build`; ``query_width`` likewise of query ids.

    Raises:
        DatasetError: there is no judgment; with ``strict`` also one that names an unknown query or passage.
    """
    language = passages.language
    qrels: Qrels = {}
    asked: dict[str, str] = {}
    left_out = 0
    for judgment in judged:
        query, passage = judgment.query, judgment.passage
        key = f"{language}-p-{passage.rjust(width, '0')}"
        known = query in texts and passages.position(key) is not None
        if not known and strict:
            kind, name, file = ("passage", passage, names[1]) if query in texts else ("query", query, names[0])
            raise DatasetError(f"{judgment.place}: {kind} {name!r} is not in {file}")
        left_out += not known
        if known:
            query_id = f"{language}-q-{query.rjust(query_width, '0')}"
            asked[query_id] = query
            qrels.setdefault(query_id, {})[key] = judgment.grade
    if not qrels:
        none = f"none of {left_out} judgments names" if left_out else "there is no judgment of"
        raise DatasetError(f"{none} a query of {names[0]} and a passage of {names[1]} in {language!r}")
    ids = sorted(asked)
    source_ids = [asked[query] for query in ids]
    block = Queries(language, ids, [texts[key] for key in source_ids], source_ids=source_ids)
    return LanguagePart(passages, block, qrels, left_out)
