"""Arrays in files: one in a ``.npy`` (vectors), named ones in a ``.npz`` (part of an evaluation, a removal's means)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.disk.checksums import blocks_of, checksum
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import BeirHybridError


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array and, after it, where numpy does not look, its checksum with the file's name; whole or not at all.

    Raises:
        BeirHybridError: the disk fails.
    """
    array = np.ascontiguousarray(array)
    with written_whole(path) as part, part.open("wb") as out:
        np.save(out, array)
        out.write(checksum([path.name.encode(), array.data]))


def mapped_array(path: Path, *, check: bool = True) -> npt.NDArray[Any]:
    """An array that was written so, mapped; one without a checksum (an earlier version's) is taken as it is.

    Args:
        check: compare its checksum, for which all of it is read.

    Raises:
        ValueError: it is damaged.
        OSError: it cannot be read now.
    """
    try:
        found = np.load(path, mmap_mode="r")
    except OSError:
        raise
    except Exception as error:  # of Python's tokenizer, say, which reads the header
        raise ValueError(" ".join(str(error).split())) from error
    if check:
        with path.open("rb") as file:  # not through the map: what is read there counts as this process's memory
            file.seek(found.offset)
            sum_ = checksum(itertools.chain([path.name.encode()], blocks_of(file, found.nbytes)))
            kept = file.read()
        if kept and kept != sum_:
            raise ValueError("its checksum is another")
    return np.asarray(found)


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
    except (FileNotFoundError, BeirHybridError):
        raise
    except Exception as error:  # of zip archives, zlib, Python's tokenizer, ...
        raise ValueError(f"{path} is damaged ({' '.join(str(error).split())})") from error
