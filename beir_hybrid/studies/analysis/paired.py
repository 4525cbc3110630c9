"""Each combination against its baseline, query by query: the project's own paired test, corrected within a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.comparison import Comparison, Scores, TaskScoresTable, compare, load_per_query
from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.correction import correct
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.published.scores import MEAN as OVER_LANGUAGES
from beir_hybrid.studies.analysis.means import BIAS_COLUMNS, MEAN, differences, over_seeds, over_tasks, tabled_metrics
from beir_hybrid.studies.analysis.measured import TASK, Measured, combination_label
from beir_hybrid.studies.analysis.options import AnalysisOptions

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
_TARGET = [*MEAN[:-1], *TASK]
_SEEDS = ["seeds", "seeds_agreeing", "seeds_deviation", "seeds_low", "seeds_high"]
COLUMNS = [
    "combination", "dataset", "setting", *TASK, "metric", "baseline", "value", "delta", "ci_low", "ci_high", "p",
    "p_corrected", "effect", "wins", "ties", "losses", "queries", *_SEEDS, "mark",
]  # fmt: skip


def paired_tests(measured: Measured, options: AnalysisOptions) -> tuple[pd.DataFrame, list[str]]:
    """Every combination against the baseline with equal values of all other factors; why some could not be tested.

    The scores of a query are means over the seeds both have; what is permuted and resampled are question groups. A row
    is a macro mean or one query language; ``p_corrected`` is by Holm over its family: the macro means of one data set
    and metric in all settings, or the languages of one setting. ``seeds_*`` speak of the difference of each seed, which
    another training may change; ``mark``: better, worse or differs, beyond chance and in every seed alike.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    bases = baselines(measured, options)
    for dataset in measured.datasets:
        for (base, label), rivals in bases.items():
            for made in _against(measured, options, dataset, base, label, rivals):
                if isinstance(made, str):
                    notes[made] = None
                else:
                    rows.append(made)
    found = pd.DataFrame(rows, columns=[*COLUMNS, "family", "leaning"], dtype=object)
    if found.empty:
        return found[COLUMNS], list(notes)
    changes = _by_seed(measured, {rival: base for (base, _), rivals in bases.items() for rival in rivals})
    deltas = found.set_index([*_TARGET, "combination"]).delta.astype(float)
    agree = changes * deltas.reindex(changes.index.droplevel("seed")).to_numpy() > 0
    spread = over_seeds(changes).assign(seeds_agreeing=agree.groupby(level=[*_TARGET, "combination"]).sum())
    names = {"deviation": "seeds_deviation", "ci_low": "seeds_low", "ci_high": "seeds_high"}
    found[_SEEDS] = spread.rename(columns=names).loc[deltas.index, _SEEDS].set_axis(found.index)
    family = found[found.p.notna()].groupby(["dataset", "metric", "family"]).p
    found["p_corrected"] = family.transform(lambda own: correct(own.to_numpy(float), "holm"))
    sure = (found.p_corrected <= LEVEL) & (found.seeds_agreeing == found.seeds) & (found.delta != 0)
    found["mark"] = found.leaning.where(sure, None)
    return found[COLUMNS], list(notes)


def baselines(measured: Measured, options: AnalysisOptions) -> dict[tuple[int, str], list[int]]:
    """Each baseline (-1 where the grid leaves it out) and its label, with what is compared with it: the same values of
    all factors that the baseline does not name.
    """
    named = {
        at: f.place(options.baseline[f.name]) for at, f in enumerate(measured.factors) if f.name in options.baseline
    }
    codes = {places: code for code, places in enumerate(measured.combinations)}
    found: dict[tuple[int, str], list[int]] = {}
    for places, code in codes.items():
        base = tuple(named.get(at, place) or 0 for at, place in enumerate(places))
        if base != places:
            found.setdefault((codes.get(base, -1), combination_label(measured.factors, base)), []).append(code)
    return found


def _against(
    measured: Measured, options: AnalysisOptions, dataset: str, base: int, label: str, rivals: Sequence[int]
) -> Iterator[dict[str, Any] | str]:
    """The tests of the rivals of a baseline, and notes on those that cannot be tested."""
    own = measured.runs_of(base, dataset)
    by_seeds: dict[tuple[int, ...], list[int]] = {}
    for rival in rivals:
        theirs = measured.runs_of(rival, dataset)
        seeds = tuple(sorted(own.keys() & theirs.keys()))
        if seeds:
            by_seeds.setdefault(seeds, []).append(rival)
        elif theirs:
            why = f"no seed in common with the baseline {label}" if own else f"its baseline {label} was not measured"
            yield f"{dataset}, {measured.label(rival)}: not tested, {why}"
    metrics = (*tabled_metrics(measured, options, dataset), *BIAS_COLUMNS)
    for seeds, group in by_seeds.items():
        by_label = {measured.label(at): at for at in (base, *group)}
        try:
            systems = []
            for name, at in by_label.items():
                runs = measured.runs_of(at, dataset)
                folders = [runs[seed].results[dataset].folder or Path() for seed in seeds]
                systems.append(mean_scores(folders, name, metrics))
            comparison = compare(
                systems, baseline=label, settings=measured.settings(dataset), intersect=True, correction="none",
                draws=options.draws,
            )  # fmt: skip
        except BeirHybridError as error:
            yield f"{dataset}, against {label}: not tested ({error})"
            continue
        for row in comparison.rows:
            if row.delta is not None and (row.is_mean or row.setting != "cross"):
                yield {
                    **row.to_json(), "dataset": dataset, "combination": by_label[row.name], "baseline": label,
                    "family": "" if row.is_mean else row.setting, "leaning": Comparison.leaning(row),
                }  # fmt: skip


def mean_scores(folders: Sequence[Path], name: str, metrics: Collection[str]) -> Scores:
    """The mean over seeds of every query's scores: one system; not defined for a query where a seed's is not.

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
        own = [score for score in scores.results.scores if score.metric in metrics]
        # two cells may have been measured once: their folders are told apart all the same
        loaded.append(Scores(replace(scores.results, folder=folder / f"seed {seed}", scores=own), tasks))
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
    # what is said of the task, not the values: how deep was looked is the same for all seeds
    return Scores(replace(loaded[0].results, name=name, folder=folders[0] / fingerprint(name)), tables)


def _by_seed(measured: Measured, bases: dict[int, int]) -> pd.Series:
    """The difference of every seed that both have, of each macro mean and each language, by target and seed."""
    import pandas as pd

    rows = measured.compared
    means = over_tasks(rows, MEAN).rename("value").reset_index().assign(**dict.fromkeys(TASK, OVER_LANGUAGES))
    values = pd.concat([means, rows])[[*_TARGET, "combination", "seed", "value"]]
    return differences(values.astype(dict.fromkeys(_TARGET, str)), _TARGET, bases)
