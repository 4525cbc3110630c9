"""What a study will take: time and disk of the missing cells, from those that are done, else roughly."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.errors import StudyError
from beir_hybrid.processors import processors
from beir_hybrid.studies.cells import Cell, plan_cells
from beir_hybrid.studies.outcome import StudyOutcome
from beir_hybrid.studies.run import duration, outcome_of
from beir_hybrid.studies.store import Store
from beir_hybrid.studies.study import Study
from beir_hybrid.studies.study_folder import StudyFolder
from beir_hybrid.tables import Table, render

_PAIR_SECONDS = {"static": 1.3e-3, "transformer": 0.02, "": 0.07}
"""Seconds for a training pair on one core, by the beginning of the kind of encoder, where none like it is done yet:
static at width 256, one layer of 128, and multilingual-e5-small in bfloat16 for models by name."""
_EVALUATION_SECONDS = {"static": 10.0, "transformer": 60.0, "": 400.0}
"""Seconds to measure XQuAD-R, likewise."""
_WEIGHTS = 118_000_000
"""Of a model by name, for the disk it takes: those of multilingual-e5-small."""
_START = 8.0
"""Seconds for a process to start, read the groups and lay them out."""
_RESULTS_BYTES = 3_000_000
_RUNS_BYTES = 11_000_000


@dataclass(frozen=True)
class Estimate:
    """Seconds of one cell, bytes it leaves, and whether both are measured on cells like it."""

    seconds: float
    size: float
    measured: bool


def render_estimate(study: Study, out: Path, cells: Path | None, workers: int | None) -> str:
    """The grid of a study and what running it would take, as text; nothing is run, fetched or written."""
    folder = StudyFolder(out, study, cells)
    grid = plan_cells(study, load=False)
    outcome = outcome_of(study, grid.cells, folder.store)
    # a cell that is not to be measured on all is not done, whatever is there
    missing = [cell for cell in grid.cells if grid.absent or not folder.store.is_done(cell)]
    todo = list({cell.digest: cell for cell in missing}.values())
    at_once = min(workers or max(1, processors() // study.limits.threads), max(1, len(todo)))
    statuses = [cell.status for cell in outcome.cells]
    done = 0 if grid.absent else statuses.count("done")
    lines = [study.title, f"budget: {outcome.budget}", "", render_grid(outcome), ""]
    lines.append(f"{len(statuses)} cells: {done} done, {statuses.count('failed')} failed, {len(todo)} to run")
    if grid.absent:
        lines.append(f"not here yet, fetched when the study runs: {', '.join(grid.absent)}")
    if todo:
        estimates = estimate_cells(todo, folder.store, study.keep_models, study.keep_runs)
        rough = sum(not each.measured for each in estimates)
        basis = "measured on cells like them" if not rough else f"rough for {rough} of them: none like them is done yet"
        total, size = sum(each.seconds for each in estimates), sum(each.size for each in estimates)
        # trainings under way need the model, and two checkpoints with the state of the optimizer
        meanwhile = at_once * 8 * max(map(_weights_bytes, todo))
        lines.append(f"time: about {duration(total / at_once)} with {at_once} at a time ({basis})")
        lines.append(f"disk: about {size / 1e6:,.0f} MB more, and {meanwhile / 1e6:,.0f} MB meanwhile")
    return "\n".join(lines)


def render_grid(outcome: StudyOutcome) -> str:
    """The grid as text: a row for each combination of factors, a column for each seed."""
    rows: dict[tuple[str, ...], dict[int, str]] = {}
    for cell in outcome.cells:
        rows.setdefault(tuple(map(str, cell.factors.values())), {})[cell.seed] = cell.status
    seeds = list(dict.fromkeys(cell.seed for cell in outcome.cells))
    heads = [*outcome.factors, *(f"seed {seed}" for seed in seeds)]
    cells = [[*labels, *(own.get(seed, "") for seed in seeds)] for labels, own in rows.items()]
    return render([Table("", heads, cells, len(heads))], "table").rstrip()


def estimate_cells(cells: Sequence[Cell], store: Store, keep_models: bool, keep_runs: bool) -> list[Estimate]:
    """What each of some cells will take, by what finished cells of the same kind of encoder took."""
    pairs: dict[str, list[float]] = {}
    datasets: dict[tuple[str, str], list[float]] = {}
    sizes: list[int] = []
    for folder in store.all_cells():
        try:
            record, training = folder.read("cell"), folder.read("training")
        except StudyError:
            continue
        kind = str(record.get("kind"))
        if training.get("pairs") and "seconds" in training:
            pairs.setdefault(kind, []).append(float(training["seconds"]) / training["pairs"])
        for name, dataset in record.get("datasets", {}).items():
            if folder.is_measured(name):
                datasets.setdefault((kind, dataset), []).append(folder.evaluation_seconds(name))
                files = (path for path in folder.results(name).rglob("*") if path.is_file())
                sizes.append(sum(path.stat().st_size for path in files))
    size = statistics.median(sizes) if sizes else _RESULTS_BYTES + keep_runs * _RUNS_BYTES
    found = []
    for cell in cells:
        trained = cell.training.pairs if cell.training else 0
        known = [pairs.get(cell.kind)] if trained else []
        known += [datasets.get((cell.kind, each.evaluation.dataset)) for each in cell.evaluations]
        rough = [_rough(_PAIR_SECONDS, cell.kind)] if trained else []
        rough += [_rough(_EVALUATION_SECONDS, cell.kind) for _ in cell.evaluations]
        each = [statistics.median(own) if own else guess for own, guess in zip(known, rough, strict=True)]
        seconds = _START + sum(each) + (each[0] * (trained - 1) if trained else 0.0)
        models = len(cell.training.trainings) if keep_models and cell.training else 0
        found.append(Estimate(seconds, size * len(cell.evaluations) + models * _weights_bytes(cell), all(known)))
    return found


def _rough(table: Mapping[str, float], kind: str) -> float:
    return next(value for beginning, value in table.items() if kind.startswith(beginning))


def _weights_bytes(cell: Cell) -> int:
    """A saved model's size, roughly: its table of tokens is most of it."""
    if cell.training is None:
        return 0
    config = cell.training.first
    return 4 * (config.vocabulary * config.width if config.from_scratch else _WEIGHTS)
