"""The lines of a text file, however it was saved; for the readers of this package, which stands on its own."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

BOM = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without their ends, and their numbers from 1.

    UTF-8 with or without a byte order mark, lines ended by LF or CRLF, plain or (``.gz``) gzipped.

    Raises:
        ValueError: naming ``path:line``, where the file is damaged or not UTF-8.
        FileNotFoundError: there is none.
    """
    number = 0
    try:
        if path.suffix == ".gz" and path.stat().st_size == 0:
            raise EOFError("it is empty")  # gzip takes no bytes at all for a file of no lines
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = (raw.removeprefix(BOM) if number == 1 else raw).decode("utf-8").rstrip("\r\n")
                if line and not line.isspace():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}:{number}: the file is truncated or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}:{number}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
