"""The work on a cell: train what is not trained, measure what is not measured, keep the results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from beir_hybrid.evaluation.kept_runs import RUNS_FILE
from beir_hybrid.progress import tell
from beir_hybrid.published.languages import languages as known_languages
from beir_hybrid.studies.inputs import complete_settings
from beir_hybrid.studies.plan import TrainingPlan
from beir_hybrid.studies.store import Job

KEPT_HITS = 10
"""Passages kept of every query of a dense retriever: what the shares of languages are measured on."""


def perform(job: Job, begins: Callable[[], object]) -> None:
    """Do what is missing of a cell; interrupted at any point, the next call goes on from there.

    Args:
        begins: is called when no other process works on the cell any more.

    Raises:
        BeirHybridError: it cannot be trained or measured.
    """
    from filelock import FileLock, Timeout

    job.path.mkdir(parents=True, exist_ok=True)
    # cells can be shared: another study may be working on this very one
    lock = FileLock(job.path / ".lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        tell("waiting for another process that works on the same cell")
        held = lock.acquire()
    with held:
        begins()
        missing = job.missing
        if not missing:
            return
        job.write("cell", {"identity": dict(job.cell.identity), "kind": job.cell.kind})
        if job.cell.training is not None:
            _train(job, job.cell.training)
        for name in missing:
            _measure(job, name)
        job.forget_failure()
        if not job.study.keep_models:
            for folder in (job.models, job.inputs):
                shutil.rmtree(folder, ignore_errors=True)


def _train(job: Job, plan: TrainingPlan) -> None:
    from beir_hybrid.training.config import read_toml
    from beir_hybrid.training.folder import CONFIG_FILE
    from beir_hybrid.training.train import train

    started = time.perf_counter()
    summaries = {}
    for name, config in complete_settings(plan, job.inputs, job.models).items():
        out = Path(config.out or "")
        begun = out / CONFIG_FILE
        if out.exists() and (not begun.exists() or read_toml(begun) != config.to_dict()):
            shutil.rmtree(out)  # begun where the inputs had other paths, or hardly begun
        summaries[name] = vars(train(config, resume=out.exists()))
    begun_with = {key: value for key in ("from_scratch", "model") if (value := getattr(plan.first, key)) is not None}
    record = _training_record(summaries, time.perf_counter() - started)
    job.write("training", {**record, "begun_with": begun_with})


def _training_record(summaries: dict[str, dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What the training of a cell did; of several models the sums, and each below ``models``."""
    kept = {name: {k: v for k, v in one.items() if k != "out"} for name, one in summaries.items()}
    if len(kept) == 1:
        (only,) = kept.values()
        # a training that was interrupted counts its last part alone; so does the clock here
        return {**only, "seconds": round(max(seconds, float(only["seconds"])), 1)}
    return {
        "steps": sum(one["steps"] for one in kept.values()),
        "pairs": sum(one["pairs"] for one in kept.values()),
        "seconds": round(max(seconds, sum(float(one["seconds"]) for one in kept.values())), 1),
        "languages": sorted({code for one in kept.values() for code in one["languages"]}),
        "groups": max(one["groups"] for one in kept.values()),
        "models": kept,
    }


def _measure(job: Job, name: str) -> None:
    from beir_hybrid.errors import ResultsError
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.studies.contents import load_evaluated

    evaluation, folder = job.cell.evaluations[name], job.results(name)
    dataset = load_evaluated(evaluation)
    retriever = _retriever(job)
    tell(f"measuring on {evaluation.dataset}")
    options: dict[str, Any] = {
        "settings": evaluation.settings,
        "metrics": evaluation.metrics,
        "top_k": evaluation.top_k or (KEPT_HITS if retriever.bind(dataset).depth is None else None),
        "name": f"cell-{job.cell.digest[:12]}",  # the same for every study that has this cell
        "out": folder,
    }
    try:
        evaluate(dataset, retriever, **options)
    except ResultsError:
        # begun with another model, of a training that was begun anew: nothing in it belongs to this one
        shutil.rmtree(folder, ignore_errors=True)
        evaluate(dataset, retriever, **options)
    if not job.study.keep_runs:
        (folder / RUNS_FILE).unlink(missing_ok=True)


def _retriever(job: Job) -> Any:
    from beir_hybrid.studies.specific import SpecificRetriever

    plan = job.cell.training
    if plan is None:
        return _taken(dict(job.cell.retriever))
    # embeddings of a model that is deleted afterwards are not worth keeping
    made = {name: partial(_dense, job.models / name) for name in plan.trainings}
    if not plan.specific:
        return made.popitem()[1]()
    facts = known_languages()
    largest = max(plan.trainings, key=lambda code: (facts[code].cc100_gib if code in facts else -1, code))
    return SpecificRetriever(made, largest)


def _dense(folder: Path) -> Any:
    from beir_hybrid.retrieval.recognise import build_retriever

    return build_retriever("dense", folder, cache=False)


def _taken(given: dict[str, Any]) -> Any:
    """A model or BM25 as a study that trains nothing names it."""
    from beir_hybrid.retrieval.recognise import as_retriever, build_retriever

    if "bm25" in given:
        return build_retriever("bm25", variant=given.pop("bm25"), **given)
    model = given.pop("model")
    return build_retriever("dense", model, **given) if given else as_retriever(model)
