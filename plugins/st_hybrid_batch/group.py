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

    def __post_init__(self) -> None:
        for side, texts in (("query", self.query), ("passage", self.passage)):
            for language, text in texts.items():
                check_text(text, f'{self.where}: "{side}" in {language!r}')
        for language, hard in self.negatives.items():
            where = f'{self.where}: "negatives" in {language!r}'
            if isinstance(hard, str) or not isinstance(hard, Sequence):
                raise ValueError(f"{where} must be a list of texts, got {_shown(hard)}")
            for text in hard:
                check_text(text, where)


def group_from_record(record: Any, where: str = "group") -> Group:
    """A group from its dictionary form; languages whose text is None count as absent.

    Args:
        record: ``{"id", "query": {language: text}, "passage": {language: text}}``, perhaps with
            ``"negatives": {language: [text, ...]}``, ``"passage_group"`` and ``"split"``.
        where: named in error messages.
    """
    if not isinstance(record, Mapping) or "id" not in record:
        raise ValueError(f'{where}: expected an object with "id", "query" and "passage", got {_shown(record)}')
    given = {side: record.get(side) for side in ("query", "passage")} | {"negatives": record.get("negatives") or {}}
    for side, texts in given.items():
        if not isinstance(texts, Mapping):
            raise ValueError(f'{where}: "{side}" must map languages to texts, got {_shown(texts)}')
    there = {side: {lang: text for lang, text in texts.items() if text is not None} for side, texts in given.items()}
    shared, split = (None if record.get(name) is None else str(record[name]) for name in ("passage_group", "split"))
    return Group(str(record["id"]), **there, passage_group=shared, where=where, split=split)


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
