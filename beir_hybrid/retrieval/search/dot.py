"""The exact dot product, compiled: in float64 (where each product is exact), in one fixed order. Imported when used."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# numba types them
from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from beir_hybrid.retrieval.search.compiled import compiled

LANES = 32
"""Sums that a dot product is made of."""
_BYTES, _INDEX, _INT = ir.IntType(8).as_pointer(), ir.IntType(64), ir.IntType(32)
_SINGLES, _DOUBLES = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.DoubleType(), LANES)
_ROWS = types.Array(types.float32, 2, "C", readonly=True)
_NUMBERS = types.Array(types.int64, 1, "C", readonly=True)


@intrinsic
def _sum_of_products(typing, left, left_row, right, right_row, blocks, rest):
    """Of ``blocks`` times `LANES` values of two rows, and of the two rows of ``rest``."""

    def generate(context, build, signature, given):
        def row_of(number, row):
            array = context.make_array(signature.args[number])(context, build, given[number])
            start = build.bitcast(array.data, _BYTES)
            return build.gep(start, [build.mul(row, build.extract_value(array.strides, 0))])

        def values(row, block):
            place = build.gep(row, [build.mul(block, _INDEX(4 * LANES))])
            found = build.load(build.bitcast(place, _SINGLES.as_pointer()))
            found.align = 4
            return build.fpext(found, _DOUBLES)

        # products are exact: whether they are rounded before they are added makes no difference
        name, kind = f"llvm.fmuladd.v{LANES}f64", ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
        plus_product = build.module.declare_intrinsic(name, fnty=kind)
        one, other = row_of(0, given[1]), row_of(2, given[3])
        start = build.fmul(*(values(row_of(5, _INDEX(number)), _INDEX(0)) for number in range(2)))
        before, loop, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.cbranch(build.icmp_signed(">", given[4], _INDEX(0)), loop, after)
        build.position_at_end(loop)
        block, sums = build.phi(_INDEX), build.phi(_DOUBLES)
        added = build.call(plus_product, [values(one, block), values(other, block), sums])
        following = build.add(block, _INDEX(1))
        build.cbranch(build.icmp_signed("<", following, given[4]), loop, after)
        build.position_at_end(after)
        total = build.phi(_DOUBLES)
        for phi, first, later in ((block, _INDEX(0), following), (sums, start, added)):
            phi.add_incoming(first, before)
            phi.add_incoming(later, loop)
        total.add_incoming(start, before)
        total.add_incoming(added, loop)
        half = LANES // 2
        while half:
            lanes = ir.VectorType(_INT, half)
            low, high = (ir.Constant(lanes, [*range(begin, begin + half)]) for begin in (0, half))
            total = build.fadd(build.shuffle_vector(total, total, low), build.shuffle_vector(total, total, high))
            half //= 2
        return build.extract_element(total, _INT(0))

    return types.float64(left, left_row, right, right_row, blocks, rest), generate


@compiled(types.float64(_ROWS, types.int64, _ROWS, types.int64, types.float32[:, ::1]))
def dot(left, row, right, other_row, rest):
    """The dot product of a row of one matrix and a row of another: `LANES` sums, then theirs by halves.

    Args:
        rest: zeros [2, LANES] at first; room for values that do not fill the lanes.
    """
    blocks = left.shape[1] // LANES
    whole = blocks * LANES
    for at in range(whole, left.shape[1]):
        rest[0, at - whole], rest[1, at - whole] = left[row, at], right[other_row, at]
    return _sum_of_products(left, row, right, other_row, blocks, rest)


@compiled(types.void(_ROWS, _ROWS, _NUMBERS, _NUMBERS, types.float32[::1]))
def dot_pairs(left, right, rows, columns, out):
    """`dot` of each row of one with the row of the other, rounded to float32."""
    rest = np.zeros((2, LANES), np.float32)
    for at in range(len(rows)):
        out[at] = np.float32(dot(left, rows[at], right, columns[at], rest))
