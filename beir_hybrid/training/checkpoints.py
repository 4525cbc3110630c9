"""Checkpoints of a trainer: which of them are whole, and how a training goes on from one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def newest_checkpoint(folder: Path, processes: int | None = None) -> Path | None:
    """The newest checkpoint in a folder that was written whole; ``processes`` as in `is_whole`."""
    found = [path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit() and is_whole(path, processes)]
    return max(found, key=lambda path: int(path.name[11:]), default=None)


def is_whole(checkpoint: Path, processes: int | None = None) -> bool:
    """Whether a checkpoint was written whole, by every process.

    Args:
        checkpoint: its folder.
        processes: how many trained; None: as many as the sampler's settings say, which come last of all files.
    """
    try:
        state_of(checkpoint)
        settings = checkpoint / "hybrid_batches.json"
        processes = processes or int(json.loads(settings.read_text(encoding="utf-8"))["world_size"])
    except (OSError, ValueError, KeyError):
        return False
    names = [f"rng_state_{rank}.pth" for rank in range(processes)] if processes > 1 else ["rng_state.pth"]
    return all((checkpoint / name).exists() for name in names)


def state_of(checkpoint: Path) -> dict[str, Any]:
    """The trainer's state."""
    state: dict[str, Any] = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return state


def train_from(trainer: Any, checkpoint: Path | None) -> None:
    """Train, from a checkpoint on if there is one; what is said of it is ours alone, and ends with it however it ends.

    Of a training that had come to its end only the end is done again, where the trainer would make one more step.
    """
    from transformers import PrinterCallback, ProgressCallback

    from beir_hybrid.training.progress import ProgressLine

    for printing in (PrinterCallback, ProgressCallback):  # to stdout
        trainer.remove_callback(printing)
    stateful = state_of(checkpoint)["stateful_callbacks"] if checkpoint else {}
    if stateful and stateful["TrainerControl"]["args"]["should_training_stop"]:

        def no_more(*_: Any) -> tuple[list[Any], None]:
            trainer.control.should_training_stop = True
            return [], None

        trainer.get_batch_samples = no_more
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        for callback in trainer.callback_handler.callbacks:
            if isinstance(callback, ProgressLine):
                callback.end()
