"""The table of BEIR's public sets and their translations: where each is published, and at which revision.

Archives, md5s and splits are those of BEIR's README (github beir-cellar/beir) and ir_datasets' list of downloads;
repositories and revisions those of mteb's tasks (github embeddings-benchmark/mteb, ``mteb/tasks/retrieval``).
"""

from __future__ import annotations

from importlib.resources import files

from beir_hybrid.datasets.archive_source import ArchiveSource
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.hub_source import HubSource
from beir_hybrid.datasets.parts_source import PartsSource
from beir_hybrid.records import Licence

# each argument of ArguAna is asked for its counterargument and is a passage itself, under the same id. BEIR drops every
# passage with the id of its query, also where ids agree by accident (numbers, as in FiQA); such passages are kept here
_ASKS_WITH_PASSAGES = ("arguana",)


def beir_sets(family: str, language: str, *, folder: str = "{}") -> dict[str, PartsSource]:
    """The sets of one family by name.

    Args:
        folder: how the family's own repositories are called, as ``{}-pl``: a folder of that name is found as well.
    """
    table = (files("beir_hybrid.datasets") / "beir_sets.tsv").read_text(encoding="utf-8")
    found: dict[str, PartsSource] = {}
    for line in table.splitlines():
        of, name, origin, pin, size, part, splits, licence = line.split("\t")
        if of != family:
            continue
        about = f"BEIR's {name} in {language!r}"
        terms = Licence(licence, _page(origin), "(as mteb and the repository state it; the texts' own sources decide)")
        common = (f"{family}/{name}", about, tuple(splits.split(",")), terms, {language: part})
        names = tuple(dict.fromkeys((name, folder.format(name))))
        itself = name in _ASKS_WITH_PASSAGES
        if origin.endswith(".zip"):
            archive = RemoteFile(origin.rpartition("/")[2], origin, pin, int(size))
            found[name] = ArchiveSource(*common, names, archive=archive, asks_with_passages=itself)
        else:
            found[name] = HubSource(*common, names, repository=origin, revision=pin, asks_with_passages=itself)
    return found


def _page(origin: str) -> str:
    zipped = origin.endswith(".zip")
    return "https://github.com/beir-cellar/beir" if zipped else f"https://huggingface.co/datasets/{origin}"
