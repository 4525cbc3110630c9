"""The folder of a training, which is its settings and its data: whose it is, what it is made of, how far it is."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import fingerprint_of, sha256_of, write_json, written_whole
from beir_hybrid.errors import TrainingError
from beir_hybrid.progress import tell
from beir_hybrid.training.checkpoints import is_whole, newest_checkpoint, state_of
from beir_hybrid.training.config import TrainConfig, default_of, read_toml

CONFIG_FILE = "train.toml"
INPUTS_FILE = "train_inputs.json"
LEAK_FILE = "leak_report.json"
LOG_FILE = "train_log.json"
SUMMARY_FILE = "train_summary.json"
_PATHS = ("groups", "dev_groups", "pairs", "model", "tokenizer", "pretrain_text", "lexicon", "data_dir", "out")
"""Settings that say where something is: what counts is what is there."""
_FREE = (*_PATHS, "workers")
"""Those, and what does not change what is trained."""


class TrainFolder:
    """The output folder of a training, and ``work`` in it, which is gone when the training is done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.checkpoints = self.work / "checkpoints"
        self.data = self.work / "data"
        self.prepared = self.work / "prepared.json"
        """Ids of the groups of each part that are left out, written as the last step of the preparation."""

    def is_done(self, config: TrainConfig, inputs: dict[str, Any], *, resume: bool) -> bool:
        """Whether this very training is already done here; if it can neither be returned nor begin, say why.

        Raises:
            TrainingError: the folder holds something else, a training of other settings or data, or an unfinished one
                without ``resume``.
        """
        finished = (self.path / SUMMARY_FILE).exists()
        ours = (self.path / CONFIG_FILE).exists()
        if ours and (finished or self._is_under_way()):
            if differing := self._differing(config, inputs):
                raise TrainingError(f"{self.path} holds another training: {'; '.join(differing)}; choose another --out")
            if not finished and not resume and newest_checkpoint(self.checkpoints) is not None:
                raise TrainingError(
                    f"{self.path} holds an unfinished training; go on with --resume, or choose another --out"
                )
            if finished:  # killed after the summary was written
                shutil.rmtree(self.work, ignore_errors=True)
            return finished
        # a training that stopped before its first checkpoint left nothing worth keeping: any may take its place
        kept = {CONFIG_FILE, INPUTS_FILE, LEAK_FILE, self.work.name} if ours else {LEAK_FILE}
        if self.path.exists() and not self.path.is_dir():
            raise TrainingError(f"{self.path} is a file; choose a folder as --out")
        if self.path.exists() and any(path.name not in kept for path in self.path.iterdir()):
            raise TrainingError(f"{self.path} exists and holds no training; choose another --out")
        if resume:
            tell(f"{self.path} holds no checkpoint; the training begins from the start")
        return False

    @contextlib.contextmanager
    def preparing(self, config: TrainConfig, inputs: dict[str, Any]) -> Iterator[bool]:
        """Whether the training has to be prepared; a preparation that fails leaves a report of leaks at most."""
        if self.prepared.exists() and not self._differing(config, inputs):
            yield False
            return
        new = not self.path.exists()
        try:
            shutil.rmtree(self.work, ignore_errors=True)
            (self.path / LEAK_FILE).unlink(missing_ok=True)
            # first of all: whose folder this is stands in it from the beginning
            with written_whole(self.path / CONFIG_FILE) as part:
                part.write_text(config.to_toml(), encoding="utf-8")
            write_json(self.path / INPUTS_FILE, inputs)
            self.work.mkdir()
            yield True
        except Exception:
            shutil.rmtree(self.work, ignore_errors=True)
            for name in (CONFIG_FILE, INPUTS_FILE):
                (self.path / name).unlink(missing_ok=True)
            if new and self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()
            raise

    def checkpoint_to_resume(self) -> Path | None:
        """The newest whole checkpoint, which now names the best one where it is: the folder may have moved.

        Raises:
            TrainingError: the best checkpoint is not there any more.
        """
        checkpoint = newest_checkpoint(self.checkpoints)
        state = state_of(checkpoint) if checkpoint else {}
        best = state.get("best_model_checkpoint")
        if checkpoint is None or best is None:
            return checkpoint
        here = self.checkpoints / Path(best).name
        if not is_whole(here):
            raise TrainingError(
                f"{here}, the best checkpoint so far, is gone; put it back, or choose another --out to begin anew"
            )
        write_json(checkpoint / "trainer_state.json", {**state, "best_model_checkpoint": str(here)})
        return checkpoint

    def publish(self, ready: Path, summary: dict[str, Any]) -> None:
        """Move what is ready into place, then write the summary, which says that all is there.

        Raises:
            TrainingError: the folder has moved away while the training ran.
        """
        if not (self.path / CONFIG_FILE).exists():
            raise TrainingError(
                f"{self.path} is not the folder any more that the training began in; the model is in {ready}. Move "
                "what belongs together back there and go on with --resume"
            )
        for path in ready.iterdir():
            target = self.path / path.name
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
        write_json(self.path / SUMMARY_FILE, summary)
        shutil.rmtree(self.work, ignore_errors=True)

    def _is_under_way(self) -> bool:
        pretraining = any((self.work / name).exists() for name in ("pretraining", "pretrained"))
        return pretraining or newest_checkpoint(self.checkpoints) is not None

    def _differing(self, config: TrainConfig, inputs: dict[str, Any]) -> list[str]:
        """What of settings and inputs is not as it was, with both values."""
        record, settings = self.path / INPUTS_FILE, config.to_dict()
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        before = {**read_toml(self.path / CONFIG_FILE), **dict.fromkeys(_FREE), **known}
        now = {**settings, **dict.fromkeys(_FREE), **inputs}
        where = {key: f" ({settings[key]})" for key in _PATHS if key in settings}
        return [
            f"{key}{where.get(key, '')} was {_shown(key, before)} and is now {_shown(key, now)}"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]


def digest_of(path: Path) -> str:
    """A digest of a file, or of all files in a folder with their names."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return fingerprint_of(part for file in files for part in (str(file.relative_to(path)), sha256_of(file)))
    return sha256_of(path)


def _shown(key: str, values: dict[str, Any]) -> str:
    value = values.get(key)
    if value is None and hasattr(TrainConfig, key):
        value = default_of(key)
    return f"{value[:12]}…" if isinstance(value, str) and len(value) >= 30 else str(value)
