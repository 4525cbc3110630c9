"""The data sets of this package, for entry points: what ``catalogue.toml`` says of them, with their readers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from beir_hybrid.datasets.afriqa import AfriqaSource
from beir_hybrid.datasets.archive_source import ArchiveSource
from beir_hybrid.datasets.belebele import BelebeleSource
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.family import Family
from beir_hybrid.datasets.hub_source import BeirShapedSource, HubSource
from beir_hybrid.datasets.lareqa import LareqaSource
from beir_hybrid.datasets.miracl import MiraclSource
from beir_hybrid.datasets.mkqa import MkqaSource
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.datasets.topic_source import TopicSource
from beir_hybrid.datasets.xm3600 import Xm3600Source
from beir_hybrid.records import Licence

_READERS: Mapping[str, type[TableSource]] = {
    "afriqa": AfriqaSource, "belebele": BelebeleSource, "hub": HubSource, "lareqa": LareqaSource,
    "miracl": MiraclSource, "mkqa": MkqaSource, "topics": TopicSource, "xm3600": Xm3600Source,
}  # fmt: skip
# each argument of ArguAna is asked for its counterargument and is a passage itself, under the same id. BEIR drops every
# passage with the id of its query, also where ids agree by accident (numbers, as in FiQA); such passages are kept here
_ASKS_WITH_PASSAGES = ("arguana",)


def _text(name: str) -> str:
    return (files("beir_hybrid.datasets") / name).read_text(encoding="utf-8")


@cache
def _source(name: str) -> TableSource | Family:
    """The source of a table."""
    table = tomllib.loads(_text("catalogue.toml"))[name]
    reader, licence = table.pop("reader"), Licence(**table.pop("licence"))
    if reader == "family":
        return Family(name, table["summary"], licence, beir_sets(name, table["language"], table.get("folder", "{}")))
    called = table.pop("called")
    table["called"] = {code: code for code in called.split()} if isinstance(called, str) else called
    if reader == "miracl":
        published = [line.split("\t") for line in _text("miracl_files.tsv").splitlines()]
        table["checksums"] = {path: f"md5:{md5}" for path, _, md5 in published}
        table["sizes"] = {path: int(size) for path, size, _ in published}
    splits = tuple(table.pop("splits"))
    return _READERS[reader](name=name, licence=licence, splits=splits, **table)


def beir_sets(family: str, language: str, folder: str) -> dict[str, BeirShapedSource]:
    """The sets of one family by name, of the table of BEIR's public sets and their translations.

    Archives, md5s and splits in it are those of BEIR's README (github beir-cellar/beir) and ir_datasets' list of
    downloads; repositories and revisions those of mteb's tasks (github embeddings-benchmark/mteb).

    Args:
        folder: how the family's own repositories are called, as ``{}-pl``: a folder of that name is found as well.
    """
    found: dict[str, BeirShapedSource] = {}
    for line in _text("beir_sets.tsv").splitlines():
        of, name, origin, pin, size, part, splits, licence = line.split("\t")
        if of != family:
            continue
        zipped = origin.endswith(".zip")
        page = "https://github.com/beir-cellar/beir" if zipped else f"https://huggingface.co/datasets/{origin}"
        common: dict[str, Any] = {
            "name": f"{family}/{name}",
            "summary": f"BEIR's {name} in {language!r}",
            "splits": tuple(splits.split(",")),
            "licence": Licence(licence, page, "(as mteb and the repository state it; the texts' own sources decide)"),
            "called": {language: part},
            "also_called": tuple(dict.fromkeys((name, folder.format(name)))),
            "asks_with_passages": name in _ASKS_WITH_PASSAGES,
        }
        if zipped:
            archive = RemoteFile(origin.rpartition("/")[2], origin, pin, int(size))
            found[name] = ArchiveSource(**common, archive=archive)
        else:
            found[name] = HubSource(**common, repository=origin, revision=pin)
    return found


def __getattr__(name: str) -> TableSource | Family:
    try:
        return _source(name.replace("_", "-"))
    except KeyError as error:
        raise AttributeError(name) from error
