"""What models compute of texts, kept on disk by content: arrays of any shape a text, in chunks of many texts.

For learned sparse and multi-vector models, whose texts have no vector of one length. A chunk is written whole or not at
all, so an interrupt loses the chunk under way; equal chunks of another corpus are found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import fingerprint, written_whole

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
CHUNK = 1024
"""Texts computed between two writes."""


class ArrayCache:
    """Arrays of one model under one prompt.

    Args:
        folder: where the chunks are; None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def chunks(
        self,
        texts: Sequence[str],
        compute: Callable[[Sequence[str]], Arrays],
        progress: Callable[[int], object] = lambda n: None,
    ) -> Iterator[Arrays]:
        """What ``compute`` makes of every chunk of texts, in their order; read where it is there already.

        Args:
            texts: any number of them.
            compute: texts to named arrays.
            progress: called with the number of texts done.
        """
        for begin in range(0, len(texts), CHUNK):
            some = list(texts[begin : begin + CHUNK])
            yield self._chunk(some, compute)
            progress(len(some))

    def _chunk(self, texts: Sequence[str], compute: Callable[[Sequence[str]], Arrays]) -> Arrays:
        if self._folder is None:
            return compute(texts)
        path = self._folder / f"{fingerprint(*texts)}.npz"
        try:
            with np.load(path) as kept:
                return {name: kept[name] for name in kept.files}
        except FileNotFoundError:
            made = compute(texts)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as part, part.open("wb") as out:
            np.savez(out, **dict(made))  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
        return made
