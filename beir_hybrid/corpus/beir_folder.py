"""A plain BEIR folder, of any size, as a data set of one language."""

from __future__ import annotations

from pathlib import Path

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.corpus.convert import source_key
from beir_hybrid.corpus.records import read_records
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.trec import read_tsv_qrels
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.locations import cache_dir
from beir_hybrid.types import Qrels, Queries


def load_beir_folder(folder: Path | str, language: str, split: str = "test", name: str | None = None) -> Dataset:
    """``corpus.jsonl``, ``queries.jsonl`` (either may be ``.gz`` or ``.parquet``) and ``qrels/{split}.tsv``.

    That is how BEIR publishes its sets, ``beir-hybrid export`` writes them, and the repositories of BEIR-PL
    (``.jsonl.gz``) and BEIR-NL (``.jsonl``) hold corpus and queries; their qrels are published apart from them. The
    corpus is converted into the cache folder at the first call. Ids get the language put before them, those of the
    files are kept as ``source_ids``; queries without a judgment are left out.

    Raises:
        DatasetError: a file is missing, damaged or malformed (``path:line``), or the qrels name an unknown id.
    """
    folder = Path(folder)
    source = _file(folder, "corpus")
    key = source_key([source])
    name = name or folder.resolve().name
    corpus = ArrowCorpus.build(
        [source], cache_dir() / "corpora" / "beir" / f"{language}-{key[:24]}", id_prefix=f"{language}-p-"
    )
    passages = corpus.passages(language)
    texts: dict[str, str] = {}
    queries = _file(folder, "queries")
    for record in read_records(queries):
        if record.key in texts:
            raise DatasetError(f"{at(queries, record.line)}: query id {record.key!r} appears twice")
        texts[record.key] = record.text
    judged = folder / "qrels" / f"{split}.tsv"
    qrels: Qrels = {}
    for line, query, passage, grade in read_tsv_qrels(judged):
        if query not in texts:
            raise DatasetError(f"{at(judged, line)}: query {query!r} is not in {queries.name}")
        if passages.position(f"{language}-p-{passage}") is None:
            raise DatasetError(f"{at(judged, line)}: passage {passage!r} is not in {source.name}")
        qrels.setdefault(f"{language}-q-{query}", {})[f"{language}-p-{passage}"] = grade
    asked = sorted((f"{language}-q-{key}", key) for key in texts if f"{language}-q-{key}" in qrels)
    block = Queries(language, [q for q, _ in asked], [texts[k] for _, k in asked], source_ids=[k for _, k in asked])
    return Dataset(name, split, {language: passages}, {language: block}, qrels)


def _file(folder: Path, name: str) -> Path:
    endings = (".jsonl", ".jsonl.gz", ".parquet")
    for ending in endings:
        if (folder / f"{name}{ending}").exists():
            return folder / f"{name}{ending}"
    raise DatasetError(f"{folder} holds no {' or '.join(name + ending for ending in endings)}")
