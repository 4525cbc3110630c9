"""The quick product of vectors of whole numbers, compiled for this machine's registers. For `VectorScores`; imported
when used.

Vectors are packed into panels of `ROWS` or `COLUMNS` of them, so that a block of products is made in registers (Goto
and van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication). Panels are uint32 of pairs of whole numbers
of 16 bits, which x86 processors multiply up to twice as fast as float32; their sums are exact.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# numba types them
from __future__ import annotations

import math
import platform

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.search.compiled import compiled

# of the processor that numba compiles for, which NUMBA_CPU_NAME may say: what it lacks would end the process
_features = cpu_target.target_context.codegen().magic_tuple()[-1].split(",")
_LANES = 16 if "+avx512f" in _features else 8 if "+avx" in _features else 4
_MULTIPLY_PAIRS = {16: "llvm.x86.avx512.pmaddw.d.512", 8: "llvm.x86.avx2.pmadd.wd", 4: "llvm.x86.sse2.pmadd.wd"}[_LANES]
PAIRS = platform.machine() in ("x86_64", "AMD64") and (
    _LANES == 4 or {16: "+avx512bw", 8: "+avx2"}[_LANES] in _features
)
"""Whether this processor multiplies pairs of whole numbers."""
LARGEST = 32_000
"""The length of a vector of whole numbers at most: no value, and no sum of products, leaves its bits."""
_VECTORS = 2
ROWS = {16: 12, 8: 6, 4: 4}[_LANES]
"""With `_VECTORS` sums a row, as many as the registers hold."""
COLUMNS = _LANES * _VECTORS

_SUM, _INDEX, _VALUE = ir.IntType(32), ir.IntType(64), ir.FloatType()
_SUMS, _VALUES = ir.VectorType(_SUM, _LANES), ir.VectorType(_VALUE, _LANES)
_WHOLE = ir.VectorType(ir.IntType(16), 2 * _LANES)


@intrinsic
def _block(typing, left, left_at, right, right_at, depth, step, out, out_at, width):
    """The products of `ROWS` and `COLUMNS` vectors times ``step`` into ``out``.

    ``depth`` pairs of each, from ``left_at`` and ``right_at`` of the panels on; ``out`` from ``out_at`` on, with
    ``width`` values in a row.
    """

    def generate(context, build, signature, given):
        def at(number, kind):
            array = context.make_array(signature.args[number])(context, build, given[number])
            return build.bitcast(build.gep(array.data, [given[number + 1]]), kind.as_pointer())

        def lanes(pointer, number, kind):
            return build.bitcast(build.gep(pointer, [number]), kind.as_pointer())

        def read(pointer):
            value = build.load(pointer)
            value.align = 4
            return value

        def everywhere(value, kind):
            none = ir.Constant(kind, ir.Undefined)
            return build.shuffle_vector(build.insert_element(none, value, _SUM(0)), none, ir.Constant(_SUMS, None))

        def plus_products(total, x, y):
            return build.add(total, build.call(multiply, [build.bitcast(x, _WHOLE), build.bitcast(y, _WHOLE)]))

        multiply = build.module.declare_intrinsic(_MULTIPLY_PAIRS, fnty=ir.FunctionType(_SUMS, [_WHOLE, _WHOLE]))
        rows, columns, target = at(0, _SUM), at(2, _SUM), at(6, _VALUE)
        before, loop, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.branch(loop)
        build.position_at_end(loop)
        place = build.phi(_INDEX)
        totals = [build.phi(_SUMS) for _ in range(ROWS * _VECTORS)]
        row, column = build.mul(place, _INDEX(ROWS)), build.mul(place, _INDEX(COLUMNS))
        right_pairs = [read(lanes(columns, build.add(column, _INDEX(_LANES * v)), _SUMS)) for v in range(_VECTORS)]
        sums = []
        for number in range(ROWS):
            left_pairs = everywhere(read(build.gep(rows, [build.add(row, _INDEX(number))])), _SUMS)
            own = totals[number * _VECTORS : (number + 1) * _VECTORS]
            sums += [plus_products(total, left_pairs, pairs) for total, pairs in zip(own, right_pairs, strict=True)]
        following = build.add(place, _INDEX(1))
        build.cbranch(build.icmp_signed("<", following, given[4]), loop, after)
        zeros = [ir.Constant(_SUMS, None)] * len(sums)
        for phi, start, later in zip([place, *totals], [_INDEX(0), *zeros], [following, *sums], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(later, loop)
        build.position_at_end(after)
        steps = everywhere(given[5], _VALUES)
        for number, total in enumerate(sums):
            row, v = divmod(number, _VECTORS)
            pointer = lanes(target, build.add(build.mul(given[8], _INDEX(row)), _INDEX(_LANES * v)), _VALUES)
            build.store(build.fmul(build.sitofp(total, _VALUES), steps), pointer).align = 4
        return context.get_dummy_value()

    return types.void(left, left_at, right, right_at, depth, step, out, out_at, width), generate


_PANELS = types.Array(types.uint32, 3, "C", readonly=True)
# where there is no such product nothing is compiled: it is never called
_SIGNATURES = [types.void(_PANELS, _PANELS, types.int64, types.float32, types.float32[:, ::1])] if PAIRS else None


@compiled(_SIGNATURES)
def multiply(left, right, first_column, step, out):
    """The products of vectors of two packed matrices into ``out``, float32 [rows, columns].

    Args:
        left: packed by `ROWS`; all of them.
        right: packed by `COLUMNS`; those from ``first_column`` on.
        step: what a product of 1 and 1 stands for.
    """
    n, width = out.shape
    depth = left.shape[1]
    edge = np.empty((ROWS, COLUMNS), np.float32)
    for j in range(first_column // COLUMNS, -(-(first_column + width) // COLUMNS)):
        column = j * COLUMNS - first_column
        for i in range(-(-n // ROWS)):
            row = i * ROWS
            if column >= 0 and row + ROWS <= n and column + COLUMNS <= width:
                _block(left, row * depth, right, j * depth * COLUMNS, depth, step, out, row * width + column, width)
            else:
                _block(left, row * depth, right, j * depth * COLUMNS, depth, step, edge, 0, COLUMNS)
                for r in range(min(ROWS, n - row)):
                    for c in range(max(0, -column), min(COLUMNS, width - column)):
                        out[row + r, column + c] = edge[r, c]


@compiled(types.void(types.Array(types.float32, 2, "C", readonly=True), types.float32, types.uint32[:, :, ::1]))
def _pack(vectors, scale, panels):
    n, depth = vectors.shape
    whole = np.zeros(2 * panels.shape[1], np.int16)
    pairs = whole.view(np.uint32)
    for panel in range(len(panels)):
        for lane in range(panels.shape[2]):
            row = panel * panels.shape[2] + lane
            for at in range(depth if row < n else 0):
                value = vectors[row, at] * scale
                whole[at] = np.int16(value + (np.float32(0.5) if value > 0 else np.float32(-0.5)))  # cut towards 0
            for at in range(panels.shape[1]):
                panels[panel, at, lane] = pairs[at] if row < n else np.uint32(0)


def packed(vectors: FloatArray, height: int, longest: float) -> npt.NDArray[np.uint32]:
    """Vectors [n, d], none longer than ``longest``, in panels of ``height`` of them."""
    n, depth = vectors.shape
    panels = np.empty((-(-n // height), -(-depth // 2), height), np.uint32)
    _pack(vectors, np.float32(LARGEST / longest), panels)
    return panels


STEPS = 5
"""Roundings that a product goes through: scales, their product, and the sum as float32."""


def rounded(dimension: int) -> float:
    """How far a vector of the length that becomes `LARGEST` is rounded, as a share of it: by half of 1 in every value,
    and what float32 adds to that."""
    return 0.51 * math.sqrt(dimension) / LARGEST
