"""How many processors there are to use."""

from __future__ import annotations


def processors() -> int:
    """Processors this process may use, which under a container's limits can be fewer than the machine has."""
    from joblib import cpu_count

    return int(cpu_count())
