"""Files that a cell's trainings need and nobody has yet: a part of the groups, a tokenizer, unlabelled text."""

from __future__ import annotations

import hashlib
import heapq
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.progress import tell
from beir_hybrid.studies.contents import languages_of, records_of
from beir_hybrid.studies.plan import TrainingPlan
from beir_hybrid.studies.texts import write_text
from beir_hybrid.training.config import TrainConfig


def complete_settings(plan: TrainingPlan, folder: Path, models: Path) -> dict[str, TrainConfig]:
    """The settings of every training of a cell; files that are not yet in ``folder`` are made there."""
    folder.mkdir(parents=True, exist_ok=True)
    groups, tokenizer = plan.groups, None
    if plan.sources or plan.count is not None:
        groups = str(folder / "groups.jsonl")
        if not Path(groups).exists():
            _write_groups(plan, Path(groups))
    # with a leak check each training has groups of its own
    if plan.first.from_scratch is not None and not plan.first.leak_check:
        tokenizer = str(folder / "tokenizer.json")
        if not Path(tokenizer).exists():
            _write_tokenizer(plan, groups, Path(tokenizer))
    found = {}
    for name, settings in plan.trainings.items():
        text = folder / f"{name}.txt"
        if name in plan.text and not text.exists():
            write_text(plan.text[name], groups, text)
        pretrain = (str(text),) if name in plan.text else None
        found[name] = replace(
            settings,
            out=str(models / name),
            groups=groups,
            tokenizer=tokenizer,
            vocabulary=None if tokenizer else settings.vocabulary,
            pretrain_text=pretrain,
        )
    return found


def _write_tokenizer(plan: TrainingPlan, groups: str, path: Path) -> None:
    """One for all models of a cell."""
    from beir_hybrid.training.data import training_groups
    from beir_hybrid.training.leak import texts_of_groups
    from beir_hybrid.training.scratch import train_tokenizer

    train_groups = training_groups(replace(plan.first, groups=groups), "train")
    texts = (one.text for one in texts_of_groups(train_groups, "train", plan.languages) if one.side != "negative")
    tell("training the tokenizer")
    tokenizer = train_tokenizer(texts, plan.first.value("vocabulary"))
    with written_whole(path) as part:
        tokenizer.save(str(part))


def _write_groups(plan: TrainingPlan, path: Path) -> None:
    """Groups of the chosen sources: all validation groups, and the chosen number of training groups in their order."""
    chosen = set(plan.languages)

    def is_trained_on(record: dict[str, Any]) -> bool:
        return record.get("split") in (None, "train")

    def is_wanted(record: dict[str, Any]) -> bool:
        of_source = not plan.sources or record.get("source") in plan.sources
        return of_source and (plan.count is None or not is_trained_on(record) or bool(languages_of(record) & chosen))

    def draw(record: dict[str, Any]) -> tuple[bytes, str]:
        """Where a group stands in the order of a seed: the same whatever other groups there are."""
        name = str(record["id"])
        return hashlib.blake2b(f"{plan.first.seed} {name}".encode(), digest_size=8).digest(), name

    training = (each for each in records_of(plan.groups) if is_trained_on(each) and is_wanted(each))
    drawn = None if plan.count is None else {name for _, name in heapq.nsmallest(plan.count, map(draw, training))}
    with written_whole(path) as part, part.open("w", encoding="utf-8") as out:
        for record in records_of(plan.groups):
            if is_wanted(record) and (drawn is None or not is_trained_on(record) or str(record["id"]) in drawn):
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
