"""Collections of another tool as a data set: several subsets of it joined. For `mteb_data` and `ir_data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.datasets.beir_shaped import is_own
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError
from beir_hybrid.languages import language_code
from beir_hybrid.records import Licence, Passages, Queries, passage_text


class Texts(NamedTuple):
    """Queries by id, passages (title and text) by id, and which passage answers which query how well."""

    queries: Mapping[str, str]
    passages: Mapping[str, tuple[str, str]]
    judged: Mapping[str, Mapping[str, int]]


class Subset(NamedTuple):
    """A part of a collection, of one query language and one passage language."""

    name: str
    query_language: str
    passage_language: str
    texts: Texts


@dataclass(frozen=True)
class HostSource:
    """What another tool loads, as a source of data sets (`beir_hybrid.datasets.source.Source`).

    Args:
        files: who keeps its files, and where: for messages.
        pairs: from the languages that are given for all passages and all queries (None: not given) to the query's and
            the passages' language of each subset.
        texts_of: from names of subsets and the split to the texts of each.
        parallel: whether passages with the same id are translations, where nothing else is asked for.
    """

    name: str
    summary: str
    licence: Licence
    splits: tuple[str, ...]
    languages: tuple[str, ...]
    files: str
    pairs: Callable[[str | None, str | None], Mapping[str, tuple[str, str]]]
    texts_of: Callable[[Sequence[str], str], Iterable[Texts]]
    parallel: bool = False

    def load(
        self,
        data_dir: Path | str | None,
        languages: Sequence[str],
        split: str,
        *,
        language: str | None = None,
        query_language: str | None = None,
        parallel: bool | None = None,
        own_passages: bool | None = None,
        **_: Any,
    ) -> Dataset:
        """The subsets in these languages as one data set: queries with equal ids and texts are one query.

        Args:
            data_dir: must be None: the tool keeps its files itself.
            language: of all passages, where the tool does not say.
            query_language: of all queries, likewise.
            parallel: passages with the same id are translations: a query that one answers is answered by all.
            own_passages: see `beir_hybrid.datasets.beir_shaped.join`.
        """
        if data_dir is not None:
            raise DatasetError(f"{self.name} is loaded by {self.files}; leave --data-dir out")
        language, query_language = (code and language_code(code) for code in (language, query_language))
        wanted = {*languages, language, query_language}
        pairs = self.pairs(language, query_language)
        chosen = {name: pair for name, pair in pairs.items() if {*pair} <= wanted}
        if not chosen:
            raise DatasetError(f"{self.name} has no subset within {', '.join(languages)}; it has: {', '.join(pairs)}")
        read = zip(chosen.items(), self.texts_of(list(chosen), split), strict=True)
        subsets = [Subset(name, *pair, texts) for (name, pair), texts in read]
        given = {
            "language": language, "query_language": query_language, "parallel": parallel, "own_passages": own_passages,
        }  # fmt: skip
        options = {key: value for key, value in given.items() if value is not None}
        return joined(
            self.name, subsets, split, self.licence, self.parallel if parallel is None else parallel, options,
            own_passages=own_passages,
        )  # fmt: skip


def joined(
    name: str,
    subsets: Sequence[Subset],
    split: str,
    licence: Licence,
    parallel: bool,
    options: Mapping[str, Any],
    *,
    own_passages: bool | None = None,
) -> Dataset:
    """Subsets as one data set; ids of the other tool get their language in front.

    Texts of one language that several subsets have under one id are one text. Where an id means two texts, the ids of
    that language get the name of their subset as well.

    Raises:
        DatasetError: there is nothing, or ids that are to be translations mean several texts of a language.
    """
    queries, ask = _together(name, subsets, "queries", "query_language", parallel)
    passages, find = _together(name, subsets, "passages", "passage_language", parallel)
    groups: dict[str, str] = {}
    own: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    for subset in subsets:
        for query, judged in subset.texts.judged.items():
            key = ask(subset, query)
            grades = qrels.setdefault(key, {})
            if query not in subset.texts.queries:  # of another subset, or counted as absent
                continue
            groups[key] = query if parallel else key
            itself = subset.texts.passages.get(query)
            if itself is not None and is_own(
                subset.texts.queries[query], passage_text(*itself), itself[1], own_passages
            ):
                own[key] = find(subset, query)
            for passage, grade in judged.items():
                answers = [find(subset, passage)]
                if parallel:
                    names = ((f"{other}-p-{passage}", texts) for other, texts in passages.items())
                    answers += [translation for translation, texts in names if translation in texts]
                for answer in answers:
                    if grades.setdefault(answer, grade) != grade:
                        raise DatasetError(
                            f"{name}: passage {answer!r} is judged {grade} for query {key!r}, and {grades[answer]} in "
                            f"another subset; load one of them"
                        )
    corpora, asked, unjudged = {}, {}, 0
    for language, found in passages.items():
        ids = sorted(found)
        corpora[language] = Passages(language, ids, [found[key][1] for key in ids], [found[key][0] for key in ids])
    for language, texts in queries.items():
        ids = [key for key in sorted(texts) if key in groups]
        unjudged += len(texts) - len(ids)
        asked[language] = Queries(language, ids, [texts[key] for key in ids], [groups[key] for key in ids])
    return Dataset(name, split, corpora, asked, qrels, licence, options=options, own_passages=own, unjudged=unjudged)


def _together(
    name: str, subsets: Sequence[Subset], kind: str, side: str, parallel: bool
) -> tuple[dict[str, dict[str, Any]], Callable[[Subset, str], str]]:
    """Texts by id for each language, and how an id of a subset is written."""
    seen: dict[tuple[str, str], Any] = {}
    clashes: dict[str, str] = {}  # by language, an id that means several texts
    for subset in subsets:
        language = getattr(subset, side)
        for key, text in getattr(subset.texts, kind).items():
            if seen.setdefault((language, key), text) != text:
                clashes.setdefault(language, key)
    for language, key in clashes.items() if parallel else ():
        raise DatasetError(
            f"{name}: the id {key!r} means several {kind} in {language}, so equal ids are no translations of each "
            "other; load it with --dataset-option parallel=false"
        )

    def named(subset: Subset, key: str) -> str:
        """No query has the id of a passage, whatever the other tool's ids are."""
        language = getattr(subset, side)
        return f"{language}-{kind[0]}-" + (f"{subset.name}.{key}" if language in clashes else key)

    found: dict[str, dict[str, Any]] = {}
    for subset in subsets:
        texts = found.setdefault(getattr(subset, side), {})
        texts |= {named(subset, key): text for key, text in getattr(subset.texts, kind).items()}
    return found, named
