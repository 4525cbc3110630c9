"""The quick product of vectors, compiled for this machine's registers. For `VectorScores`; imported when used.

Vectors are packed into panels of `ROWS` or `COLUMNS` of them, value by value, so that a block of products is made in
registers (Goto and van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication). Panels are float32, or uint32
of pairs of whole numbers of 16 bits, which x86 processors multiply up to twice as fast; their sums are exact.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# numba types them
from __future__ import annotations

import math
import platform
from typing import Any

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
CHUNK = 96
"""Values, or pairs of them, that are summed before sums are: the fewer, the smaller the error."""

_ONE, _SUMS, _INDEX = ir.FloatType(), ir.VectorType(ir.FloatType(), _LANES), ir.IntType(64)
_INTS = ir.VectorType(ir.IntType(32), _LANES)
_NONE, _ZERO = ir.Constant(_SUMS, ir.Undefined), ir.Constant(_SUMS, None)
_FIRST_LANES = ir.Constant(_INTS, None)


@intrinsic
def _block(typing, left, left_at, right, right_at, depth, step, out, out_at, width, first):
    """The products of `ROWS` and `COLUMNS` vectors, added to ``out`` (where they are the ``first``: written there).

    ``depth`` values or pairs of each, from ``left_at`` and ``right_at`` of the panels on; ``out`` from ``out_at`` on,
    with ``width`` values in a row. ``step`` is what 1 stands for in products of whole numbers.
    """
    pairs = left.dtype == types.uint32
    form, total_form = (ir.VectorType(ir.IntType(16), 2 * _LANES), _INTS) if pairs else (_SUMS, _SUMS)
    kind = ir.FunctionType(total_form, [form, form] if pairs else [form, form, _SUMS])

    def generate(context, build, signature, given):
        def at(number):
            array = context.make_array(signature.args[number])(context, build, given[number])
            return build.bitcast(build.gep(array.data, [given[number + 1]]), _ONE.as_pointer())

        def lanes(pointer, number):
            return build.bitcast(build.gep(pointer, [number]), _SUMS.as_pointer())

        def read(pointer):
            value = build.load(pointer)
            value.align = 4
            return value

        def plus_product(total, x, y):
            if pairs:
                return build.add(total, build.call(multiply, [build.bitcast(x, form), build.bitcast(y, form)]))
            return build.call(multiply, [x, y, total])

        name = _MULTIPLY_PAIRS if pairs else f"llvm.fmuladd.v{_LANES}f32"
        multiply = build.module.declare_intrinsic(name, fnty=kind)
        rows, columns, target = at(0), at(2), at(6)
        before, loop, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.branch(loop)
        build.position_at_end(loop)
        place = build.phi(_INDEX)
        totals = [build.phi(total_form) for _ in range(ROWS * _VECTORS)]
        row, column = build.mul(place, _INDEX(ROWS)), build.mul(place, _INDEX(COLUMNS))
        right_values = [read(lanes(columns, build.add(column, _INDEX(_LANES * v)))) for v in range(_VECTORS)]
        sums = []
        for number in range(ROWS):
            value = read(build.gep(rows, [build.add(row, _INDEX(number))]))
            left_values = build.insert_element(_NONE, value, ir.IntType(32)(0))
            left_values = build.shuffle_vector(left_values, _NONE, _FIRST_LANES)
            sums += [plus_product(totals[number * _VECTORS + v], left_values, right_values[v]) for v in range(_VECTORS)]
        following = build.add(place, _INDEX(1))
        build.cbranch(build.icmp_signed("<", following, given[4]), loop, after)
        zeros = [ir.Constant(total_form, None)] * len(sums)
        for phi, start, later in zip([place, *totals], [_INDEX(0), *zeros], [following, *sums], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(later, loop)
        build.position_at_end(after)
        if pairs:
            one = build.insert_element(_NONE, given[5], ir.IntType(32)(0))
            steps_ = build.shuffle_vector(one, _NONE, _FIRST_LANES)
            sums = [build.fmul(build.sitofp(total, _SUMS), steps_) for total in sums]
        for number, total in enumerate(sums):
            row, v = divmod(number, _VECTORS)
            pointer = lanes(target, build.add(build.mul(given[8], _INDEX(row)), _INDEX(_LANES * v)))
            build.store(build.fadd(build.select(given[9], _ZERO, read(pointer)), total), pointer).align = 4
        return context.get_dummy_value()

    return types.void(left, left_at, right, right_at, depth, step, out, out_at, width, first), generate


def _panels(dtype: Any) -> Any:
    return types.Array(dtype, 3, "C", readonly=True)


_SIGNATURES = [
    types.void(_panels(dtype), _panels(dtype), types.int64, types.int64, types.float32, types.float32[:, ::1])
    for dtype in ([types.float32, types.uint32] if PAIRS else [types.float32])
]


@compiled(_SIGNATURES)
def multiply(left, right, first_row, first_column, step, out):
    """The products of neighbouring vectors of two packed matrices into ``out``, float32 [rows, columns].

    Args:
        left: packed by `ROWS`.
        right: packed by `COLUMNS`.
        first_row, first_column: the first of the vectors.
        step: what 1 stands for in products of whole numbers.
    """
    n, width = out.shape
    depth = left.shape[1]
    edge = np.empty((ROWS, COLUMNS), np.float32)
    for j in range(first_column // COLUMNS, -(-(first_column + width) // COLUMNS)):
        column = j * COLUMNS - first_column
        for i in range(first_row // ROWS, -(-(first_row + n) // ROWS)):
            row = i * ROWS - first_row
            inside = row >= 0 and column >= 0 and row + ROWS <= n and column + COLUMNS <= width
            for begin in range(0, depth, CHUNK):
                few, first = min(CHUNK, depth - begin), begin == 0
                left_at, right_at = (i * depth + begin) * ROWS, (j * depth + begin) * COLUMNS
                if inside:
                    _block(left, left_at, right, right_at, few, step, out, row * width + column, width, first)
                else:
                    _block(left, left_at, right, right_at, few, step, edge, 0, COLUMNS, first)
            if not inside:
                for r in range(max(0, -row), min(ROWS, n - row)):
                    for c in range(max(0, -column), min(COLUMNS, width - column)):
                        out[row + r, column + c] = edge[r, c]


_VECTORS_TO_PACK = types.Array(types.float32, 2, "C", readonly=True)


@compiled(types.void(_VECTORS_TO_PACK, types.float32[:, :, ::1]))
def _pack(vectors, panels):
    n, depth = vectors.shape
    for panel in range(len(panels)):
        for lane in range(panels.shape[2]):
            row = panel * panels.shape[2] + lane
            for at in range(depth):
                panels[panel, at, lane] = vectors[row, at] if row < n else np.float32(0)


@compiled(types.void(_VECTORS_TO_PACK, types.float32, types.uint32[:, :, ::1]))
def _pack_pairs(vectors, scale, panels):
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


def packed(vectors: FloatArray, height: int, longest: float | None = None) -> npt.NDArray[Any]:
    """Vectors [n, d] in panels of ``height`` of them, as float32 or, where none is longer than ``longest``, as pairs of
    whole numbers."""
    n, depth = vectors.shape
    panels = -(-n // height)
    if longest is None:
        plain = np.empty((panels, depth, height), np.float32)
        _pack(vectors, plain)
        return plain
    pairs = np.empty((panels, -(-depth // 2), height), np.uint32)
    _pack_pairs(vectors, np.float32(LARGEST / longest), pairs)
    return pairs


def steps(dimension: int, rough: bool) -> tuple[int, float]:
    """Of products of so many values: how many roundings one goes through, and how far a vector was rounded before.

    That is by half of 1 and what float32 adds to it, in every value, as a share of the length that became `LARGEST`.
    """
    values = -(-dimension // 2) if rough else dimension
    sums = -(-values // CHUNK)
    return (sums + 5, 0.51 * math.sqrt(dimension) / LARGEST) if rough else (min(values, CHUNK) + sums, 0.0)
