"""Vectors as one byte a value: each dimension has a range of its own, taken from a sample of the corpus and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.arrays import mapped_array, write_array
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, IntArray

SAMPLE = 4096
"""Passages a calibration looks at."""
_LEVELS = 255


def sampled(size: int) -> IntArray:
    """Which of ``size`` passages a calibration looks at: evenly spread, always the same."""
    n = min(size, SAMPLE)
    return np.arange(n, dtype=np.int64) * size // max(1, n)


@dataclass(frozen=True, eq=False)
class Scale:
    """What a byte means: value = lowest + (byte + 128) * step, for each dimension.

    Args:
        lowest: float32 [d].
        step: float32 [d]; a 255th of the dimension's range in the sample. Values beyond the range are cut to it.
    """

    lowest: FloatArray
    step: FloatArray

    @classmethod
    def of_sample(cls, vectors: FloatArray) -> Scale:
        """The scale of a sample [n, d], n at least 1.

        Raises:
            RetrieverError: the range of a dimension is beyond float32.
        """
        lowest = vectors.min(axis=0)
        with np.errstate(over="ignore"):
            step = (vectors.max(axis=0) - lowest) / np.float32(_LEVELS)
        if not np.isfinite(step).all():
            raise RetrieverError("a vector has values too far apart for int8; keep them as float32")
        return cls(lowest, step)

    def packed(self, vectors: FloatArray) -> npt.NDArray[np.int8]:
        """Vectors [n, d] as bytes: the nearest level."""
        step = np.where(self.step > 0, self.step, np.float32(1))  # a dimension that never changes
        levels = np.rint((vectors - self.lowest) / step)
        return (np.clip(levels, 0, _LEVELS) - 128).astype(np.int8)

    def unpacked(self, packed: npt.NDArray[Any]) -> FloatArray:
        """What bytes [n, d] stand for, float32."""
        values = packed.astype(np.float32)
        values += np.float32(128)
        values *= self.step
        values += self.lowest
        return values

    def write(self, path: Path) -> None:
        """Lowest values and steps as one array in a ``.npy`` file."""
        write_array(path, np.stack([self.lowest, self.step]))

    @classmethod
    def read(cls, path: Path) -> Scale:
        """
        Raises:
            RetrieverError: the file is damaged.
        """
        try:
            found = mapped_array(path)
            if found.dtype != np.float32 or found.ndim != 2 or len(found) != 2:
                raise ValueError(f"{found.dtype} {found.shape}, expected float32 (2, dimension)")
        except (ValueError, OSError) as error:
            raise RetrieverError(
                f"{path} is damaged ({error}); delete the folder {path.parent}, its texts are then encoded again"
            ) from error
        return cls(found[0], found[1])
