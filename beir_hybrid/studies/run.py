"""Running a study: what is missing of its grid, on an engine, into its folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from beir_hybrid.errors import StudyError, did_you_mean, needs_package
from beir_hybrid.processors import processors
from beir_hybrid.studies.budget import budget_sentence
from beir_hybrid.studies.cells import plan_cells
from beir_hybrid.studies.engines import ENGINES, Engine
from beir_hybrid.studies.estimate import cost_words
from beir_hybrid.studies.outcome import StudyOutcome, duration
from beir_hybrid.studies.store import Job
from beir_hybrid.studies.study import Study
from beir_hybrid.studies.study_folder import StudyFolder
from beir_hybrid.tables import Table, render

Say = Callable[[str], object]


def run_study(
    study: Study,
    out: Path | str,
    *,
    cells: Path | str | None = None,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    say: Say = lambda line: None,
) -> StudyOutcome:
    """Run the cells of a study that are missing or failed, each in a process of its own.

    Args:
        study: of `load_study`.
        out: the folder of the study. Cells that are done there stay as they are.
        cells: a folder of cells that several studies share; default: ``out``, or where they were the last time.
        engine: ``local`` or ``ray``.
        address: of a Ray cluster.
        workers: cells at a time (default: one a GPU, else as many as there are cores).
        say: is told a line for every cell that is over.

    Returns:
        What is known of all cells; one that fails does not stop the others.

    Raises:
        StudyError: a cell that cannot be, a folder of another study, or one in use.
    """
    if engine not in ENGINES:
        raise StudyError(f"unknown engine {engine!r}; {did_you_mean(engine, ENGINES)}")
    check_libraries(study)
    folder = StudyFolder(Path(out), study, None if cells is None else Path(cells))
    with folder.held():
        jobs = folder.jobs(plan_cells(study))
        folder.remember()
        missing = _missing(jobs)
        say(f"{study.name}: {len(jobs)} cells, {sum(not job.missing for job in jobs)} done")
        if missing:
            with make_engine(engine, address, workers, study.limits.threads) as working:
                for line in cost_words(missing, jobs, min(working.workers, len(missing))):
                    say(line)
                _work(missing, working, say)
    return outcome_of(study, jobs)


def read_outcome(
    study: Study, out: Path | str, *, cells: Path | str | None = None, remember: bool = False
) -> StudyOutcome:
    """What is known of a study's cells; nothing is run. ``out`` and ``cells`` are those of `run_study`.

    Args:
        remember: write down in ``out``, where something is known, whose folder it is and where its cells are.

    Raises:
        StudyError: as `run_study`.
    """
    folder = StudyFolder(Path(out), study, None if cells is None else Path(cells))
    outcome = outcome_of(study, folder.jobs(plan_cells(study)))
    if remember and any(cell.results for cell in outcome.cells):
        folder.remember()
    return outcome


def render_plan(study: Study, out: Path, cells: Path | None, workers: int | None) -> str:
    """The grid of a study and what running it would take, as text; nothing is run, fetched or written."""
    jobs = StudyFolder(out, study, cells).jobs(plan_cells(study, download=False))
    outcome = outcome_of(study, jobs)
    here = {each.dataset for job in jobs for each in job.cell.evaluations.values()}
    absent = [each.dataset for each in study.evaluations if each.dataset not in here]
    # a cell that is not to be measured on all is not done, whatever is there
    todo = list({job.path: job for job in jobs}.values()) if absent else _missing(jobs)
    at_once = min(workers or max(1, processors() // study.limits.threads), max(1, len(todo)))
    statuses = [cell.status for cell in outcome.cells]
    done = 0 if absent else statuses.count("done")
    lines = [study.title, f"budget: {outcome.budget}", "", render_grid(outcome), ""]
    lines.append(f"{len(statuses)} cells: {done} done, {statuses.count('failed')} failed, {len(todo)} to run")
    lines += [f"not here yet, fetched when the study runs: {', '.join(absent)}"] if absent else []
    return "\n".join([*lines, *cost_words(todo, [] if absent else jobs, at_once)])


def render_grid(outcome: StudyOutcome) -> str:
    """The grid as text: a row for each combination of factors, a column for each seed."""
    rows: dict[tuple[str, ...], dict[int, str]] = {}
    for cell in outcome.cells:
        rows.setdefault(tuple(map(str, cell.factors.values())), {})[cell.seed] = cell.status
    seeds = list(dict.fromkeys(cell.seed for cell in outcome.cells))
    heads = [*outcome.factors, *(f"seed {seed}" for seed in seeds)]
    cells = [[*labels, *(own.get(seed, "") for seed in seeds)] for labels, own in rows.items()]
    return render([Table("", heads, cells, len(heads))], "table").rstrip()


def _missing(jobs: Sequence[Job]) -> list[Job]:
    """The cells to work on, each content once."""
    return list({job.path: job for job in jobs if job.missing}.values())


def make_engine(
    name: str, address: str | None, workers: int | None, threads: int
) -> contextlib.AbstractContextManager[Engine]:
    """The engine of a name."""
    if name == "ray":
        from beir_hybrid.studies.engines.ray import ray_engine

        return ray_engine(address, workers, threads)
    from beir_hybrid.studies.engines.local import local_engine

    return contextlib.nullcontext(local_engine(workers, threads))


def _work(jobs: Sequence[Job], engine: Engine, say: Say) -> None:
    started, number = time.monotonic(), 0
    with contextlib.closing(engine.events(jobs)) as events:  # type: ignore[type-var]  # it is a generator
        for event, job in events:
            name = job.cell.name
            if event == "begins":
                say(f"{name}: begins, {job.log} has its log")
            elif event == "works":
                say(f"{name}: {last_line(job.log)}")
            else:
                number += 1
                found = job.outcome()
                told = f"done in {duration(found.seconds)}" if found.status == "done" else f"failed: {found.message}"
                left = (time.monotonic() - started) / number * (len(jobs) - number)
                rest = f"; about {duration(left)} left" if number < len(jobs) else ""
                say(f"[{number}/{len(jobs)}] {name}: {told}{rest}")


def last_line(log: Path) -> str:
    """What a cell said last: a training says its step and the time left every half minute."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").split("\n")
    except OSError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing said yet")


def check_libraries(study: Study) -> None:
    """That what the cells, the limits and the report of a study need is there, before hours of training.

    Raises:
        MissingExtraError: a library is not installed.
        BeirHybridError: a model that is registered by name cannot be made.
    """
    from beir_hybrid.encoders import find_encoder, list_encoders

    settings = [study.train or {}, *(value.settings for values in study.factors.values() for value in values)]
    needed = {"pandas": "report", "matplotlib": "report"}
    needed |= {"formulaic": "study"} if study.analysis.get("fit") else {}
    needed |= {"datasets": "train", "accelerate": "train"} if study.train is not None else {}
    needed |= {"peft": "lora"} if any(own.get("lora") for own in settings) else {}
    needed |= {"pyserini": "bm25"} if any("bm25" in own for own in settings) else {}
    for library, extra in needed.items():
        needs_package("this study", library, extra)
    for name in {str(own.get("model")) for own in settings} & set(list_encoders()):
        find_encoder(name)


def outcome_of(study: Study, jobs: Sequence[Job]) -> StudyOutcome:
    """What is known of some cells of a study."""
    return StudyOutcome(
        name=study.name,
        title=study.title,
        question=study.question,
        factors={name: tuple(value.label for value in values) for name, values in study.factors.items()},
        cells=tuple(job.outcome() for job in jobs),
        analysis=study.analysis,
        budget=budget_sentence(study, [job.cell for job in jobs]),
    )
