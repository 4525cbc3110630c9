"""Per-query scores averaged over the seeds of a combination: one system for a comparison."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from beir_hybrid.comparison import Scores, TaskScoresTable, load_per_query
from beir_hybrid.comparison.align import align
from beir_hybrid.disk.files import fingerprint


def mean_scores(folders: Sequence[Path], name: str, metrics: Collection[str]) -> Scores:
    """The mean over seeds of every query's scores; not defined for a query where a seed's is not.

    Args:
        folders: the result folder of each seed.
        name: of the system they become.
        metrics: those that are kept.

    Raises:
        ResultsError: a folder is damaged, or they are of different data.
    """
    loaded = []
    for seed, folder in enumerate(folders):
        scores = load_per_query(folder)
        tasks = {
            key: replace(table, metrics={m: values for m, values in table.metrics.items() if m in metrics})
            for key, table in scores.tasks.items()
        }
        # two cells may have been measured once: their folders are told apart all the same
        loaded.append(Scores(replace(scores.results, folder=folder / f"seed {seed}", scores=[]), tasks))
    aligned = align(loaded)
    tables = {
        task.key: TaskScoresTable(
            task.query_ids,
            task.groups,
            np.min([each.tasks[task.key].retrieved for each in loaded], axis=0),
            {metric: values.mean(axis=0) for metric, values in task.values.items()},
        )
        for task in aligned.tasks
    }
    return Scores(replace(loaded[0].results, name=name, folder=folders[0] / fingerprint(name), scores=[]), tables)
