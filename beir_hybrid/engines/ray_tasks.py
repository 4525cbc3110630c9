"""Plain tasks on a Ray cluster: a task whose worker or node dies is run again by Ray, and loses nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from beir_hybrid.engines.ray_cluster import reason_of
from beir_hybrid.errors import BeirHybridError, EngineError

_PATIENCE = 300.0
"""Seconds without any worker after which a cluster counts as full."""
DEATHS = 4
"""Workers that one task may cost: then it is the task's fault, or the machine has too little memory."""


def run_tasks(
    ray: Any, work: Callable[..., Any], known: Sequence[Any], pieces: Iterable[Any], what: str, resource: str = "CPU"
) -> Iterator[tuple[Any, Any]]:
    """Each piece with its answer, in the order they are ready.

    Args:
        ray: the module, connected.
        work: run by workers; it gets what is ``known``, then the piece.
        known: the same for all pieces; large things as references.
        pieces: taken as workers get free, so they may be made then.
        what: a piece is called, for messages.
        resource: what a task takes one of: ``CPU`` or ``GPU``.

    Raises:
        BeirHybridError: raised by a worker.
        EngineError: no worker can be started, or a piece kills every worker that gets it.
    """
    rest = iter(pieces)
    if not (first := list(islice(rest, 1))):
        return
    rest = chain(first, rest)
    takes = {"num_gpus": 1} if resource == "GPU" else {"num_cpus": 1}
    # workers stay between tasks, with what they have loaded (by default not those on a GPU)
    options: dict[str, Any] = {**takes, "max_calls": 0, "scheduling_strategy": "SPREAD"}
    try:
        ray.get(ray.remote(**options)(_ready).remote(), timeout=_PATIENCE)
    except ray.exceptions.GetTimeoutError as error:
        raise EngineError(
            f"no Ray worker could be started in {_PATIENCE:.0f} seconds; is the cluster free for work?"
        ) from error
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"Ray workers do not start: {reason_of(error)}; all nodes need the same versions of Python, ray and "
            f"beir-hybrid"
        ) from error
    task = ray.remote(**options, max_retries=DEATHS - 1, retry_exceptions=False)(work)
    at_once = 2 * max(1, int(ray.cluster_resources().get(resource, 1)))
    running: dict[Any, Any] = {}
    try:
        while True:
            for piece in islice(rest, at_once - len(running)):
                running[task.remote(*known, piece)] = piece
            if not running:
                return
            for reference in ray.wait(list(running))[0]:
                piece = running.pop(reference)
                try:
                    answer = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise _raised(error) from error
                except ray.exceptions.RayError as error:
                    raise EngineError(
                        f"{DEATHS} Ray workers died of the same {what} ({reason_of(error)}); is there enough memory on "
                        f"the nodes?"
                    ) from error
                yield piece, answer
    finally:
        # asked to stop in the middle: what is under way is of no use
        for reference in running:
            ray.cancel(reference, force=True)


def _ready() -> None:
    """Answers once a worker runs."""


def _raised(error: Any) -> BaseException:
    """What a worker raised."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BeirHybridError):
        return cause
    return EngineError(f"a Ray worker failed: {reason_of(error)}")
