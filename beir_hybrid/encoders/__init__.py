"""Encoders by name: those of this package and those other packages register, beside folders and names on the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beir_hybrid.errors import BeirHybridError, RetrieverError
from beir_hybrid.registry import ENCODERS, registered, resolve

__all__ = ["FoundEncoder", "Maker", "find_encoder", "list_encoders"]

Maker = Callable[..., tuple[Any, Mapping[str, Any]]]
"""What is registered: makes the encoder where it is not there yet, and returns it and its record.

The encoder is the folder of a sentence-transformers model (path or text), a name on the hub, or a loaded model; the
record says in JSON values what it is, and stands in every result.
"""


@dataclass(frozen=True, eq=False)
class FoundEncoder:
    """What a model's name stands for.

    Args:
        location: the folder or hub name to load; None where ``model`` is there already.
        model: a loaded model; None where it has to be loaded.
        record: what the provider says of it; empty for folders and names on the hub.
    """

    location: str | None
    model: Any = None
    record: Mapping[str, Any] = field(default_factory=dict)


def list_encoders() -> list[str]:
    """Names of every registered encoder."""
    return list(registered(ENCODERS))


def find_encoder(name: str, error_type: type[BeirHybridError] = RetrieverError) -> FoundEncoder:
    """The encoder of that name: a registered one first (a folder of the same name is ``./name``), else as it stands.

    A registered name may stand for many: of ``mteb:NAME`` what is registered as ``mteb`` is asked for NAME.

    Raises:
        error_type: its provider cannot be imported.
        BeirHybridError: two packages register the name, or its provider cannot make it.
    """
    first, colon, rest = name.partition(":")
    if (first if colon else name) not in registered(ENCODERS):
        return FoundEncoder(name)
    make: Maker = resolve(ENCODERS, first, error_type)
    encoder, record = make(rest) if colon else make()
    if isinstance(encoder, str | Path):
        return FoundEncoder(str(encoder), record=dict(record))
    return FoundEncoder(None, encoder, dict(record))
