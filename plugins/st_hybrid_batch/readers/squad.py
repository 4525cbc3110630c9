"""SQuAD-shaped JSON, one file a language, whose question ids are the same in all files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from st_hybrid_batch.group import Group, check_text


def read_squad(paths: Mapping[str, str | Path]) -> Iterator[Group]:
    """Read parallel questions with their paragraphs.

    The passage of a question is its whole paragraph (``context``). Questions of one paragraph share the passage by
    its text, so paragraphs that are cut differently in another language are no obstacle.

    Args:
        paths: file of each language, that is ``{"data": [{"paragraphs": [paragraph, ...]}, ...]}`` with
            paragraphs ``{"context": ..., "qas": [{"id": ..., "question": ...}, ...]}``.

    Raises:
        ValueError: naming the file and the place in it, for anything that is not of this shape, and for a question id
            that a file has twice.
    """
    queries: dict[str, dict[str, str]] = {}
    passages: dict[str, dict[str, str]] = {}
    where: dict[str, str] = {}
    for language, path in paths.items():
        for found, context, questions in _paragraphs(Path(path)):
            for identifier, question in questions:
                if language in queries.setdefault(identifier, {}):
                    raise ValueError(f"{found}: question {identifier!r} is twice in this file; ids must be unique")
                queries[identifier][language] = question
                passages.setdefault(identifier, {})[language] = context
                where.setdefault(identifier, found)
    for identifier, query in queries.items():
        yield Group(id=identifier, query=query, passage=passages[identifier], where=where[identifier])


def _paragraphs(path: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    try:
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: expected SQuAD-shaped JSON with a "data" list ({error})') from error
    for number, article in enumerate(articles):
        for index, paragraph in enumerate(article.get("paragraphs", [])):
            where = f"{path}: data[{number}].paragraphs[{index}]"
            yield where, *_paragraph(paragraph, where)


def _paragraph(paragraph: Any, where: str) -> tuple[str, list[tuple[str, str]]]:
    try:
        context, questions = paragraph["context"], [(qa["id"], qa["question"]) for qa in paragraph["qas"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f'{where}: expected "context" and "qas" with "id" and "question" ({error})') from error
    check_text(context, f"{where}: context")
    for identifier, question in questions:
        check_text(question, f"{where}: question {identifier!r}")
    return context, questions
