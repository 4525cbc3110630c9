"""Queries, passages and judgments of several subsets of another tool, joined to one data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence, Passages, Queries

Document: TypeAlias = tuple[str, str]
"""Title and text."""


@dataclass(frozen=True)
class _Subset:
    name: str
    query_language: str
    passage_language: str
    queries: Mapping[str, str]
    passages: Mapping[str, Document]
    judged: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Blocks:
    """What is gathered under one name; ids of the other tool get their language in front.

    Texts of one language that several subsets have under one id are one text. Where an id means two texts, the ids of
    that language get the name of their subset as well.
    """

    name: str
    _subsets: list[_Subset] = field(default_factory=list)

    def add(
        self,
        subset: str,
        query_language: str,
        passage_language: str,
        queries: Mapping[str, str],
        passages: Mapping[str, Document],
        judged: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Add a subset: texts by their id, and which passage answers which query how well."""
        self._subsets.append(_Subset(subset, query_language, passage_language, queries, passages, judged))

    def dataset(self, split: str, *, parallel: bool, licence: Licence, options: Mapping[str, Any]) -> Dataset:
        """All of it as one data set.

        Args:
            parallel: passages with the same id are translations: a query that one answers is answered by all.

        Raises:
            DatasetError: there is nothing, or ids that are to be translations mean several texts of a language.
        """
        queries, asked_as = self._joined("queries", "query_language", parallel)
        passages, found_as = self._joined("passages", "passage_language", parallel)
        groups: dict[str, str] = {}
        qrels: dict[str, dict[str, int]] = {}
        for subset in self._subsets:
            ask, find = asked_as[subset.query_language], found_as[subset.passage_language]
            for query, judged in subset.judged.items():
                if query not in subset.queries:
                    continue
                key = ask(subset, query)
                groups[key] = query if parallel else key
                grades = qrels.setdefault(key, {})
                for passage, grade in judged.items():
                    answers = [find(subset, passage)]
                    if parallel:
                        answers += [name for other, texts in passages.items()
                                    if (name := f"{other}-p-{passage}") in texts]  # fmt: skip
                    grades |= dict.fromkeys(answers, grade)
        return Dataset(
            self.name, split,
            {language: Passages(language, sorted(texts), [texts[key][1] for key in sorted(texts)],
                                [texts[key][0] for key in sorted(texts)]) for language, texts in passages.items()},
            {language: Queries(language, kept := [key for key in sorted(texts) if key in qrels],
                               [texts[key] for key in kept], [groups[key] for key in kept])
             for language, texts in queries.items()},
            qrels, licence, options=options,
        )  # fmt: skip

    def _joined(self, kind: str, side: str, parallel: bool) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Texts by id for each language, and for each language how an id of a subset is written."""
        found: dict[str, dict[str, Any]] = {}
        naming: dict[str, Any] = {}
        for language in dict.fromkeys(getattr(subset, side) for subset in self._subsets):
            subsets = [subset for subset in self._subsets if getattr(subset, side) == language]
            seen: dict[str, Any] = {}
            clash = next((key for subset in subsets for key, text in getattr(subset, kind).items()
                          if seen.setdefault(key, text) != text), None)  # fmt: skip
            if clash is not None and parallel:
                raise DatasetError(
                    f"{self.name}: the id {clash!r} means several {kind} in {language}, so equal ids are no "
                    f"translations of each other; load it with --dataset-option parallel=false"
                )
            # no query has the id of a passage, whatever the other tool's ids are
            prefix = f"{{0}}-{kind[0]}-" + ("{2}" if clash is None else "{1}.{2}")

            def named(subset: _Subset, key: str, language: str = language, prefix: str = prefix) -> str:
                return prefix.format(language, subset.name, key)

            naming[language] = named
            found[language] = {named(subset, key): text for subset in subsets
                               for key, text in getattr(subset, kind).items()}  # fmt: skip
        return found, naming
