"""The quick product of vectors, compiled for this machine's registers. For `VectorScores`; imported when used.

Vectors are packed into panels of `ROWS` or `COLUMNS` of them, value by value, so that a block of products is made in
registers (Goto and van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication). Panels are float32, or uint32
of pairs of bfloat16 values, which some processors multiply twice as fast.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# numba types them
from __future__ import annotations

from typing import Any

import llvmlite.binding
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
# LLVM knows them as a type since its version 16
BFLOAT16 = "+avx512bf16" in _features and llvmlite.binding.llvm_version_info >= (16,)
"""Whether this processor multiplies bfloat16 values."""
_LANES = 16 if "+avx512f" in _features else 8 if "+avx" in _features else 4
_VECTORS = 2
ROWS = {16: 12, 8: 6, 4: 4}[_LANES]
"""With `_VECTORS` sums a row, as many as the registers hold."""
COLUMNS = _LANES * _VECTORS
CHUNK = 96
"""Values, or pairs of them, that are summed before sums are: the fewer, the smaller the error."""
_PAIRS_OF_BFLOAT16 = "llvm.x86.avx512bf16.dpbf16ps.512"


class _BFloat(ir.types.Type):  # type: ignore[misc]  # llvmlite is untyped, and lacks this type
    intrinsic_name = "bf16"

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


_ONE, _SUMS, _INDEX = ir.FloatType(), ir.VectorType(ir.FloatType(), _LANES), ir.IntType(64)
_NONE, _ZERO = ir.Constant(_SUMS, ir.Undefined), ir.Constant(_SUMS, None)
_FIRST_LANES = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), None)


@intrinsic
def _block(typing, left, left_at, right, right_at, depth, out, out_at, width, first):
    """The products of `ROWS` and `COLUMNS` vectors, added to ``out`` (where they are the ``first``: written there).

    ``depth`` values or pairs of each, from ``left_at`` and ``right_at`` of the panels on; ``out`` from ``out_at`` on,
    with ``width`` values in a row.
    """
    pairs = left.dtype == types.uint32
    form = ir.VectorType(_BFloat(), 2 * _LANES) if pairs else _SUMS
    kind = ir.FunctionType(_SUMS, [_SUMS, form, form] if pairs else [form, form, _SUMS])

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
                return build.call(multiply, [total, build.bitcast(x, form), build.bitcast(y, form)])
            return build.call(multiply, [x, y, total])

        name = _PAIRS_OF_BFLOAT16 if pairs else f"llvm.fmuladd.v{_LANES}f32"
        multiply = build.module.declare_intrinsic(name, fnty=kind)
        rows, columns, target = at(0), at(2), at(5)
        before, loop, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.branch(loop)
        build.position_at_end(loop)
        step = build.phi(_INDEX)
        totals = [build.phi(_SUMS) for _ in range(ROWS * _VECTORS)]
        row, column = build.mul(step, _INDEX(ROWS)), build.mul(step, _INDEX(COLUMNS))
        right_values = [read(lanes(columns, build.add(column, _INDEX(_LANES * v)))) for v in range(_VECTORS)]
        sums = []
        for number in range(ROWS):
            value = read(build.gep(rows, [build.add(row, _INDEX(number))]))
            left_values = build.insert_element(_NONE, value, ir.IntType(32)(0))
            left_values = build.shuffle_vector(left_values, _NONE, _FIRST_LANES)
            sums += [plus_product(totals[number * _VECTORS + v], left_values, right_values[v]) for v in range(_VECTORS)]
        following = build.add(step, _INDEX(1))
        build.cbranch(build.icmp_signed("<", following, given[4]), loop, after)
        for phi, start, later in zip(
            [step, *totals], [_INDEX(0), *[_ZERO] * len(sums)], [following, *sums], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(later, loop)
        build.position_at_end(after)
        for number, total in enumerate(sums):
            row, v = divmod(number, _VECTORS)
            pointer = lanes(target, build.add(build.mul(given[7], _INDEX(row)), _INDEX(_LANES * v)))
            build.store(build.fadd(build.select(given[8], _ZERO, read(pointer)), total), pointer).align = 4
        return context.get_dummy_value()

    return types.void(left, left_at, right, right_at, depth, out, out_at, width, first), generate


def _panels(dtype: Any) -> Any:
    return types.Array(dtype, 3, "C", readonly=True)


_SIGNATURES = [
    types.void(_panels(dtype), _panels(dtype), types.int64, types.int64, types.float32[:, ::1])
    for dtype in ([types.float32, types.uint32] if BFLOAT16 else [types.float32])
]


@compiled(_SIGNATURES)
def multiply(left, right, first_row, first_column, out):
    """The products of neighbouring vectors of two packed matrices into ``out``, float32 [rows, columns].

    Args:
        left: packed by `ROWS`.
        right: packed by `COLUMNS`.
        first_row, first_column: the first of the vectors.
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
                    _block(left, left_at, right, right_at, few, out, row * width + column, width, first)
                else:
                    _block(left, left_at, right, right_at, few, edge, 0, COLUMNS, first)
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


@compiled(types.void(_VECTORS_TO_PACK, types.uint32[:, :, ::1]))
def _pack_bfloat16(vectors, panels):
    n, depth = vectors.shape
    bits = vectors.view(np.uint32)
    rounded = np.zeros(2 * panels.shape[1], np.uint32)
    for panel in range(len(panels)):
        for lane in range(panels.shape[2]):
            row = panel * panels.shape[2] + lane
            for at in range(depth if row < n else 0):
                value = bits[row, at]  # to the nearest, of two to the even one; subnormal ones count as 0
                value = value if value & np.uint32(0x7F800000) else np.uint32(0)
                rounded[at] = (value + np.uint32(0x7FFF) + ((value >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
            for at in range(panels.shape[1]):
                pair = rounded[2 * at] | (rounded[2 * at + 1] << np.uint32(16))
                panels[panel, at, lane] = pair if row < n else np.uint32(0)


def packed(vectors: FloatArray, height: int, rough: bool) -> npt.NDArray[Any]:
    """Vectors [n, d] in panels of ``height`` of them, as float32 or (``rough``) as pairs of bfloat16 values."""
    n, depth = vectors.shape
    panels = -(-n // height)
    if not rough:
        plain = np.empty((panels, depth, height), np.float32)
        _pack(vectors, plain)
        return plain
    pairs = np.empty((panels, -(-depth // 2), height), np.uint32)
    _pack_bfloat16(vectors, pairs)
    return pairs


def steps(dimension: int, rough: bool) -> tuple[int, float]:
    """Of products of so many values: how many additions one goes through, and how far it was rounded before."""
    values = -(-dimension // 2) if rough else dimension
    # a pair is added in two steps, and what is added may be rounded itself
    return min(values, CHUNK) * (3 if rough else 1) + -(-values // CHUNK), 2.0**-9 if rough else 0.0
