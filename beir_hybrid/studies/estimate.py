"""What a study will take: time and disk of the missing cells, from those that are done, else roughly."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from beir_hybrid.errors import StudyError
from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.store import Store

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


def cost_words(cells: Sequence[Cell], store: Store, at_once: int, keep_models: bool, keep_runs: bool) -> list[str]:
    """What some cells will take, by what finished ones of their kind took: a line on time and one on disk."""
    if not cells:
        return []
    pairs, datasets, sizes = _measured(store)
    size = statistics.median(sizes) if sizes else _RESULTS_BYTES + keep_runs * _RUNS_BYTES
    seconds = disk = 0.0
    rough = 0
    for cell in cells:
        trained = cell.training.pairs if cell.training else 0
        known = [pairs.get(cell.kind)] if trained else []
        known += [datasets.get((cell.kind, each.evaluation.dataset)) for each in cell.evaluations]
        guesses = [_rough(_PAIR_SECONDS, cell.kind)] if trained else []
        guesses += [_rough(_EVALUATION_SECONDS, cell.kind) for _ in cell.evaluations]
        each = [statistics.median(own) if own else guess for own, guess in zip(known, guesses, strict=True)]
        seconds += _START + sum(each) + (each[0] * (trained - 1) if trained else 0.0)
        rough += not all(known)
        models = len(cell.training.trainings) if keep_models and cell.training else 0
        disk += size * len(cell.evaluations) + models * _weights_bytes(cell)
    basis = "measured on cells like them" if not rough else f"rough for {rough} of them: none like them is done yet"
    # trainings under way need the model, and two checkpoints with the state of the optimizer
    meanwhile = at_once * 8 * max(map(_weights_bytes, cells))
    return [
        f"time: about {duration(seconds / at_once)} with {at_once} at a time ({basis})",
        f"disk: about {disk / 1e6:,.0f} MB more, and {meanwhile / 1e6:,.0f} MB meanwhile",
    ]


def _measured(store: Store) -> tuple[dict[str, list[float]], dict[tuple[str, str], list[float]], list[int]]:
    """Of the finished cells: seconds a pair by kind of encoder, seconds by kind and data set, bytes of results."""
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
    return pairs, datasets, sizes


def _rough(table: Mapping[str, float], kind: str) -> float:
    return next(value for beginning, value in table.items() if kind.startswith(beginning))


def _weights_bytes(cell: Cell) -> int:
    """A saved model's size, roughly: its table of tokens is most of it."""
    if cell.training is None:
        return 0
    config = cell.training.first
    return 4 * (config.vocabulary * config.width if config.from_scratch else _WEIGHTS)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
