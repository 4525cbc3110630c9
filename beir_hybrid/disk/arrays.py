"""Named arrays in one ``.npz`` file: the parts of an evaluation, what a model made of texts, a removal's means."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.files import written_whole


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays under their names, whole or not at all.

    Raises:
        BeirHybridError: the disk fails.
    """
    with written_whole(path) as part, part.open("wb") as out:
        np.savez(out, **dict(arrays))  # type: ignore[arg-type]  # numpy's stub takes the names for its own options


@contextlib.contextmanager
def opened_arrays(path: Path) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """The arrays of a file, each read when it is asked for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or what is read in this context is not in it.
    """
    try:
        # opened here: numpy leaves a file that it opened itself open where that is no whole archive
        with path.open("rb") as file, np.load(file) as arrays:
            yield arrays
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
