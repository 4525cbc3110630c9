"""Collections of ir_datasets as data sets: ``ir/mmarco/v2/de/dev``, several joined by ``+``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.family import Family
from beir_hybrid.errors import DatasetError, MissingExtraError, did_you_mean, first_line
from beir_hybrid.hosts.blocks import Blocks
from beir_hybrid.hosts.codes import short_codes
from beir_hybrid.languages import language_code
from beir_hybrid.records import Licence


@dataclass(frozen=True)
class IrSource:
    """Collections with queries and judgments, of one language of passages each.

    Args:
        ids: ir_datasets' names.
        loaded: what ir_datasets gives for them.
    """

    ids: Sequence[str]
    loaded: Sequence[Any]

    @property
    def name(self) -> str:
        return "ir/" + "+".join(self.ids)

    @property
    def summary(self) -> str:
        return f"{', '.join(self.ids)} of ir_datasets"

    @property
    def licence(self) -> Licence:
        return Licence("that of each collection", "https://ir-datasets.com/" + self.ids[0].partition("/")[0] + ".html")

    @property
    def splits(self) -> tuple[str, ...]:
        return ("test",)

    @property
    def languages(self) -> tuple[str, ...]:
        known = {code for each in self.loaded for code in (each.docs_lang(), each.queries_lang()) if code}
        return tuple(sorted(set(short_codes(known).values()))) or ("und",)

    def load(
        self,
        data_dir: Path | str | None,
        languages: Sequence[str],
        split: str,
        *,
        language: str | None = None,
        query_language: str | None = None,
        parallel: bool = False,
        **_: Any,
    ) -> Dataset:
        """The collections as one data set: queries with equal ids and texts are one query.

        Args:
            data_dir: must be None: ir_datasets keeps its files where it is told to (IR_DATASETS_HOME).
            language: of the passages, where ir_datasets does not say.
            query_language: of the queries, where it does not say.
            parallel: passages with the same id are translations, as in mMARCO.
        """
        if data_dir is not None:
            raise DatasetError(f"{self.name} is loaded by ir_datasets (IR_DATASETS_HOME); leave --data-dir out")
        language, query_language = (code and language_code(code) for code in (language, query_language))
        blocks = Blocks(self.name)
        wanted = {*languages, language, query_language}
        for name, each in zip(self.ids, self.loaded, strict=True):
            passages = self._code(each.docs_lang(), language, name, "passages", "language")
            asked = self._code(each.queries_lang(), query_language, name, "queries", "query_language")
            if {asked, passages} <= wanted:
                blocks.add(name, asked, passages, *self._read(name, each))
        options: dict[str, Any] = {
            key: value for key, value in (("language", language), ("query_language", query_language)) if value
        }
        options |= {"parallel": True} if parallel else {}
        return blocks.dataset(split, parallel=parallel, licence=self.licence, options=options)

    def _code(self, stated: str | None, given: str | None, name: str, what: str, option: str) -> str:
        code = given or stated
        if not code or code == "multi":
            raise DatasetError(
                f"ir_datasets does not say in which language the {what} of {name} are; give "
                f"--dataset-option {option}=CODE"
            )
        return short_codes([code])[code]

    def _read(
        self, name: str, each: Any
    ) -> tuple[dict[str, str], dict[str, tuple[str, str]], dict[str, dict[str, int]]]:
        """Queries, passages and judgments, as ir_datasets yields them."""
        try:
            queries = {query.query_id: _text(query) for query in each.queries_iter()}
            passages = {doc.doc_id: (getattr(doc, "title", "") or "", _text(doc)) for doc in each.docs_iter()}
            judged: dict[str, dict[str, int]] = {}
            for one in each.qrels_iter():
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
        return queries, passages, judged


def _text(record: Any) -> str:
    """The field ``text``, else (of a TREC topic) the title, else what ir_datasets takes for the text."""
    for field in ("text", "title"):
        if isinstance(found := getattr(record, field, None), str) and found:
            return found
    return str(record.default_text())


def _find(name: str) -> IrSource:
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingExtraError(f"ir/{name}", "ir_datasets", "ir") from error
    ids = name.split("+")
    loaded = []
    for each in ids:
        try:
            found = ir_datasets.load(each)
        except KeyError as error:
            near = did_you_mean(each, ir_datasets.registry, most=0)
            raise DatasetError(f"ir_datasets has no collection {each!r}; {near}") from error
        lacking = [part for part in ("docs", "queries", "qrels") if not getattr(found, f"has_{part}")()]
        if lacking:
            raise DatasetError(
                f"ir_datasets' {each} has no {' and no '.join(lacking)}; name a part of it that has documents, queries "
                f"and qrels, such as ir/mmarco/v2/de/dev"
            )
        loaded.append(found)
    return IrSource(ids, loaded)


source = Family(
    name="ir",
    summary="any collection of ir_datasets, by its name; several joined by + (extra ir)",
    licence=Licence("that of each collection", "https://ir-datasets.com"),
    example="ir/mmarco/v2/de/dev",
    find=_find,
)
