"""What a training says while it runs: a bar or a line every half minute on stderr, nothing on stdout."""

from __future__ import annotations

import contextlib
import functools
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from transformers import TrainerCallback

from beir_hybrid.progress import Progress, no_bars, tell


class ProgressLine(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """How far the training is, with the losses by kind of batch, and a line for every validation."""

    def __init__(self, doing: str = "training") -> None:
        self._doing = doing
        self._shown: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._shown = Progress(self._doing, state.max_steps, "step", done=state.global_step)
            self._step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._shown is not None:
            self._shown.advance(state.global_step - self._step)
            self._step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if self._shown is None or not logs:
            return
        losses = [f"{key} {logs[key]:.3f}" for key in ("loss", "loss_mono", "loss_cross") if key in logs]
        if losses:
            self._shown.advance(0, note=", ".join(losses))
        if validated := measured(logs):
            text = ", ".join(f"{key} {value:.4g}" for key, value in validated.items())
            tell(f"step {state.global_step:,}: validation {text}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.end()

    def end(self) -> None:
        """Say no more; also of a training that failed, which has no end of its own."""
        if self._shown is not None:
            self._shown.close()
            self._shown = None


def measured(logs: dict[str, Any]) -> dict[str, float]:
    """What a validation has measured of the model, among all that the trainer logs of it."""
    ours = (key for key in logs if key.startswith("eval_"))
    return {
        key.removeprefix("eval_"): logs[key]
        for key in ours
        if not key.endswith(("runtime", "per_second", "preparation_time"))
    }


@contextlib.contextmanager
def quiet_hosts(*, first: bool) -> Iterator[None]:
    """Only what concerns the user, meanwhile: no bars or reports of the host libraries, the plugin's warnings once.

    Args:
        first: whether this is the first process; the others say nothing.
    """
    import datasets
    from transformers.utils import logging as reports

    plugin, models = (logging.getLogger(name) for name in ("st_hybrid_batch", "sentence_transformers"))
    told, handlers, propagate, level = reports.get_verbosity(), plugin.handlers, plugin.propagate, models.level
    bars = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    reports.set_verbosity_error()
    models.setLevel(logging.ERROR)
    plugin.handlers, plugin.propagate = [_Once() if first else logging.NullHandler()], False
    try:
        with no_bars(), warnings.catch_warnings():
            # of accelerate, and of torch when passages are gathered
            warnings.filterwarnings("ignore", category=FutureWarning)
            yield
    finally:
        plugin.handlers, plugin.propagate = handlers, propagate
        models.setLevel(level)
        reports.set_verbosity(told)
        if bars:
            datasets.enable_progress_bars()


class _Once(logging.Handler):
    """Writes every message once: a sampler is built anew for every validation."""

    def __init__(self) -> None:
        super().__init__()
        self._tell = functools.cache(tell)

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())
