"""What models compute of texts, kept on disk by content: arrays of any shape a text, in chunks of many texts.

For learned sparse and multi-vector models, whose texts have no vector of one length. A chunk is written whole or not at
all, so an interrupt loses the chunk under way; equal chunks of another corpus are found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt

from beir_hybrid.disk.arrays import opened_arrays, write_arrays
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import RetrieverError

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
CHUNK = 256
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
            with opened_arrays(path) as kept:
                return dict(kept)
        except FileNotFoundError:
            made = compute(texts)
        except ValueError as error:
            raise RetrieverError(f"{error}; delete it, its texts are then computed again") from error
        write_arrays(path, made)
        return made
