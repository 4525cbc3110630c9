"""The work on a cell: train what is not trained, measure what is not measured, keep the results."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from beir_hybrid.evaluation.kept_runs import RUNS_FILE
from beir_hybrid.progress import tell
from beir_hybrid.published.languages import languages as known_languages
from beir_hybrid.studies.cells import KEPT_HITS, PlannedEvaluation
from beir_hybrid.studies.job import Job
from beir_hybrid.studies.plan import TrainingPlan
from beir_hybrid.studies.shared_inputs import shared_groups, shared_text, shared_tokenizer


def perform(job: Job) -> None:
    """Do what is missing of a cell; interrupted at any point, the next call goes on from there.

    Raises:
        BeirHybridError: it cannot be trained or measured.
    """
    from filelock import FileLock, Timeout

    job.folder.path.mkdir(parents=True, exist_ok=True)
    # a store can be shared: another study may be working on this very cell
    lock = FileLock(job.folder.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell("waiting for another process that works on the same cell")
        lock.acquire()
    try:
        job.folder.begin()
        missing = [each for each in job.cell.evaluations if not job.folder.is_measured(each.folder)]
        if not missing:
            return
        job.folder.write("cell", job.record)
        if job.cell.training is not None:
            _train(job, job.cell.training)
        for each in missing:
            _measure(job, each)
        job.folder.forget_failure()
        if not job.keep_models:
            shutil.rmtree(job.folder.models, ignore_errors=True)
    finally:
        job.folder.pause()
        lock.release()


def _train(job: Job, plan: TrainingPlan) -> None:
    from beir_hybrid.training.config import read_toml
    from beir_hybrid.training.folder import CONFIG_FILE
    from beir_hybrid.training.train import train

    groups = shared_groups(job, plan)
    tokenizer = shared_tokenizer(job, plan, groups)
    texts = {name: shared_text(job, plan, name) for name in plan.trainings}
    started = time.perf_counter()
    summaries = {}
    for name, settings in plan.trainings.items():
        out, text = job.folder.models / name, texts[name]
        pretrain_text = None if text is None else (text,)
        config = replace(settings, out=str(out), groups=groups, tokenizer=tokenizer, pretrain_text=pretrain_text)
        begun = out / CONFIG_FILE
        if out.exists() and (not begun.exists() or read_toml(begun) != config.to_dict()):
            shutil.rmtree(out)  # begun where shared files had other paths, or hardly begun
        summaries[name] = vars(train(config, resume=out.exists()))
    begun_with = {key: value for key in ("from_scratch", "model") if (value := getattr(plan.first, key)) is not None}
    record = _training_record(summaries, time.perf_counter() - started)
    job.folder.write("training", {**record, "begun_with": begun_with})


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


def _measure(job: Job, planned: PlannedEvaluation) -> None:
    from beir_hybrid.errors import ResultsError
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.studies.contents import load_evaluated

    evaluation = planned.evaluation
    dataset = load_evaluated(evaluation)
    retriever = _retriever(job)
    folder = job.folder.results(planned.folder)
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
    if not job.keep_runs:
        (folder / RUNS_FILE).unlink(missing_ok=True)


def _retriever(job: Job) -> Any:
    from beir_hybrid.studies.specific import SpecificRetriever

    plan = job.cell.training
    if plan is None:
        return _taken(dict(job.cell.retriever or {}))
    # embeddings of a model that is deleted afterwards are not worth keeping
    made = {name: partial(_dense, job.folder.models / name) for name in plan.trainings}
    if not plan.specific:
        return made.popitem()[1]()
    facts = known_languages()
    largest = max(plan.trainings, key=lambda code: (facts[code].cc100_gib if code in facts else -1, code))
    return SpecificRetriever(made, largest, "one model per language")


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
