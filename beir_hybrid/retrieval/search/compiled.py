"""How the loops of a search are compiled. For `kernels`, `dot`, `product` and `maxsim`; imported when used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, njit

from beir_hybrid.disk.library_folders import give_libraries_folders

give_libraries_folders()


def compiled(signatures: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba's ``njit`` of fixed signatures: compiled once for a machine, then read from numba's cache.

    These loops are of no use uncompiled, so they are compiled also where others are not to be (NUMBA_DISABLE_JIT).
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        elsewhere, config.DISABLE_JIT = config.DISABLE_JIT, 0
        try:
            return njit(signatures, nogil=True, cache=True, **options)(function)
        finally:
            config.DISABLE_JIT = elsewhere

    return compile_it
