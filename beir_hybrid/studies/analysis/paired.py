"""Each combination against its baseline, query by query: the project's own paired test, corrected within a metric."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from beir_hybrid.comparison import Comparison, Scores, TaskScoresTable, compare, load_per_query
from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.correction import correct
from beir_hybrid.comparison.notes import cautions, too_few_draws
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import BeirHybridError, ResultsError
from beir_hybrid.published.scores import MEAN as OVER_LANGUAGES
from beir_hybrid.studies.analysis.means import BIAS_COLUMNS, MEAN, differences, over_seeds, over_tasks, tabled_metrics
from beir_hybrid.studies.analysis.measured import TASK, Measured, combination_label
from beir_hybrid.studies.analysis.options import AnalysisOptions

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
Readable: TypeAlias = Mapping[int, Mapping[int, Scores]]
"""Combination -> seed -> the scores by query of one data set."""
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
    tested: set[tuple[str, int, int]] = set()
    for dataset in measured.datasets:
        metrics = (*tabled_metrics(measured, options, dataset), *BIAS_COLUMNS)
        readable, damaged = _readable(measured, dataset, metrics) if bases else ({}, [])
        notes |= dict.fromkeys(damaged)
        tested |= {(dataset, at, seed) for at, seeds in readable.items() for seed in seeds}
        for (base, label), rivals in bases.items():
            for made in _against(measured, options, dataset, readable, base, label, rivals):
                if isinstance(made, str):
                    notes[made] = None
                else:
                    rows.append(made)
    found = pd.DataFrame(rows, columns=[*COLUMNS, "family", "leaning"], dtype=object)
    if found.empty:
        return found[COLUMNS], list(notes)
    changes = _by_seed(measured, tested, by_rival(bases))
    deltas = found.set_index([*_TARGET, "combination"]).delta.astype(float)
    agree = changes * deltas.reindex(changes.index.droplevel("seed")).to_numpy() > 0
    spread = over_seeds(changes).assign(seeds_agreeing=agree.groupby(level=[*_TARGET, "combination"]).sum())
    names = {"deviation": "seeds_deviation", "ci_low": "seeds_low", "ci_high": "seeds_high"}
    found[_SEEDS] = spread.rename(columns=names).loc[deltas.index, _SEEDS].set_axis(found.index)
    family = found[found.p.notna()].groupby(["dataset", "metric", "family"]).p
    if said := too_few_draws(family.size(), options.draws, LEVEL):
        notes[f"{said}: set more draws"] = None
    found["p_corrected"] = family.transform(lambda own: correct(own.to_numpy(float), "holm"))
    sure = (found.p_corrected <= LEVEL) & (found.seeds_agreeing == found.seeds)
    found["mark"] = found.leaning.where(sure, None)
    return found[COLUMNS], list(notes)


def baselines(measured: Measured, options: AnalysisOptions) -> dict[tuple[int | None, str], list[int]]:
    """Each baseline (None where the grid leaves it out) and its label, with what is compared with it: the same values
    of all factors that the baseline does not name.
    """
    named = {
        at: f.place(options.baseline[f.name]) for at, f in enumerate(measured.factors) if f.name in options.baseline
    }
    codes = {places: code for code, places in enumerate(measured.combinations)}
    found: dict[tuple[int | None, str], list[int]] = {}
    for places, code in codes.items():
        base = tuple(named.get(at, place) or 0 for at, place in enumerate(places))
        if base != places:
            found.setdefault((codes.get(base), combination_label(measured.factors, base)), []).append(code)
    return found


def by_rival(bases: Mapping[tuple[int | None, str], Iterable[int]]) -> dict[int, int]:
    """Each combination's baseline, of those that have one."""
    return {rival: base for (base, _), rivals in bases.items() if base is not None for rival in rivals}


