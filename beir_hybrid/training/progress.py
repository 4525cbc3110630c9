"""What a training says while it runs: one bar and short lines on stderr, nothing on stdout."""

from __future__ import annotations

import sys
from typing import Any

from transformers import PrinterCallback, ProgressCallback, TrainerCallback


class ProgressLine(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """A progress bar with the losses by kind, and a line for every validation."""

    def __init__(self, doing: str = "training") -> None:
        self._doing = doing
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        from tqdm import tqdm

        self._bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc=self._doing, unit="step",
            file=sys.stderr, disable=None, leave=False,
        )  # fmt: skip

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if self._bar is None or not logs:
            return
        shown = {key: logs[key] for key in ("loss", "loss_mono", "loss_cross") if key in logs}
        if shown:
            self._bar.set_postfix({key: f"{value:.3f}" for key, value in shown.items()})
        validated = {k.removeprefix("eval_"): v for k, v in logs.items() if k.startswith("eval_") and _wanted(k)}
        if validated:
            # a loss and a ranking are logged one after the other: one line each
            text = ", ".join(f"{key} {value:.4g}" for key, value in validated.items())
            sys.stderr.write(f"step {state.global_step}: validation {text}\n")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _wanted(key: str) -> bool:
    return not key.endswith(("runtime", "per_second", "preparation_time"))


def only_ours(trainer: Any) -> None:
    """Take the trainer's own reporters away: they print to stdout."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
