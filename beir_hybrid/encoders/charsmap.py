"""SentencePiece's normalisation as ``tokenizers`` reads it: a double-array trie of what is replaced with what.

The form is that of Darts-clone, as in ``precompiled_charsmap`` of a SentencePiece model: the trie's size in bytes, its
32-bit units, the replacements, each ended by a zero. A unit holds the byte that leads to it (bits 0-7), whether a key
ends there (bit 8), and from bit 10 what its own place is XORed with to find its children's block; where a key ends,
the block's first unit is the place of its replacement with bit 31 set.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import numpy as np

_BLOCK = 256
"""Every node with children has a block of its own: a megabyte more than packed tightly, and nothing to search for."""
_LONGEST_CLUSTER = 5
"""Bytes: ``tokenizers`` looks up a letter and its marks together only if they are shorter than 6."""


def precompiled(rules: Mapping[str, str]) -> bytes:
    """The rules (text to its replacement, no text empty) in the form above.

    Where several fit, ``tokenizers`` takes the shortest.
    """
    replacements = bytearray()
    nodes: list[dict[int, int]] = [{}]  # byte -> node
    ends: dict[int, int] = {}
    for key in sorted(rules):
        node = 0
        for byte in key.encode():
            if byte not in nodes[node]:
                nodes[node][byte] = len(nodes)
                nodes.append({})
            node = nodes[node][byte]
        ends[node] = len(replacements)
        replacements += rules[key].encode() + b"\0"
    # the root is the first unit, and its block begins there too; nodes without children have one unit behind all blocks
    inner = [number for number, children in enumerate(nodes) if children]
    leaves = [number for number, children in enumerate(nodes) if not children]
    begins = {number: _BLOCK * at for at, number in enumerate(inner)}
    begins |= {number: _BLOCK * len(inner) + at for at, number in enumerate(leaves)}
    units = np.zeros(_BLOCK * (len(inner) + len(leaves) // _BLOCK + 1), "<u4")
    for number, begin in begins.items():
        for byte, child in nodes[number].items():
            place = begin ^ byte
            units[place] = byte | (child in ends) << 8 | (place ^ begins[child]) << 10
        if number in ends:
            units[begin] = 1 << 31 | ends[number]
    return np.array([units.nbytes], "<u4").tobytes() + units.tobytes() + bytes(replacements)


def with_joined_marks(rules: Mapping[str, str]) -> dict[str, str]:
    """Rules for single characters, and those that join a letter and all its marks to the one character of NFC.

    As SentencePiece does: a letter that holds some of its marks and is followed by another is left as it is.
    """
    old = unicodedata.ucd_3_2_0  # in every Python, so that all make the same; no later version adds a short one
    joined = dict(rules)
    for letter in map(chr, range(0x10000)):
        apart = old.normalize("NFD", letter)
        short = len(apart) > 1 and len(apart.encode("utf-8", "surrogatepass")) <= _LONGEST_CLUSTER
        if short and letter not in rules and old.normalize("NFC", apart) == letter:
            joined[apart] = letter
    return joined