def _against(
    measured: Measured, options: AnalysisOptions, dataset: str, readable: Readable, base: int | None, label: str,
    rivals: Sequence[int],
) -> Iterator[dict[str, Any] | str]:  # fmt: skip
    """The tests of the rivals of a baseline, and notes on those that cannot be tested."""
    own = {} if base is None else readable.get(base, {})
    by_seeds: dict[tuple[int, ...], list[int]] = {}
    for rival in rivals:
        theirs = readable.get(rival, {})
        seeds = tuple(sorted(own.keys() & theirs.keys()))
        if seeds:
            by_seeds.setdefault(seeds, []).append(rival)
        elif theirs:
            why = f"no seed in common with the baseline {label}" if own else f"its baseline {label} was not measured"
            yield f"{dataset}, {measured.label(rival)}: not tested, {why}"
    for seeds, group in by_seeds.items():
        by_label = {measured.label(at): at for at in group}
        runs = {label: own, **{name: readable[at] for name, at in by_label.items()}}
        try:
            systems = [mean_scores([each[seed] for seed in seeds], name) for name, each in runs.items()]
            comparison = compare(
                systems, baseline=label, settings=measured.settings(dataset), intersect=True, correction="none",
                draws=options.draws,
            )  # fmt: skip
        except BeirHybridError as error:
            yield f"{dataset}, against {label}: not tested ({error})"
            continue
        yield from cautions(comparison)
        for row in comparison.rows:
            if row.delta is not None and (row.is_mean or row.setting != "cross"):
                yield {
                    **row.to_json(), "dataset": dataset, "combination": by_label[row.name], "baseline": label,
                    "family": "" if row.is_mean else row.setting, "leaning": Comparison.leaning(row),
                }  # fmt: skip


def _readable(measured: Measured, dataset: str, metrics: Collection[str]) -> tuple[Readable, list[str]]:
    """The scores by query of every run, of some metrics; and a note for each that cannot be read."""
    found: dict[int, dict[int, Scores]] = {}
    notes = []
    for run in measured.runs:
        if dataset not in run.results:
            continue
        try:
            scores = load_per_query(run.results[dataset].folder or Path())
        except ResultsError as error:
            notes.append(f"{dataset}, {measured.label(run.combination)}, seed {run.cell.seed}: not tested ({error})")
            continue
        tasks = {
            key: replace(table, metrics={m: values for m, values in table.metrics.items() if m in metrics})
            for key, table in scores.tasks.items()
        }
        own = [score for score in scores.results.scores if score.metric in metrics]
        found.setdefault(run.combination, {})[run.cell.seed] = Scores(replace(scores.results, scores=own), tasks)
    return found, notes


def mean_scores(runs: Sequence[Scores], name: str) -> Scores:
    """The mean over seeds of every query's scores: one system; not defined for a query where a seed's is not.

    Args:
        runs: the scores of each seed.
        name: of the system they become.

    Raises:
        ResultsError: they are of different data.
    """
    # two cells may have been measured once: their folders are told apart all the same
    apart = [replace(each, results=replace(each.results, folder=each.folder / f"{at}")) for at, each in enumerate(runs)]
    tables = {
        task.key: TaskScoresTable(
            task.query_ids, task.groups, {metric: values.mean(axis=0) for metric, values in task.values.items()}
        )
        for task in align(apart).tasks
    }
    # what is said of the task, not the values: how deep was looked is the same for all seeds
    return Scores(replace(runs[0].results, name=name, folder=runs[0].folder / fingerprint(name)), tables)


def _by_seed(measured: Measured, tested: Collection[tuple[str, int, int]], bases: dict[int, int]) -> pd.Series:
    """The difference of every seed that both have, of each macro mean and each language, by target and seed."""
    import pandas as pd

    rows = measured.compared
    keys = zip(rows.dataset, rows.combination, rows.seed, strict=True)
    rows = rows[pd.Series([key in tested for key in keys], rows.index)]
    means = over_tasks(rows, MEAN).rename("value").reset_index().assign(**dict.fromkeys(TASK, OVER_LANGUAGES))
    values = pd.concat([means, rows])[[*_TARGET, "combination", "seed", "value"]]
    return differences(values.astype(dict.fromkeys(_TARGET, str)), _TARGET, bases)
