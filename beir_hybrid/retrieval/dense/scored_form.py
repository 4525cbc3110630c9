"""From vectors as a model gives them to vectors as they are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from beir_hybrid.errors import RetrieverError
from beir_hybrid.neutralize.geometry import unit
from beir_hybrid.progress import counted
from beir_hybrid.records import FloatArray


@dataclass(frozen=True)
class ScoredForm:
    """Changed, cut and of the length that the similarity wants; row by row the same, whatever other rows there are.

    Args:
        name: whose vectors they are, for messages.
        similarity: ``cosine`` gives them unit length, ``dot`` leaves them.
        truncate_dim: keeps only the first so many values.
        change: what is done to whole vectors [n, d] first, such as removing what is language in them.
    """

    name: str
    similarity: str
    truncate_dim: int | None = None
    change: Callable[[FloatArray], FloatArray] | None = None

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Vectors [n, d], the same ones where nothing is to be changed.

        Raises:
            RetrieverError: there are fewer values than ``truncate_dim``.
        """
        if self.change is not None:
            vectors = self.change(vectors)
        if self.truncate_dim is not None and len(vectors):
            if self.truncate_dim > vectors.shape[1]:
                raise RetrieverError(
                    f"{self.name} gives vectors of {counted(vectors.shape[1], 'dimension', 'dimensions')}; "
                    f"truncate_dim {self.truncate_dim} is more than there are"
                )
            vectors = np.ascontiguousarray(vectors[:, : self.truncate_dim])
        if self.similarity == "cosine":
            vectors = unit(vectors)
        return vectors
