"""SQuAD-shaped JSON, one file a language, whose question ids are the same in all files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from st_hybrid_batch.group import Group, check_text

_AT_ONCE = 1 << 20
_BLANKS = " \t\r\n"


def read_squad(paths: Mapping[str, str | Path]) -> Iterator[Group]:
    """Read parallel questions with their paragraphs.

    The passage of a question is its whole paragraph (``context``); a question that it does not answer
    (``is_impossible``, as in SQuAD 2) is left out. Questions of one paragraph share the passage by
    its text, so paragraphs that are cut differently in another language are no obstacle. The files are read in step,
    an article at a time: held are the questions that some file has not had yet, and the ids of the others.

    Args:
        paths: file of each language, that is ``{"data": [{"paragraphs": [paragraph, ...]}, ...]}`` with
            paragraphs ``{"context": ..., "qas": [{"id": ..., "question": ...}, ...]}``.

    Raises:
        ValueError: naming the file and the place in it, for anything that is not of this shape, and for a question id
            that a file has twice.
    """
    files = {language: _paragraphs(Path(path)) for language, path in paths.items()}
    seen: set[tuple[str, str]] = set()
    waiting: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {}
    while files:
        for language in list(files):
            where, context, questions = next(files[language], ("", "", None))
            if questions is None:
                del files[language]
                continue
            for identifier, question in questions:
                if (language, identifier) in seen:
                    raise ValueError(f"{where}: question {identifier!r} is twice in this file; ids must be unique")
                seen.add((language, identifier))
                first, query, passage = waiting.setdefault(identifier, (where, {}, {}))
                query[language], passage[language] = question, context
                if len(query) == len(paths):
                    del waiting[identifier]
                    yield Group(identifier, query, passage, where=first)
    for identifier, (first, query, passage) in waiting.items():
        yield Group(identifier, query, passage, where=first)


def _paragraphs(path: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Place, context, and id and text of the questions of every paragraph."""
    for number, article in enumerate(_articles(path)):
        paragraphs = article.get("paragraphs", [])
        if not isinstance(paragraphs, list):
            raise ValueError(f'{path}: data[{number}]: expected a list of "paragraphs", got {paragraphs!r:.80}')
        for index, paragraph in enumerate(paragraphs):
            where = f"{path}: data[{number}].paragraphs[{index}]"
            try:
                asked = [qa for qa in paragraph["qas"] if not qa.get("is_impossible")]
                context, questions = paragraph["context"], [(str(qa["id"]), qa["question"]) for qa in asked]
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(f'{where}: expected "context" and "qas" with "id" and "question" ({error})') from error
            check_text(context, f"{where}: context")
            for identifier, question in questions:
                check_text(question, f"{where}: question {identifier!r}")
            yield where, context, questions


def _articles(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of the outermost list ``data``, each decoded when it is asked for."""
    decode = json.JSONDecoder().raw_decode
    text = ""

    def more() -> str:
        if not (part := file.read(max(_AT_ONCE, len(text)))):
            raise ValueError(f"it ends in {text[-40:]!r}")
        return text + part

    def sign() -> str:
        nonlocal text
        while not (text := text.lstrip(_BLANKS + ",:")):
            text = more()
        return text[0]

    def value() -> Any:
        nonlocal text
        while True:
            with contextlib.suppress(json.JSONDecodeError):
                found, end = decode(text)
                if text[end:].lstrip(_BLANKS)[:1] in ("]", "}", ",", ":"):  # else a number could go on
                    text = text[end:]
                    return found
            text = more()

    try:
        with path.open(encoding="utf-8-sig") as file:
            inside = sign() == "{"
            text = text[1:]
            while inside and sign() != "}" and value() != "data":
                sign()
                value()  # of another key, whatever is in it
            if sign() != "[":
                raise ValueError(f"found {text[:40]!r} in its place")
            text = text[1:]
            while sign() != "]":
                if not isinstance(article := value(), dict):
                    raise ValueError(f"an article is a {type(article).__name__}")
                yield article
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    except ValueError as error:
        raise ValueError(f'{path}: expected SQuAD-shaped JSON with a "data" list ({error})') from error
