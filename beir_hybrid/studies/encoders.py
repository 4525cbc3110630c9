"""Encoders as a factor names them: a size from scratch, a name or path, or a table of training settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_STATIC = re.compile(r"static-(\d+)")
_TRANSFORMER = re.compile(r"transformer-(\d+)x(\d+)")
_KINDS = ("static", "transformer")


def encoder_settings(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """The training settings of an encoder.

    ``static-256`` is a table of vectors 256 wide, ``transformer-2x128`` has 2 layers 128 wide; any other text is a
    model to start from; a table names settings of `TrainConfig` itself.

    Raises:
        ValueError: a text that begins like a size and is none.
    """
    if isinstance(given, Mapping):
        return {key: value for key, value in given.items() if key != "name"}
    if size := _STATIC.fullmatch(given):
        return {"from_scratch": "static", "width": int(size[1])}
    if size := _TRANSFORMER.fullmatch(given):
        return {"from_scratch": "transformer", "layers": int(size[1]), "width": int(size[2])}
    if given.partition("-")[0] in _KINDS and "/" not in given:
        raise ValueError(f"{given!r} is no size; expected static-WIDTH or transformer-LAYERSxWIDTH")
    return {"model": given}


def encoder_kind(settings: Mapping[str, Any]) -> str:
    """What tells encoders of different cost apart, such as ``static-256``; of full training settings."""
    if settings.get("from_scratch") == "static":
        return f"static-{settings['width']}"
    if settings.get("from_scratch") == "transformer":
        return f"transformer-{settings['layers']}x{settings['width']}"
    return str(settings.get("model"))
