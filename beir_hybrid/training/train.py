"""Train a retriever with hybrid batches: the stock sentence-transformers trainer with the plugin's parts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from traceback import walk_tb
from typing import Any

from beir_hybrid.disk.files import alone, write_json
from beir_hybrid.errors import BeirHybridError, TrainingError
from beir_hybrid.hosts.model_card import add_to_card, entries
from beir_hybrid.progress import tell
from beir_hybrid.training.checkpoints import train_from
from beir_hybrid.training.config import TrainConfig
from beir_hybrid.training.data import TrainingData, group_source
from beir_hybrid.training.folder import CONFIG_FILE, LOG_FILE, SUMMARY_FILE, TrainFolder
from beir_hybrid.training.models import average, merge_adapters, on_cpu, prompts_of, refuse_diverged
from beir_hybrid.training.prepare import inputs_of, prepare
from beir_hybrid.training.trainer import begun_with, build_trainer

_PATIENCE = timedelta(hours=4)
"""How long processes wait for the first one: a large data set takes a while to prepare."""


class ToldElsewhereError(TrainingError):
    """The first process failed and says why; the others end quietly."""


@dataclass(frozen=True)
class TrainSummary:
    """What a training did. ``pairs`` are the (query, passage) pairs seen, over all processes."""

    out: Path
    steps: int
    pairs: int
    seconds: float
    best_step: int | None
    best_metric: str | None
    best_value: float | None
    validation: dict[str, float]
    losses: dict[str, float]
    alpha: Any
    languages: list[str]
    groups: int
    dropped_groups: int = 0


def train(config: TrainConfig, *, resume: bool = False) -> TrainSummary:
    """Train a model and save it to ``config.out``, an ordinary sentence-transformers folder.

    Under ``torchrun`` or ``accelerate launch`` every process calls this; the first one prepares data and weights.

    Args:
        config: the settings.
        resume: go on from the last checkpoint in ``config.out``.

    Raises:
        TrainingError: unusable settings or data, an output folder of another training, a leak.
        ToldElsewhereError: in the other processes, when the first one failed to prepare.
    """
    if os.environ.get("RANK", "0") == "0":  # at once: the libraries below take seconds to load
        for given in filter(None, (config.groups, config.dev_groups)):
            group_source(given, config)
        tell(f"preparing {config.out}: reading {config.groups}")
    from accelerate import PartialState

    from beir_hybrid.training.progress import quiet_hosts

    # accelerate looks for processes that share CPUs only when told to
    state = PartialState(cpu=on_cpu(), timeout=_PATIENCE)
    started = time.perf_counter()
    folder = TrainFolder(Path(config.out or ""))
    with (
        quiet_hosts(first=bool(state.is_main_process)),
        _plain_errors(folder.path),
        contextlib.ExitStack() as held,
    ):

        def begin() -> tuple[bool, Path | None]:
            busy = f"another process is training into {folder.path}; wait for it, or choose another --out"
            held.enter_context(alone(folder.path, TrainingError, busy, CONFIG_FILE))
            inputs = inputs_of(config)
            if folder.is_done(config, inputs, resume=resume):
                return True, None
            with folder.preparing(config, inputs) as needed:
                if needed:
                    prepare(config, folder, int(state.num_processes))
            return False, folder.checkpoint_to_resume() if resume else None

        done, checkpoint = _first_process_does(state, begin)
        if done:
            return read_summary(folder.path)
        left_out = json.loads(folder.prepared.read_text(encoding="utf-8"))
        data = TrainingData.of(config, folder.data, left_out)
        trainer = build_trainer(config, folder, data, state)
        train_from(trainer, checkpoint)
        if config.lora is not None:
            merge_adapters(trainer.model)
        _first_process_does(state, lambda: refuse_diverged(trainer.model))
        if config.wise_ft is not None:
            average(trainer.model, begun_with(config, folder), config.wise_ft)
        summary = _summary(config, trainer, folder, data, round(time.perf_counter() - started, 1))
        if state.is_main_process:
            _save(config, trainer, folder, data, summary)
        state.wait_for_everyone()
        return summary


def _first_process_does(state: Any, action: Callable[[], Any]) -> Any:
    """What ``action`` returns in the first process, in all of them; if it fails there, all of them end."""
    from accelerate.utils import broadcast_object_list

    told: list[Any] = [False, None]
    try:
        if state.is_main_process:
            told = [True, action()]
    finally:
        # also when it fails, so that no process waits for what will not come
        broadcast_object_list(told)
    if not told[0]:
        raise ToldElsewhereError("the first process could not go on; its message says why")
    return told[1]


@contextlib.contextmanager
def _plain_errors(out: Path) -> Iterator[None]:
    """Errors of the plugin, its hosts, the disk and the device that a user can act on: one line here."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except BeirHybridError:
        raise
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the device is out of memory ({_one_line(error)}); use a smaller --batch-size with "
            "--gradient-accumulation, --mini-batch-size N (the same batch, a part at a time) or --precision bf16, "
            "then go on with --resume"
        ) from error
    except ValueError as error:
        told = _one_line(error)
        for theirs, ours in _OUR_WORDS.items():
            told = told.replace(theirs, ours)
        raise TrainingError(told) from error
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch writes with C++, whose words differ with the place where the disk was full
        of_writer = any(
            frame.f_globals.get("__name__") == "torch.serialization" for frame, _ in walk_tb(error.__traceback__)
        )
        if isinstance(error, RuntimeError) and not of_writer:
            raise
        told = "torch could not read or write it whole" if of_writer else _one_line(error)
        raise TrainingError(
            f"a file could not be read or written while training into {out}: {told}; check the disk (free space, "
            "permissions), then go on with --resume"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


_OUR_WORDS = {
    "per_device_train_batch_size (or per_device_eval_batch_size)": "--batch-size",
    "(alpha=1)": "(--sampling mono)",
    "give negatives=N": "give --negatives N",
    "give ParallelEvaluator fewer groups (max_groups=N)": "give --dev-limit N",
}
"""What the plugin calls a setting, and what it is called here."""


def alpha_text(alpha: Any) -> str:
    """Alpha, or how it moves."""
    if not isinstance(alpha, dict):
        return str(alpha)
    return f"{alpha['start']} to {alpha['end']} ({alpha['schedule']})"


def read_summary(out: Path) -> TrainSummary:
    """The summary of a finished training."""
    values = json.loads((out / SUMMARY_FILE).read_text(encoding="utf-8"))
    return TrainSummary(**{**values, "out": out})


def _summary(
    config: TrainConfig, trainer: Any, folder: TrainFolder, data: TrainingData, seconds: float
) -> TrainSummary:
    from beir_hybrid.training.progress import measured

    state = trainer.state
    best = Path(state.best_model_checkpoint) if state.best_model_checkpoint else None
    best_step = int(best.name.rpartition("-")[2]) if best else None
    logged = [entry for entry in state.log_history if entry.get("step") == best_step] if best else []
    if best and config.wise_ft is not None:  # what is saved is not what was measured
        logged = [trainer.evaluate()]
    last: dict[str, Any] = next((entry for entry in reversed(state.log_history) if "loss" in entry), {})
    return TrainSummary(
        out=folder.path,
        steps=int(state.global_step),
        pairs=_pairs(config, int(state.global_step), data.train.n_groups, int(trainer.args.world_size)),
        seconds=seconds,
        best_step=best_step,
        best_metric=config.best if best else None,
        best_value=float(state.best_metric) if best else None,
        validation={name: float(value) for entry in logged for name, value in measured(entry).items()},
        losses={key: last[key] for key in ("loss", "loss_mono", "loss_cross") if key in last},
        alpha=trainer.args.batch_sampler.to_dict()["alpha"],
        languages=list(data.train.languages),
        groups=data.train.n_groups,
        dropped_groups=len(data.left_out["train"]),
    )


def _save(config: TrainConfig, trainer: Any, folder: TrainFolder, data: TrainingData, summary: TrainSummary) -> None:
    """The model and what is known of its training."""
    ready = folder.work / "model"
    shutil.rmtree(ready, ignore_errors=True)
    trainer.model.save(str(ready))
    if (folder.checkpoints / "hybrid_batches.json").exists():
        shutil.copyfile(folder.checkpoints / "hybrid_batches.json", ready / "hybrid_batches.json")
    digests = {part: each.digest() for part in ("train", "dev") if (each := getattr(data, part)) is not None}
    with (ready / "README.md").open("a", encoding="utf-8") as card:
        card.write(_card_section(summary, prompts_of(trainer.model), digests))
    if summary.validation:
        source = Path(config.dev_groups or config.groups or "groups").name
        add_to_card(ready, entries(source, "dev", "validation", summary.validation, digests.get("dev")))
    write_json(ready / LOG_FILE, trainer.state.log_history)
    folder.publish(ready, {**vars(summary), "out": str(folder.path)})


def _pairs(config: TrainConfig, steps: int, groups: int, processes: int) -> int:
    """The (query, passage) pairs of so many steps: the last step of an epoch takes the batches that are left."""
    batches = groups // (config.batch_size * processes)
    epochs, rest = divmod(steps, -(-batches // config.gradient_accumulation))
    return (epochs * batches + rest * config.gradient_accumulation) * config.batch_size * processes


def _card_section(summary: TrainSummary, prompts: dict[str, str], digests: dict[str, str]) -> str:
    """What the model card says of a training, below what sentence-transformers writes."""
    what = {
        "languages": " ".join(summary.languages),
        "alpha, share of monolingual batches": alpha_text(summary.alpha),
        **{f"prompt of a {role}": _in_cell(prompt) if prompt else "none" for role, prompt in prompts.items()},
        **{f"digest of the {part} data": f"`{digest}`" for part, digest in digests.items()},
    }
    lines = [
        "\n## Hybrid batches\n",
        "Trained by beir-hybrid with batches of monolingual and cross-lingual pairs (arXiv 2408.10536).",
        *("\n| what | value |\n|---|---|", *(f"| {name} | {value} |" for name, value in what.items())),
    ]
    if summary.validation:
        lines.append("\n| on the validation groups | value |\n|---|---|")
        lines += [f"| {name} | {value:.4f} |" for name, value in sorted(summary.validation.items())]
    return "\n".join(lines) + "\n"


def _in_cell(prompt: str) -> str:
    """A prompt as code in a cell of a table, on one line."""
    shown = json.dumps(prompt, ensure_ascii=False)[1:-1].replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"
