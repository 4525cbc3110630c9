"""A parallel group: the same question and passage in several languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Group:
    """One question with its passage, in one or more languages.

    Attributes:
        id: identifies the group; no other group has it.
        query: question by language.
        passage: passage by language.
        negatives: hard negatives by language, the hardest first.
        passage_group: identifies the passage where several questions share it; None: the group's own.
        where: place it was read from (``path:line``), for error messages.
        split: part of the data it belongs to, if it says so.
    """

    id: str
    query: Mapping[str, str]
    passage: Mapping[str, str]
    negatives: Mapping[str, Sequence[str]] = field(default_factory=dict)
    passage_group: str | None = None
    where: str = "group"
    split: str | None = None


def group_from_record(record: Any, where: str = "group") -> Group:
    """A group from its dictionary form; languages whose text is None count as absent.

    Args:
        record: ``{"id", "query": {language: text}, "passage": {language: text}}``, perhaps with
            ``"negatives": {language: [text, ...]}``, ``"passage_group"`` and ``"split"``.
        where: named in error messages.
    """
    if not isinstance(record, Mapping) or "id" not in record:
        raise ValueError(f'{where}: expected an object with "id", "query" and "passage", got {_shown(record)}')
    passage_group = record.get("passage_group")
    return Group(
        id=str(record["id"]),
        query=_texts(record, "query", where),
        passage=_texts(record, "passage", where),
        negatives=_lists(record, where),
        passage_group=None if passage_group is None else str(passage_group),
        where=where,
        split=None if record.get("split") is None else str(record["split"]),
    )


def _texts(record: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    texts = record.get(key)
    if not isinstance(texts, Mapping):
        raise ValueError(f'{where}: "{key}" must map languages to texts, got {_shown(texts)}')
    texts = {language: text for language, text in texts.items() if text is not None}
    for language, text in texts.items():
        check_text(text, f'{where}: "{key}" in {language!r}')
    return texts


def _lists(record: Mapping[str, Any], where: str) -> dict[str, list[str]]:
    negatives = record.get("negatives") or {}
    if not isinstance(negatives, Mapping):
        raise ValueError(f'{where}: "negatives" must map languages to lists of texts, got {_shown(negatives)}')
    for language, texts in negatives.items():
        if not isinstance(texts, list):
            raise ValueError(f'{where}: "negatives" in {language!r} must be a list of texts, got {_shown(texts)}')
        for text in texts:
            check_text(text, f'{where}: "negatives" in {language!r}')
    return dict(negatives)


def check_text(text: Any, where: str) -> None:
    """Refuse what is not a text or has nothing in it: it would be trained on all the same."""
    if not isinstance(text, str):
        raise ValueError(f"{where} must be a text, got {_shown(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} holds half of a surrogate pair (an escape \\ud...), which is no text") from error
    if not text.strip():
        raise ValueError(f"{where} is empty; leave the language out of the group, or the group out of the data")


def _shown(value: Any) -> str:
    return repr(value)[:80]
