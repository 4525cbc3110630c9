"""Parallel data sets: every passage of what a query is about is relevant, in whatever language it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from beir_hybrid.records import Passages, Queries

Item = TypeVar("Item")


class Answer(NamedTuple):
    """A passage; ``about`` is what it answers, ``source`` its id in the published files, if it has one."""

    text: str
    about: Iterable[str]
    title: str = ""
    source: str = ""


class Question(NamedTuple):
    """A query; the same one has the same ``group`` in every language. ``about``: if not the group itself."""

    text: str
    group: str
    about: str = ""


class GroupQrels(Mapping[str, Mapping[str, int]]):
    """``{query id: {passage id: 1}}`` made when it is asked for: in 122 languages there are 13 million judgments.

    Args:
        about: what each query is about.
        answers: ids of the passages about it, over all languages; queries without any have no judgment.
    """

    def __init__(self, about: Mapping[str, str], answers: Mapping[str, list[str]]) -> None:
        self._about = {query: each for query, each in about.items() if each in answers}
        self._answers = answers

    def __getitem__(self, query: str) -> dict[str, int]:
        return dict.fromkeys(self._answers[self._about[query]], 1)

    def __contains__(self, query: object) -> bool:
        return query in self._about

    def __iter__(self) -> Iterator[str]:
        return iter(self._about)

    def __len__(self) -> int:
        return len(self._about)


def parallel(
    passages: Mapping[str, Mapping[str, Answer]], queries: Mapping[str, Mapping[str, Question]]
) -> dict[str, Any]:
    """Texts by language, and by what their ids end with, as passages, queries and qrels of a `Dataset`."""
    answers: dict[str, list[str]] = {}
    corpora = {}
    for language, texts in passages.items():
        named = dict(sorted((f"{language}-p-{key}", answer) for key, answer in texts.items()))
        for passage, answer in named.items():
            for each in answer.about:
                answers.setdefault(each, []).append(passage)
        found = list(named.values())
        titles, sources = [answer.title for answer in found], [answer.source for answer in found]
        corpora[language] = Passages(
            language, list(named), [answer.text for answer in found], titles if any(titles) else (),
            sources if any(sources) else (),
        )  # fmt: skip
    asked, about = {}, {}
    for language, questions in queries.items():
        sorted_questions = dict(sorted((f"{language}-q-{key}", question) for key, question in questions.items()))
        about.update({query: question.about or question.group for query, question in sorted_questions.items()})
        groups = [question.group for question in sorted_questions.values()]
        texts_of = [question.text for question in sorted_questions.values()]
        asked[language] = Queries(language, list(sorted_questions), texts_of, groups, groups)
    return {"passages": corpora, "queries": asked, "qrels": GroupQrels(about, answers)}


def numbered(items: Iterable[Item], width: int, first: int = 0) -> dict[str, Item]:
    """Items by their number, filled with zeros."""
    return {f"{number:0{width}d}": item for number, item in enumerate(items, first)}
