"""What a training says while it runs: one bar and short lines on stderr, nothing on stdout."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

from transformers import PrinterCallback, ProgressCallback, TrainerCallback


class ProgressLine(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """A progress bar with the losses by kind, and a line for every validation."""

    def __init__(self, doing: str = "training") -> None:
        self._doing = doing
        self._bar: Any = None
        self._told = 0

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
            # no terminal, no bar: some twenty lines over the training, so that a log file shows that it goes on
            if self._bar.disable and state.global_step - self._told >= state.max_steps / 20:
                self._told = state.global_step
                text = ", ".join(f"{key} {value:.3f}" for key, value in shown.items())
                self._say(f"{self._doing} step {state.global_step:,} of {state.max_steps:,}: {text}")
        validated = {k.removeprefix("eval_"): v for k, v in logs.items() if k.startswith("eval_") and _wanted(k)}
        if validated:
            # a loss and a ranking are logged one after the other: one line each
            text = ", ".join(f"{key} {value:.4g}" for key, value in validated.items())
            self._say(f"step {state.global_step:,}: validation {text}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, line: str) -> None:
        # above the bar, not through it
        self._bar.write(line, file=sys.stderr)


def _wanted(key: str) -> bool:
    return not key.endswith(("runtime", "per_second", "preparation_time"))


def only_ours(trainer: Any) -> None:
    """Take the trainer's own reporters away: they print to stdout."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)


def quiet_hosts(*, first: bool) -> None:
    """Only what concerns the user: no bars or reports of the host libraries, the plugin's warnings once.

    Args:
        first: whether this is the first process; the others say nothing.
    """
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning, module="accelerate")
    plugin = logging.getLogger("st_hybrid_batch")
    plugin.handlers = [_Once() if first else logging.NullHandler()]
    plugin.propagate = False


class _Once(logging.Handler):
    """Writes every message once: a sampler is built anew for every validation."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._said:
            self._said.add(message)
            sys.stderr.write(f"{message}\n")
