"""Run in a process of its own: `beir-hybrid` with these arguments, killed in the middle of something.

``killed.py PLACE N ARGUMENTS``: the process kills itself (SIGKILL) when PLACE is reached for the Nth time. ``loss`` is
a training batch's loss, ``forward`` a training step, ``write`` the writing of a model, ``save`` a checkpoint whose
model is written and whose state is not, ``tokenizer`` the training of the tokenizer. Under torchrun the second process
is the one that dies.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def dying(function: Callable[..., Any], number: int, counts: Callable[[], bool]) -> Callable[..., Any]:
    seen = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += counts()
        if seen == number and os.environ.get("RANK", "1") == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return wrapped


def main(place: str, number: str, *arguments: str) -> int:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import Trainer

    from beir_hybrid.cli import main as command
    from beir_hybrid.training import scratch
    from st_hybrid_batch import MaskedMultipleNegativesRankingLoss

    if place == "loss":
        MaskedMultipleNegativesRankingLoss.forward = dying(
            MaskedMultipleNegativesRankingLoss.forward, int(number), torch.is_grad_enabled
        )
    elif place == "forward":
        Trainer.training_step = dying(Trainer.training_step, int(number), lambda: True)
    elif place == "write":
        SentenceTransformer.save_pretrained = dying(SentenceTransformer.save_pretrained, int(number), lambda: True)
    elif place == "save":
        Trainer._save_rng_state = dying(Trainer._save_rng_state, int(number), lambda: True)
    else:
        scratch.train_tokenizer = dying(scratch.train_tokenizer, int(number), lambda: True)
    return command(arguments)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
