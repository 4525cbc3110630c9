"""The hardest queries: their texts in every language, and where each parallel answer was ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets import get_source, load_measured
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.evaluation.kept_runs import RUNS_FILE
from beir_hybrid.evaluation.results import Results
from beir_hybrid.report.contents import Contents

COUNT = 15
_METRICS = ("map", "ndcg@10", "mrr@10", "recall@10", "recall@100")
# texts of larger corpora are not loaded for a page
_LARGEST = 300 << 20


@dataclass(frozen=True)
class HardQuery:
    """One group of parallel queries that all systems find hard.

    Attributes:
        score: the mean of the metric over the systems and questions.
        queries, answers: ``{language: text}``; an answer may be in more languages than the question. Empty without
            the data set.
        ranks: ``{query language: {answer language: best rank for each system}}``; None: not among what was kept.
        kept: ``{query language: passages kept for each system}``.
    """

    group: str
    score: float
    languages: tuple[str, ...]
    queries: Mapping[str, str]
    answers: Mapping[str, str]
    ranks: Mapping[str, Mapping[str, Sequence[int | None]]]
    kept: Mapping[str, Sequence[int]]

    @property
    def main(self) -> str:
        """The language its title is in: English, else the first."""
        return "en" if "en" in self.queries else min(self.queries)


@dataclass(frozen=True)
class Hardest:
    """The hardest queries of a setting; ``missing`` says why there are no texts, if there are none."""

    setting: str
    metric: str
    queries: tuple[HardQuery, ...]
    licence: str = ""
    missing: str = ""

    @property
    def non_commercial(self) -> bool:
        return "non-commercial" in self.licence.lower() or "BY-NC" in self.licence


def hardest_queries(contents: Contents, count: int = COUNT) -> Hardest | None:
    """The groups with the lowest mean score over all systems and languages; ties by group name.

    Of the multilingual setting where there is one, else the monolingual. None where nothing was measured by query.
    """
    aligned = contents.aligned
    setting = next((s for s in ("multi", "mono") if s in contents.comparison.settings), None)
    if setting is None:
        return None
    tasks = [task for task in aligned.tasks if task.key[0] == setting]
    compared = contents.comparison.metrics
    metric = next((m for m in _METRICS if m in compared and all(m in task.values for task in tasks)), None)
    if metric is None:
        return None
    scores: dict[str, list[float]] = {}
    ids: dict[str, dict[str, str]] = {}
    for task in tasks:
        means = task.values[metric].mean(axis=0).tolist()
        # of several questions of a group in one language the hardest, which comes first, stands for it
        for mean, query, group in sorted(zip(means, task.query_ids, task.groups, strict=True)):
            scores.setdefault(group, []).append(mean)
            ids.setdefault(group, {}).setdefault(task.key[1], query)
    mean_of = {group: float(np.mean(found)) for group, found in scores.items()}
    groups = sorted(mean_of, key=lambda group: (mean_of[group], group))[:count]
    dataset, missing = _texts(contents)
    wanted = {query for group in groups for query in ids[group].values()}
    runs = [_kept_ranks(folder, setting, wanted) for folder in contents.aligned.folders] if dataset else []
    made = [_hard_query(group, mean_of[group], ids[group], dataset, runs, setting) for group in groups]
    licence = f"{dataset.licence.name} {dataset.licence.note}".strip() if dataset else ""
    return Hardest(setting, metric, tuple(made), licence, missing)


def _hard_query(
    group: str, score: float, ids: Mapping[str, str], dataset: Dataset | None, runs: Sequence[Any], setting: str
) -> HardQuery:
    if dataset is None:
        return HardQuery(group, score, tuple(sorted(ids)), {}, {}, {}, {})
    queries: dict[str, str] = {}
    answers: dict[str, str] = {}
    ranks: dict[str, dict[str, list[int | None]]] = {}
    for language, query in ids.items():
        block = dataset.queries[language]
        queries[language] = block.texts[block.ids.index(query)]
        for passage, grade in dataset.qrels[query].items():
            if grade <= 0:
                continue
            found = _place_of(dataset, passage)
            if found is None or (setting == "mono" and found[0] != language):
                continue  # of no corpus, or not asked for here
            home, place = found
            corpus = dataset.passages[home]
            title = corpus.title(place)
            answers.setdefault(home, f"{title}: {corpus.texts[place]}" if title else corpus.texts[place])
            own = ranks.setdefault(language, {})
            pairs = zip(own.get(home, [None] * len(runs)), runs, strict=True)
            both = [(before, rank_of.get((query, passage))) for before, (rank_of, _) in pairs]
            own[home] = [min((rank for rank in pair if rank is not None), default=None) for pair in both]
    kept = {language: [depth.get(query, 0) for _, depth in runs] for language, query in ids.items()}
    return HardQuery(group, score, tuple(sorted({*queries, *answers})), queries, answers, ranks, kept)


def _place_of(dataset: Dataset, passage: str) -> tuple[str, int] | None:
    """The language of a passage's corpus and its place there; None where a judgment names one that is in none."""
    places = ((language, block.position(passage)) for language, block in dataset.passages.items())
    return next(((language, place) for language, place in places if place is not None), None)


def _texts(contents: Contents) -> tuple[Dataset | None, str]:
    """The data set if it is on this machine and is the one that was measured; else why not. Nothing is downloaded."""
    # the plainest texts, where some systems read more than others
    results = min(contents.results, key=lambda each: len(each.inputs.get("dataset_options", {})))
    try:
        source = None if results.inputs.get("dataset_folder") else get_source(results.dataset)
        if isinstance(source, FileSource):
            problem = _absent(source, results, contents.data_dir)
            if problem:
                return None, problem
        dataset = load_measured(results.dataset, results.split, results.inputs, contents.data_dir, contents.languages)
    except BeirHybridError as error:
        return None, f"{results.dataset} cannot be loaded here: {error}"
    if set(results.languages) == set(dataset.languages) and results.inputs.get("dataset_fingerprint") not in (
        None, dataset.fingerprint,
    ):  # fmt: skip
        return None, f"the {results.dataset} on this machine is not the one that was measured (its fingerprint differs)"
    return dataset, ""


def _absent(source: FileSource, results: Results, data_dir: Path | str | None) -> str:
    root = source.root(data_dir).path
    if source.missing(root, results.languages, results.split):
        return f"the files of {source.name} are not in {root}; name their folder with --data-dir or BEIR_HYBRID_DATA"
    files = source.files(root, results.languages, results.split)
    if sum(file.stat().st_size for file in files) > _LARGEST:
        return f"{source.name} is too large to be loaded for a page"
    return ""


def _kept_ranks(folder: Path, setting: str, queries: set[str]) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """The ranks that ``runs.parquet`` holds of some queries, and how many passages of each were kept."""
    import pyarrow.parquet as pq

    path = folder / RUNS_FILE
    if not path.is_file():
        return {}, {}
    wanted = [("setting", "=", setting), ("query_id", "in", queries)]
    columns = ["query_id", "passage_id", "rank"]
    found = pq.read_table(path, columns=columns, filters=wanted, page_checksum_verification=True)
    ranks: dict[tuple[str, str], int] = {}
    depth = Counter[str]()
    for query, passage, rank in zip(*(column.to_pylist() for column in found.columns), strict=True):
        ranks[query, passage] = rank
        depth[query] = max(rank, depth[query])
    return ranks, depth
