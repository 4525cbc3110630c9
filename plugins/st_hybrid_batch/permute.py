"""Permutations that are computed, not stored: a keyed bijection of ``range(n)`` at any position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)
_ROUND_KEYS = np.arange(1, 7, dtype=np.uint64) * _MIX_2


def mix(*words: int | U64 | I64) -> U64:
    """Hash integers (or arrays of them, broadcast) into 64 well-spread bits (the splitmix64 finaliser)."""
    state: U64 = np.zeros(1, dtype=np.uint64)
    for word in words:
        state = state + _GOLDEN + np.asarray(word).astype(np.uint64)
        state = (state ^ (state >> np.uint64(30))) * _MIX_1
        state = (state ^ (state >> np.uint64(27))) * _MIX_2
        state = state ^ (state >> np.uint64(31))
    return state


def permute(position: I64, size: I64, key: U64) -> I64:
    """Where each position of ``range(size)`` goes under the permutation that ``key`` names.

    An alternating Feistel network over a grid ``a x b`` just larger than ``size``, walked until the
    result falls inside (format-preserving encryption, Black and Rogaway 2002). It is a bijection for
    every key, needs no memory, and any position can be asked for alone: this is what lets a run resume
    at any step without replaying the ones before.

    Args:
        position: positions, each in ``[0, size)``; any shape.
        size: domain sizes (at most 2**62), broadcastable to ``position``.
        key: 64-bit keys, broadcastable to ``position``.

    Returns:
        The images, same shape as ``position``; distinct wherever positions of one (size, key) are.
    """
    side = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint64)
    other = (size.astype(np.uint64) + side - np.uint64(1)) // side
    image = _network(position.astype(np.uint64), side, other, key)
    limit = np.broadcast_to(size.astype(np.uint64), image.shape)
    outside = np.nonzero(image >= limit)
    while outside[0].size:
        walked = _network(
            image[outside],
            np.broadcast_to(side, image.shape)[outside],
            np.broadcast_to(other, image.shape)[outside],
            np.broadcast_to(key, image.shape)[outside],
        )
        image[outside] = walked
        still = walked >= limit[outside]
        outside = tuple(axis[still] for axis in outside)
    return image.astype(np.int64)


def _network(value: U64, side: U64, other: U64, key: U64) -> U64:
    left, right = value // other, value % other  # left in [0, side), right in [0, other)
    for number in range(len(_ROUND_KEYS)):
        if number % 2 == 0:
            left = _shift(left, right, side, key, number)
        else:
            right = _shift(right, left, other, key, number)
    return left * other + right


def _shift(half: U64, by: U64, modulus: U64, key: U64, number: int) -> U64:
    """``(half + F(by)) mod modulus``: undone by subtracting, hence a bijection whatever F is."""
    state: U64 = by * _GOLDEN + (key ^ _ROUND_KEYS[number])
    state ^= state >> np.uint64(29)
    state *= _MIX_1
    state >>= _HALF
    state *= modulus  # the high 32 bits scaled to [0, modulus): no division
    state >>= _HALF
    state += half
    np.subtract(state, modulus, out=state, where=state >= modulus)
    return state
