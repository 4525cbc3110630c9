"""Collections of ir_datasets as data sets: ``ir/mmarco/v2/de/dev``, several joined by ``+``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beir_hybrid.datasets.family import Family
from beir_hybrid.disk.library_folders import give_libraries_folders
from beir_hybrid.errors import DatasetError, MissingExtraError, did_you_mean, first_line
from beir_hybrid.hosts.codes import short_codes
from beir_hybrid.hosts.joined import HostSource, Texts
from beir_hybrid.records import Licence


def _find(name: str) -> HostSource:
    """Collections with queries and judgments, of one language of passages each."""
    give_libraries_folders()
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingExtraError(f"ir/{name}", "ir_datasets", "ir") from error
    loaded: dict[str, Any] = {}
    for each in name.split("+"):
        try:
            found = loaded[each] = ir_datasets.load(each)
        except KeyError as error:
            near = did_you_mean(each, ir_datasets.registry, most=0)
            raise DatasetError(f"ir_datasets has no collection {each!r}; {near}") from error
        lacking = [part for part in ("docs", "queries", "qrels") if not getattr(found, f"has_{part}")()]
        if lacking:
            raise DatasetError(
                f"ir_datasets' {each} has no {' and no '.join(lacking)}; name a part of it that has documents, queries "
                f"and qrels, such as ir/mmarco/v2/de/dev"
            )
    known = {code for each in loaded.values() for code in (each.docs_lang(), each.queries_lang()) if code}

    def pairs(language: str | None, query_language: str | None) -> Mapping[str, tuple[str, str]]:
        return {
            each: (
                _code(query_language or found.queries_lang(), each, "queries", "query_language"),
                _code(language or found.docs_lang(), each, "passages", "language"),
            )
            for each, found in loaded.items()
        }

    def read(names: Sequence[str], split: str) -> Iterator[Texts]:
        for each in names:
            yield _texts(each, loaded[each])

    return HostSource(
        "ir/" + "+".join(loaded), f"{', '.join(loaded)} of ir_datasets",
        Licence("that of each collection", f"https://ir-datasets.com/{name.partition('/')[0]}.html"), ("test",),
        tuple(sorted(set(short_codes(known).values()))) or ("und",), "ir_datasets (IR_DATASETS_HOME)", pairs, read,
    )  # fmt: skip


def _code(code: str | None, name: str, what: str, option: str) -> str:
    if not code or code == "multi":
        raise DatasetError(
            f"ir_datasets does not say in which language the {what} of {name} are; give --dataset-option {option}=CODE"
        )
    return short_codes([code])[code]


def _texts(name: str, collection: Any) -> Texts:
    """Queries, passages and judgments, as ir_datasets yields them."""
    try:
        queries = {query.query_id: _text(query) for query in collection.queries_iter()}
        passages = {doc.doc_id: (getattr(doc, "title", "") or "", _text(doc)) for doc in collection.docs_iter()}
        judged: dict[str, dict[str, int]] = {}
        for one in collection.qrels_iter():
            before = judged.setdefault(one.query_id, {}).setdefault(one.doc_id, one.relevance)
            if before != one.relevance:
                raise DatasetError(
                    f"{name}: document {one.doc_id!r} is judged {one.relevance} for query {one.query_id!r}, and "
                    f"{before} before"
                )
    except DatasetError:
        raise
    except Exception as error:  # downloads and formats of others
        raise DatasetError(
            f"ir_datasets could not load {name} ({type(error).__name__}: {first_line(error)}); its "
            f"files are looked for in IR_DATASETS_HOME (default ~/.ir_datasets): load it once with a network"
        ) from error
    return Texts(queries, passages, judged)


def _text(record: Any) -> str:
    """The field ``text``, else (of a TREC topic) the title, else what ir_datasets takes for the text."""
    for field in ("text", "title"):
        if isinstance(found := getattr(record, field, None), str) and found:
            return found
    return str(record.default_text())


source = Family(
    name="ir",
    summary="any collection of ir_datasets, by its name; several joined by + (extra ir)",
    licence=Licence("that of each collection", "https://ir-datasets.com"),
    example="ir/mmarco/v2/de/dev",
    find=_find,
)
