"""Files that cells share: made by the cell that first needs them, while the others wait."""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.progress import tell
from beir_hybrid.studies.contents import languages_of, records_of
from beir_hybrid.studies.job import Job
from beir_hybrid.studies.plan import GroupsSubset, TrainingPlan
from beir_hybrid.studies.texts import write_text


def shared_groups(job: Job, plan: TrainingPlan) -> str:
    """The training groups of a cell: the file itself, or the part of it that the cell trains on."""
    if plan.subset.everything:
        return plan.groups
    path = job.shared / "groups" / f"{plan.groups_digest}.jsonl"
    with _made_once(job, path) as missing:
        if missing:
            _write_subset(plan.groups, plan.subset, path)
    return str(path)


def shared_tokenizer(job: Job, plan: TrainingPlan, groups: str) -> str | None:
    """The tokenizer of a model from scratch; None where there is none to share."""
    if plan.vocabulary is None:
        return None
    path = job.shared / "tokenizers" / f"{plan.tokenizer_digest}.json"
    with _made_once(job, path) as missing:
        if missing:
            _write_tokenizer(plan, groups, path)
    return str(path)


def shared_text(job: Job, plan: TrainingPlan, model: str) -> str | None:
    """The unlabelled text that a model is pretrained on; None without."""
    if model not in plan.text:
        return None
    path = job.shared / "texts" / f"{plan.text_digests[model]}.txt"
    with _made_once(job, path) as missing:
        if missing:
            write_text(plan.text[model], path)
    return str(path)


@contextlib.contextmanager
def _made_once(job: Job, path: Path) -> Iterator[bool]:
    """Whether a file is missing; while another cell makes it this one waits, which is said and is none of its time."""
    from filelock import FileLock, Timeout

    if path.exists():
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(f"waiting for another cell that makes {path.name}")
        job.folder.pause()
        lock.acquire()
        job.folder.begin()
    try:
        yield not path.exists()
    finally:
        lock.release()


def _write_tokenizer(plan: TrainingPlan, groups: str, path: Path) -> None:
    from beir_hybrid.training.data import texts_of, training_groups
    from beir_hybrid.training.scratch import train_tokenizer

    train_groups = training_groups(replace(plan.first, groups=groups, pretrain_text=None), "train")
    tell("training the tokenizer")
    tokenizer = train_tokenizer(texts_of(train_groups, plan.languages), plan.vocabulary or 0)
    with written_whole(path) as part:
        tokenizer.save(str(part))


def _write_subset(groups: str, subset: GroupsSubset, path: Path) -> None:
    """Groups of the chosen sources: all validation groups, and the chosen number of training groups in their order."""

    def is_of(record: dict[str, Any]) -> bool:
        return not subset.sources or record.get("source") in subset.sources

    def is_eligible(record: dict[str, Any]) -> bool:
        return is_of(record) and (not subset.languages or bool(languages_of(record) & set(subset.languages)))

    def draw(record: dict[str, Any]) -> tuple[bytes, str]:
        """Where a group stands in the order of a seed: the same whatever other groups there are."""
        name = str(record["id"])
        return hashlib.blake2b(f"{subset.seed} {name}".encode(), digest_size=8).digest(), name

    training = (each for each in records_of(groups) if each.get("split") in (None, "train") and is_eligible(each))
    drawn = None if subset.count is None else {name for _, name in heapq.nsmallest(subset.count, map(draw, training))}
    with written_whole(path) as part, part.open("w", encoding="utf-8") as out:
        for record in records_of(groups):
            wanted = is_of(record)
            if record.get("split") in (None, "train"):
                wanted = is_eligible(record) and (drawn is None or str(record["id"]) in drawn)
            if wanted:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
