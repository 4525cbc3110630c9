"""Parallel data sets: every passage of a query's group is relevant, in whatever language it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from beir_hybrid.records import Passages, Queries


class GroupQrels(Mapping[str, Mapping[str, int]]):
    """``{query id: {passage id: 1}}`` made from groups when it is asked for.

    With 122 languages there are 13 million judgments, of which only the groups are kept.

    Args:
        queries: those of every language.
        answers: ``{group: ids of its passages}`` over all languages; queries of other groups have no judgment.
    """

    def __init__(self, queries: Iterable[Queries], answers: Mapping[str, Iterable[str]]) -> None:
        self._answers = {group: tuple(passages) for group, passages in answers.items()}
        self._group = {
            query: group
            for block in queries
            for query, group in zip(block.ids, block.groups, strict=True)
            if self._answers.get(group)
        }

    def __getitem__(self, query: str) -> dict[str, int]:
        return dict.fromkeys(self._answers[self._group[query]], 1)

    def __contains__(self, query: object) -> bool:
        return query in self._group

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)


def numbered_passages(
    language: str, groups_of: Mapping[tuple[str, str], Iterable[str]], answers: dict[str, list[str]]
) -> Passages:
    """The different texts of a language, in their order and numbered: ``de-p-00042``.

    Args:
        groups_of: the groups that each (title, text) answers.
        answers: the passage is added to those of its groups, as `GroupQrels` takes them.
    """
    order = sorted(groups_of)
    ids = [f"{language}-p-{number:05d}" for number in range(len(order))]
    for passage, name in zip(order, ids, strict=True):
        for group in groups_of[passage]:
            answers.setdefault(group, []).append(name)
    titles = [title for title, _ in order]
    return Passages(language, ids, [text for _, text in order], titles if any(titles) else ())
