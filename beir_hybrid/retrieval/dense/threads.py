"""How many threads PyTorch computes on: those that no other process keeps busy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from beir_hybrid.processors import processors

_SECONDS = 0.1


@contextlib.contextmanager
def idle_threads() -> Iterator[int]:
    """Within, PyTorch has a thread for each idle processor, at least one, and no more than it had.

    Threads that wait for each other stand still whenever another process takes the place of one: on two busy
    processors, two encode at half the speed of one. The number changes no value: each computes whole rows.
    """
    import psutil
    import torch

    before = torch.get_num_threads()
    if before == 1:
        yield 1
        return
    busy = psutil.cpu_percent(_SECONDS, percpu=True)
    # of a machine of which this process has a part, the part's share of what is idle
    idle = sum(1 - each / 100 for each in busy) * min(1.0, processors() / len(busy))
    n = max(1, min(before, round(idle)))
    torch.set_num_threads(n)
    try:
        yield n
    finally:
        torch.set_num_threads(before)
