"""BEIR-shaped files as parts of a `Dataset`: one set of rules for registered sets and for folders by path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import corpus_folder
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.judgments import Judgment, read_judgments
from beir_hybrid.readers.passages import Record, read_records
from beir_hybrid.records import Passages, Qrels, Queries


@dataclass(frozen=True, eq=False)
class JudgedPart:
    """Passages, queries with a judgment, and judgments under the ids of the pool; fields as in `Dataset`."""

    passages: Mapping[str, Passages]
    queries: Mapping[str, Queries]
    qrels: Qrels
    own_passages: dict[str, str] = field(default_factory=dict)
    unjudged: Mapping[str, int] = field(default_factory=dict)
    """Queries that were left out, by language."""


def read_part(
    passages: Passages,
    queries: Iterable[Path],
    judgments: Sequence[Path],
    *,
    asked: str = "",
    query_width: int = 0,
    own_passages: bool | None,
) -> JudgedPart:
    """The files of one language of passages.

    Args:
        asked: the language of the queries, if it is another. Their ids are those of this language of passages alone.
        query_width, own_passages: see `join`.

    Raises:
        DatasetError: as `join`, or a file is damaged or malformed (``path:line``).
    """
    own = f"{passages.language}." if asked else ""
    questions = read_questions(queries, lambda record, place: asked or passages.language)
    pairs = (pair._replace(query=own + pair.query) for pair in read_all_judgments(judgments))
    return join(
        {passages.language: passages},
        {own + key: question for key, question in questions.items()},
        pairs,
        place=judgments[0],
        own_passages=own_passages,
        query_width=query_width,
    )


def corpus_of(
    sources: Sequence[Path], language: str = "", *, id_width: int = 0, workers: int | None = None
) -> ArrowCorpus:
    """The passages of files, converted into the cache folder at the first call; see `ArrowCorpus.build`.

    Args:
        language: of all of them; empty: each record says its own.
    """
    return ArrowCorpus.build(
        sources, corpus_folder(language or "all", sources, id_width), id_prefix=f"{language}-p-" if language else "",
        id_width=id_width, by_language=not language, workers=workers,
    )  # fmt: skip


def refuse_empty(passages: Iterable[Passages], sources: Iterable[Path]) -> None:
    """Corpora, of these files, that hold nothing."""
    if not any(map(len, passages)):
        raise DatasetError(f"{', '.join(map(str, sources))}: holds no passage")


def read_questions(paths: Iterable[Path], language_of: Callable[[Record, str], str]) -> dict[str, Record]:
    """The queries of files by id.

    Args:
        language_of: the language of a record, which stands at a place (``path:line``).

    Raises:
        DatasetError: a damaged or malformed file, or an id that stands twice (``path:line``).
    """
    found: dict[str, Record] = {}
    for path in paths:
        for record in read_records(path):
            place = at(path, record.line)
            if record.key in found:
                raise DatasetError(f"{place}: query id {record.key!r} appears twice")
            found[record.key] = record._replace(language=language_of(record, place))
    return found


def read_all_judgments(paths: Iterable[Path]) -> Iterator[Judgment]:
    """The judgments of all files, one after the other."""
    return chain.from_iterable(map(read_judgments, paths))


def join(
    passages: Mapping[str, Passages],
    questions: Mapping[str, Record],
    judgments: Iterable[Judgment],
    *,
    place: Path | str,
    own_passages: bool | None = None,
    query_width: int = 0,
) -> JudgedPart:
    """Queries and judgments by the ids of their files, put under those of the pool: ``de-q-...`` and ``de-p-...``.

    Queries without a judgment are left out and counted. Judgments of passages and queries that are not there stay, for
    `Dataset` counts them.

    Args:
        place: where the judgments stand, for messages.
        own_passages: a query that has a passage's id is that passage, and no candidate for itself (BEIR's rule for
            every set), or never is (False); None: where the text is the same too, for ids may agree by accident.
        query_width: query ids shorter than that are filled with zeros on the left.

    Raises:
        DatasetError: a pair is judged twice with different grades (``path:line``), a passage id stands in two
            languages, or no judgment is of a query that is there.
    """
    languages = list(dict.fromkeys(question.language for question in questions.values()))
    home = languages[0] if len(languages) == 1 else ""

    def query_id(key: str) -> str:
        language = questions[key].language if key in questions else home
        return f"{language}-q-{key.rjust(query_width, '0')}" if language else key

    ids: dict[str, str] = {}
    qrels: Qrels = {}
    judged_first = ""
    for judgment in judgments:
        judged_first = judged_first or judgment.query
        passage = ids.get(judgment.passage)
        if passage is None:
            passage = ids[judgment.passage] = _passage_id(passages, judgment.passage, judgment.place)
        judged = qrels.setdefault(query_id(judgment.query), {})
        if judged.setdefault(passage, judgment.grade) != judgment.grade:
            raise DatasetError(
                f"{judgment.place}: passage {judgment.passage!r} is judged {judgment.grade} for query "
                f"{judgment.query!r}, and {judged[passage]} before; leave one of the two out"
            )
    asked = {query: key for key in questions if (query := query_id(key)) in qrels}
    if not questions:
        raise DatasetError(f"{place}: there is no query to judge")
    if not asked:
        found = "there is no judgment"
        if qrels:
            found = f"of {len(qrels):,} judged queries, as {judged_first!r}, none is there"
            if any(block.source_position(judged_first) is not None for block in passages.values()):
                found += " (it is a passage: are the two columns of ids swapped?)"
        one = next(iter(questions))
        raise DatasetError(f"{place}: {found}; expected judgments of the {len(questions):,} queries, such as {one!r}")
    queries = {language: _queries(language, asked, questions) for language in languages}
    return JudgedPart(
        passages,
        {language: block for language, block in queries.items() if len(block)},
        qrels,
        _own(passages, asked, questions, own_passages),
        Counter(question.language for key, question in questions.items() if query_id(key) not in qrels),
    )


def together(parts: Sequence[JudgedPart]) -> dict[str, Any]:
    """Parts with different passages as the arguments of one `Dataset`; queries of one language follow one another."""
    queries: dict[str, Queries] = {}
    for language, block in chain.from_iterable(part.queries.items() for part in parts):
        before = queries.get(language, Queries(language, [], []))
        queries[language] = Queries(
            language,
            *([*getattr(before, name), *getattr(block, name)] for name in ("ids", "texts", "groups", "source_ids")),
        )
    return {
        name: dict(chain.from_iterable(getattr(part, name).items() for part in parts))
        for name in ("passages", "qrels", "own_passages")
    } | {"queries": queries, "unjudged": sum(sum(part.unjudged.values()) for part in parts)}


def _queries(language: str, asked: Mapping[str, str], questions: Mapping[str, Record]) -> Queries:
    ids = sorted(query for query, key in asked.items() if questions[key].language == language)
    keys = [asked[query] for query in ids]
    groups: Sequence[str] = [questions[key].group or query for query, key in zip(ids, keys, strict=True)]
    return Queries(language, ids, [questions[key].text for key in keys], groups, keys)


def _passage_id(passages: Mapping[str, Passages], key: str, place: str) -> str:
    """The id of a passage in the pool; one that says what it is where there is no such passage."""
    found = [
        (language, block.ids[position])
        for language, block in passages.items()
        if (position := block.source_position(key)) is not None
    ]
    if len(found) > 1:
        raise DatasetError(
            f"{place}: passage id {key!r} stands in {' and '.join(language for language, _ in found)}; "
            f"passage ids must differ between the languages of a folder"
        )
    only = next(iter(passages)) if len(passages) == 1 else ""
    return found[0][1] if found else f"{only}-p-{key}" if only else key


def is_own(query: str, whole: str, text: str, own_passages: bool | None) -> bool:
    """Whether a query is the passage that has its id: with the title (``whole``) or without, it is the same text.

    Args:
        own_passages: see `join`.
    """
    return query.strip() in (whole, text.strip()) if own_passages is None else own_passages


def _own(
    passages: Mapping[str, Passages],
    asked: Mapping[str, str],
    questions: Mapping[str, Record],
    own_passages: bool | None,
) -> dict[str, str]:
    """``{query id: passage id}`` of the queries that are passages, be it of another language."""
    found = {}
    for query, key in asked.items():
        for block in passages.values():
            position = block.source_position(key)
            if position is not None and is_own(
                questions[key].text, block.lazy_full_texts()[position], block.texts[position], own_passages
            ):
                found[query] = block.ids[position]
    return found
