"""What a study will take: time and disk of the missing cells, from those that are done, else roughly."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.processors import processors
from beir_hybrid.studies.cells import Cell, plan_cells
from beir_hybrid.studies.overview import render_grid
from beir_hybrid.studies.run import duration, outcome_of
from beir_hybrid.studies.store import Store
from beir_hybrid.studies.study import Study
from beir_hybrid.studies.study_folder import StudyFolder

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
    if grid.absent:  # a cell that is not to be measured on all is not done, whatever is there
        todo = list({cell.digest: cell for cell in grid.cells}.values())
    else:
        todo = list({cell.digest: cell for cell in grid.cells if not folder.store.is_done(cell)}.values())
    at_once = min(workers or max(1, processors() // study.limits.threads), max(1, len(todo)))
    estimates = estimate_cells(todo, folder.store, study.keep_models, study.keep_runs)
    lines = [study.title, f"budget: {outcome.budget}", "", render_grid(outcome), ""]
    done = sum(cell.status == "done" for cell in outcome.cells) if not grid.absent else 0
    failed = sum(cell.status == "failed" for cell in outcome.cells)
    lines.append(f"{len(outcome.cells)} cells: {done} done, {failed} failed, {len(todo)} to run")
    if grid.absent:
        lines.append(f"not here yet, fetched when the study runs: {', '.join(grid.absent)}")
    if todo:
        rough = sum(not each.measured for each in estimates)
        basis = "measured on cells like them" if not rough else f"rough for {rough} of them: none like them is done yet"
        total = sum(each.seconds for each in estimates)
        lines.append(f"time: about {duration(total / at_once)} with {at_once} at a time ({basis})")
        size = sum(each.size for each in estimates)
        lines.append(f"disk: about {size / 1e6:,.0f} MB more, and {_work_size(todo, at_once) / 1e6:,.0f} MB meanwhile")
    return "\n".join(lines)


def estimate_cells(cells: Sequence[Cell], store: Store, keep_models: bool, keep_runs: bool) -> list[Estimate]:
    """What each of some cells will take."""
    known = _Measured(store)
    return [known.estimate(cell, keep_models, keep_runs) for cell in cells]


class _Measured:
    """What finished cells took, by kind of encoder."""

    def __init__(self, store: Store) -> None:
        self._pair: dict[str, list[float]] = {}
        self._dataset: dict[tuple[str, str], list[float]] = {}
        self._sizes: list[int] = []
        for record, folder in store.all_cells():
            kind, training = str(record.get("kind")), folder.training()
            if training.get("pairs"):
                self._pair.setdefault(kind, []).append(float(training["seconds"]) / int(training["pairs"]))
            for name, dataset in dict(record.get("datasets", {})).items():
                if folder.is_measured(name):
                    self._dataset.setdefault((kind, dataset), []).append(folder.evaluation_seconds(name))
                    self._sizes.append(_bytes_of(folder.results(name)))

    def estimate(self, cell: Cell, keep_models: bool, keep_runs: bool) -> Estimate:
        seconds, measured = _START, True
        if cell.training is not None and cell.training.pairs:
            known = self._pair.get(cell.kind)
            measured = known is not None
            seconds += cell.training.pairs * (statistics.median(known) if known else _rough(_PAIR_SECONDS, cell.kind))
        for each in cell.evaluations:
            found = self._dataset.get((cell.kind, each.evaluation.dataset))
            measured = measured and found is not None
            seconds += statistics.median(found) if found else _rough(_EVALUATION_SECONDS, cell.kind)
        size = statistics.median(self._sizes) if self._sizes else _RESULTS_BYTES + keep_runs * _RUNS_BYTES
        models = len(cell.training.trainings) if keep_models and cell.training else 0
        return Estimate(seconds, size * len(cell.evaluations) + models * _weights_bytes(cell), measured)


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _rough(table: Mapping[str, float], kind: str) -> float:
    return next(value for beginning, value in table.items() if kind.startswith(beginning))


def _weights_bytes(cell: Cell) -> int:
    """A saved model's size, roughly: its table of tokens is most of it."""
    if cell.training is None:
        return 0
    settings = cell.training.first
    return 4 * (int(settings["vocabulary"]) * int(settings["width"]) if settings.get("from_scratch") else _WEIGHTS)


def _work_size(cells: Sequence[Cell], at_once: int) -> int:
    """What trainings under way need at most: the model, and two checkpoints with the state of the optimizer."""
    largest = max((_weights_bytes(cell) for cell in cells), default=0)
    return at_once * largest * (2 + 2 * 3)
