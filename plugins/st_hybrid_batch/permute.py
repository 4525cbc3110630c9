"""Permutations that are computed, not stored: a keyed bijection of ``range(n)`` at any position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
# 32-bit arithmetic is several times faster here, and no data set has more groups
MAX_SIZE = 2**31
_ROUNDS = 6
_SPREAD_1 = np.uint32(0x9E3779B1)
_SPREAD_2 = np.uint32(0x85EBCA77)
_HALF = np.uint32(16)


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
        size: domain sizes, at most 2**31, broadcastable to ``position``.
        key: 64-bit keys, broadcastable to ``position``.

    Returns:
        The images, same shape as ``position``; distinct wherever positions of one (size, key) are.
    """
    size32: U32 = size.astype(np.uint32)
    side: U32 = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint32)
    other: U32 = (size32 + side - np.uint32(1)) // side
    keys = [(mix(key, number) >> np.uint64(32)).astype(np.uint32) for number in range(_ROUNDS)]
    image = _network(position.astype(np.uint32), side, other, keys)
    outside = np.nonzero(image >= size32)
    while outside[0].size:
        keys_there = [_at(key, outside, image) for key in keys]
        walked = _network(image[outside], _at(side, outside, image), _at(other, outside, image), keys_there)
        image[outside] = walked
        still = walked >= _at(size32, outside, image)
        outside = tuple(axis[still] for axis in outside)
    return image.astype(np.int64)


def _at(values: U32, where: tuple[NDArray[np.intp], ...], like: U32) -> U32:
    there: U32 = np.broadcast_to(values, like.shape)[where]
    return there


def _network(value: U32, side: U32, other: U32, keys: list[U32]) -> U32:
    left = value // other  # in [0, side)
    right = value - left * other  # in [0, other)
    for number, key in enumerate(keys):
        if number % 2 == 0:
            left = _shift(left, right, side, key)
        else:
            right = _shift(right, left, other, key)
    return left * other + right


def _shift(half: U32, by: U32, modulus: U32, key: U32) -> U32:
    """``(half + F(by)) mod modulus``: undone by subtracting, hence a bijection whatever F is."""
    state: U32 = by * _SPREAD_1
    state += key
    state ^= state >> _HALF
    state *= _SPREAD_2
    state >>= _HALF
    state *= modulus  # 16 bits scaled to [0, modulus): no division
    state >>= _HALF
    state += half
    # what is below the modulus wraps around to something huge
    np.minimum(state, state - modulus, out=state)
    return state
