"""Callbacks for the trainers: monolingual and cross-lingual losses in the logs, settings beside the model."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from st_hybrid_batch.sampler import HybridBatches, HybridBatchSampler

logger = logging.getLogger(__name__)

SETTINGS_FILE = "hybrid_batches.json"
_SETTINGS = ("mono", "cross")


def hybrid_callbacks(loss: nn.Module) -> list[TrainerCallback]:
    """All callbacks of this module, for a trainer's ``callbacks=``; ``loss`` is the one handed to the trainer, the
    outermost one (e.g. the ``MatryoshkaLoss``)."""
    return [BatchLossCallback(loss), SettingsCallback()]


class BatchLossCallback(TrainerCallback):  # type: ignore[misc]
    """Logs the mean training loss of monolingual and of cross-lingual batches.

    ``loss_mono`` and ``loss_cross`` stand beside ``loss`` in the logs, in ``trainer.state.log_history``, and are means
    over all ranks and all such batches since the last log; without a batch, the entry is left out. Integrations such as
    W&B get them only if they run after this callback; the trainer puts them before, so give ``report_to="none"`` and
    pass the integration's callback after this one.

    Args:
        loss: the loss handed to the trainer.
    """

    def __init__(self, loss: nn.Module) -> None:
        self.loss = loss
        self._hook: Any = None
        self._sampler: HybridBatchSampler | None = None
        self._epoch = self._step = self._last = 0
        self._losses: dict[str, tuple[Any, int]] = {}  # sum and number of each setting

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._sampler = find_sampler(kwargs.get("train_dataloader"))
        self._losses.clear()
        self.on_train_end(args, state, control)  # also of a training that failed
        if self._sampler is None:
            logger.warning("batches are not hybrid: batch_sampler= has no HybridBatches, or is ignored, as for streams")
            return
        self._hook = self.loss.register_forward_hook(self._count)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._sampler is None:
            return
        accumulated = args.gradient_accumulation_steps
        updates = -(-len(kwargs["train_dataloader"]) // accumulated)
        self._epoch, seen = divmod(state.global_step, updates)
        # a resumed run has already seen some batches of its epoch
        self._step = self._last = 0 if args.ignore_data_skip else seen * accumulated

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if (batches := self._step - self._last) > args.gradient_accumulation_steps:
            raise ValueError(
                f"the loss was computed {batches} times for {args.gradient_accumulation_steps} batches: give the "
                "callback the loss that the trainer has, the outermost one"
            )
        self._last = self._step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if logs is None or "loss" not in logs or self._sampler is None:
            return
        sums = [[float(each) for each in self._losses.pop(setting, (0.0, 0))] for setting in _SETTINGS]
        totals = torch.tensor(sums, device=args.device)  # (settings, 2)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(totals)
        means = zip(_SETTINGS, totals.tolist(), strict=True)
        told = {f"loss_{setting}": round(total / count, 4) for setting, (total, count) in means if count}
        logs.update(told)
        state.log_history[-1].update(told)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._hook is not None:
            self._hook.remove()

    def _count(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if self._sampler is not None and torch.is_grad_enabled():  # no evaluation
            setting = self._sampler.setting(self._epoch, self._step)
            self._step += 1
            loss = torch.stack(list(output.values())).sum() if isinstance(output, dict) else output
            total, count = self._losses.get(setting, (0.0, 0))
            self._losses[setting] = total + loss.detach().float(), count + 1


class SettingsCallback(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Keeps the sampler's settings with the model.

    They are written as ``hybrid_batches.json`` into every checkpoint and, at the end, into the output folder;
    they stand in the model card among the hyperparameters; and a run that resumes from a checkpoint with
    other settings (or other data, batch size, number of processes) is refused: its batches would be others.
    """

    def __init__(self) -> None:
        self.signature: dict[str, Any] | None = None

    def state(self) -> dict[str, Any]:
        """What transformers keeps of it in a checkpoint."""
        return {"args": {}, "attributes": {"signature": self.signature}}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        sampler = find_sampler(kwargs.get("train_dataloader"))
        if sampler is None:
            return
        stored = state.stateful_callbacks.get(type(self).__name__, {})
        stored = stored[0] if isinstance(stored, list) else stored
        before = stored.get("attributes", {}).get("signature")
        # through JSON, as what is compared with has been
        now = json.loads(json.dumps(sampler.signature()))
        if before is not None and state.global_step > 0:
            differing = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
            if differing:
                listed = "; ".join(f"{key} was {before.get(key)!r}, is {now.get(key)!r}" for key in differing)
                raise ValueError(
                    f"the checkpoint was written with other batch settings: {listed}. Resume with the old settings "
                    f"(they are in the checkpoint's {SETTINGS_FILE}), or start anew"
                )
        self.signature = now

    def on_epoch_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        # not at the beginning of the training: there the trainer's own callback fills the card after this one
        card = getattr(model, "model_card_data", None)
        if self.signature is None or card is None:
            return
        for name in ("all_hyperparameters", "non_default_hyperparameters"):
            getattr(card, name)["batch_sampler"] = f"HybridBatchSampler {json.dumps(self.signature)}"

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._write(Path(args.output_dir) / f"checkpoint-{state.global_step}", state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._write(Path(args.output_dir), state)

    def _write(self, folder: Path, state: Any) -> None:
        if self.signature is not None and state.is_world_process_zero:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f"{SETTINGS_FILE}.part"
            part.write_text(json.dumps(self.signature, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            part.replace(folder / SETTINGS_FILE)


def read_settings(folder: str | Path) -> HybridBatches:
    """The sampler settings kept in a checkpoint or output folder."""
    values = json.loads((Path(folder) / SETTINGS_FILE).read_text(encoding="utf-8"))
    known = HybridBatches().to_dict().keys()
    return HybridBatches.from_dict({key: value for key, value in values.items() if key in known})


def find_sampler(dataloader: Any) -> HybridBatchSampler | None:
    """The hybrid sampler under whatever accelerate put around it, or None."""
    sampler = getattr(dataloader, "batch_sampler", None)
    while sampler is not None and not isinstance(sampler, HybridBatchSampler):
        sampler = getattr(sampler, "batch_sampler", None)
    return sampler
