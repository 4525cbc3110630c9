"""Entry points: the one door by which data sets, retrievers, encoders and metrics come in, ours and other packages'."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from beir_hybrid.errors import BeirHybridError, did_you_mean, first_line

DATASETS = "beir_hybrid.datasets"
RETRIEVERS = "beir_hybrid.retrievers"
ENCODERS = "beir_hybrid.encoders"
METRICS = "beir_hybrid.metrics"


def provider(entry: EntryPoint) -> str:
    """The package behind an entry point, and where in it the object is."""
    return f"{entry.dist.name} ({entry.value})" if entry.dist else entry.value


def registered(group: str) -> dict[str, EntryPoint]:
    """Every entry point of a group by name, sorted.

    Raises:
        BeirHybridError: two packages register the same name (both are named).
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        other = found.setdefault(entry.name, entry)
        # an editable install can list the same metadata twice on the path: that is one provider
        if other.value != entry.value:
            raise BeirHybridError(
                f"{entry.name!r} is registered twice in {group}: by {provider(other)} and by {provider(entry)}; "
                f"uninstall one of them"
            )
    return dict(sorted(found.items()))


def resolve(group: str, name: str, error: type[BeirHybridError]) -> Any:
    """The object registered under ``name``.

    Raises:
        error: the name is unknown (with the closest known one), or its provider cannot be imported.
    """
    entries = registered(group)
    if name not in entries:
        kind = group.rpartition(".")[2].removesuffix("s")
        raise error(f"unknown {kind} {name!r}; {did_you_mean(name, entries)}")
    try:
        return entries[name].load()
    except Exception as cause:  # importing runs another package's code, which may fail in any way
        reason = f"{type(cause).__name__}: {first_line(cause)}"
        raise error(f"{name!r} cannot be loaded from {provider(entries[name])}: {reason}") from cause
