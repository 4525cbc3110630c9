"""The lines of a text file, however it was written: the one place in which text files are decoded."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from beir_hybrid.errors import BeirHybridError, DatasetError, at

_BOM = b"\xef\xbb\xbf"


def read_lines(path: Path, error: type[BeirHybridError] = DatasetError) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without their ends, and their numbers from 1.

    UTF-8 with or without a byte order mark, lines ended by LF or CRLF, plain or (``.gz``) gzipped.

    Args:
        error: what a file that cannot be read is said with.

    Raises:
        error: the file is missing, damaged, or not UTF-8 (``path:line``).
    """
    number = 0
    try:
        if path.suffix == ".gz" and path.stat().st_size == 0:
            raise EOFError("it is empty")  # gzip takes no bytes at all for a file of no lines
        with _opened(path) as file:
            # decoded line by line: a decoder that works on blocks could not say which line is at fault
            for number, raw in enumerate(file, 1):
                line = (raw.removeprefix(_BOM) if number == 1 else raw).decode("utf-8").rstrip("\r\n")
                if line and not line.isspace():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
        raise error(f"{at(path, number)}: the file is truncated or damaged ({cause}); fetch it again") from cause
    except UnicodeDecodeError as cause:
        raise error(f"{at(path, number)}: not UTF-8 ({cause.reason}); save or fetch the file as UTF-8") from cause
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror or cause}") from cause


def _opened(path: Path) -> BinaryIO:
    if path.suffix != ".gz":
        return path.open("rb")
    # gzip's own blocks, of 8 KB before Python 3.12, take a fifth more time
    return io.BufferedReader(gzip.open(path), 1 << 17)
