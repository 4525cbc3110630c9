"""A parallel group, the same question and passage in several languages, and groups as rows of a data set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from st_hybrid_batch.languages import check_languages

logger = logging.getLogger(__name__)


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

    @property
    def languages(self) -> list[str]:
        """Those it has both question and passage in, sorted."""
        return sorted(self.query.keys() & self.passage.keys())


def group_from_record(record: Any, where: str = "group") -> Group:
    """A group from its dictionary form; languages whose text is None count as absent.

    Args:
        record: ``{"id", "query": {language: text}, "passage": {language: text}}``, perhaps with
            ``"negatives": {language: [text, ...]}``, ``"passage_group"`` and ``"split"``.
        where: named in error messages.
    """
    if not isinstance(record, Mapping) or "id" not in record:
        raise ValueError(f'{where}: expected an object with "id", "query" and "passage", got {_shown(record)}')
    if not isinstance(record["id"], str | int | float) or isinstance(record["id"], bool):
        raise ValueError(f'{where}: "id" must be a text or a number, got {_shown(record["id"])}')
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


def rows_of_groups(
    read: Callable[[], Iterable[Group]],
    languages: Sequence[str] | None = None,
    negatives: int | None = None,
    source: str = "",
) -> Iterator[dict[str, str]]:
    """Lay groups out as rows, group after group, within a group by language.

    A language in which a group has a question but no passage, or the reverse, is left out of that group (how many is
    logged).

    Args:
        read: yields the groups; called once.
        languages: the languages to keep; all by default. One that no group has is refused.
        negatives: hard negatives of every row; by default as many as the first row has.
        source: a digest of what is read, for ``Dataset.from_generator``, which caches by the arguments.
    """
    seen: set[str] = set()
    one_sided = without = rows = cut = 0
    before, by_first = None, negatives is None
    if negatives is not None and negatives < 0:
        raise ValueError(f"negatives must be a number of hard negatives, or None for the first row's, got {negatives}")
    for group in read():
        if not isinstance(group, Group):
            raise TypeError(f"expected a Group, got a {type(group).__name__}; group_from_record makes one of a dict")
        if group.id == before:
            raise ValueError(
                f"{group.where}: group {group.id!r} comes up twice; expected each group once, with all its languages"
            )
        before = group.id
        seen |= group.query.keys()
        one_sided += len(group.query.keys() ^ group.passage.keys())
        kept = [language for language in group.languages if languages is None or language in languages]
        without += not kept
        for language in kept:
            texts = group.negatives.get(language, ())
            negatives = len(texts) if negatives is None else negatives
            if len(texts) < negatives:
                raise ValueError(
                    f"{group.where}: {len(texts)} hard negatives in {language!r}, expected {negatives} in every row; "
                    "give negatives=N to use fewer (0 for none)"
                )
            rows += 1
            cut += len(texts) > negatives
            yield {
                "query": group.query[language],
                "passage": group.passage[language],
                **{f"negative_{number}": text for number, text in enumerate(texts[:negatives], start=1)},
                "language": language,
                "group": group.id,
                "passage_group": group.passage_group or "",
            }
    check_languages(languages or (), sorted(seen))
    if rows == 0:
        raise ValueError("got no groups; expected at least one with a question and a passage in one language")
    if one_sided:
        logger.warning(
            "%d texts were left out: their group has a question or a passage in that language, not both", one_sided
        )
    if cut and by_first:
        logger.warning(
            "%d rows have more hard negatives than the %d of the first row, which all keep; give negatives=N for more",
            *(cut, negatives),
        )
    if without:
        logger.warning("%d groups were left out: they have no language that is kept", without)


def _shown(value: Any) -> str:
    return repr(value)[:80]
