"""Files that cells share: made by the cell that first needs them, while the others wait."""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
from collections.abc import Iterator
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
    path = job.shared / "groups" / f"{job.groups}.jsonl"
    with _made_once(path) as missing:
        if missing:
            _write_subset(plan.groups, plan.subset, path)
    return str(path)


def shared_tokenizer(job: Job, plan: TrainingPlan, groups: str) -> str | None:
    """The tokenizer of a model from scratch; None where there is none to share."""
    if plan.vocabulary is None:
        return None
    path = job.shared / "tokenizers" / f"{job.tokenizer}.json"
    with _made_once(path) as missing:
        if missing:
            _write_tokenizer(plan, groups, path)
    return str(path)


def shared_text(job: Job, plan: TrainingPlan, model: str) -> str | None:
    """The unlabelled text that a model is pretrained on; None without."""
    if model not in plan.text:
        return None
    path = job.shared / "texts" / f"{(job.texts or {})[model]}.txt"
    with _made_once(path) as missing:
        if missing:
            write_text(plan.text[model], path)
    return str(path)


@contextlib.contextmanager
def _made_once(path: Path) -> Iterator[bool]:
    """Whether a file is missing, with everybody else who needs it waiting."""
    from filelock import FileLock

    if path.exists():
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield not path.exists()


def _write_tokenizer(plan: TrainingPlan, groups: str, path: Path) -> None:
    from beir_hybrid.training.config import config_from
    from beir_hybrid.training.data import texts_of, training_groups
    from beir_hybrid.training.scratch import train_tokenizer

    any_training = next(iter(plan.trainings.values()))
    train_groups = training_groups(config_from({**any_training, "groups": groups, "out": "-"}), "train")
    tell("training the tokenizer")
    tokenizer = train_tokenizer(texts_of(train_groups, plan.languages), plan.vocabulary or 0)
    with written_whole(path) as part:
        tokenizer.save(str(part))


def _write_subset(groups: str, subset: GroupsSubset, path: Path) -> None:
    """Groups of the chosen sources: all validation groups, and the chosen number of training groups in their order."""
    chosen: set[str] | None = None
    if subset.count is not None:
        eligible = (record for record in records_of(groups) if _is_eligible(record, subset))
        keys = ((_draw(subset.seed, str(record["id"])), str(record["id"])) for record in eligible)
        chosen = {key for _, key in heapq.nsmallest(subset.count, keys)}
    with written_whole(path) as part, part.open("w", encoding="utf-8") as out:
        for record in records_of(groups):
            if record.get("split") in (None, "train"):
                wanted = _is_eligible(record, subset) and (chosen is None or str(record["id"]) in chosen)
            else:
                wanted = _is_of(record, subset)
            if wanted:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _is_of(record: dict[str, Any], subset: GroupsSubset) -> bool:
    return not subset.sources or record.get("source") in subset.sources


def _is_eligible(record: dict[str, Any], subset: GroupsSubset) -> bool:
    if record.get("split") not in (None, "train") or not _is_of(record, subset):
        return False
    return not subset.languages or bool(languages_of(record) & set(subset.languages))


def _draw(seed: int, key: str) -> bytes:
    """Where a group stands in the order of a seed: the same whatever other groups there are."""
    return hashlib.blake2b(f"{seed} {key}".encode(), digest_size=8).digest()
