"""Workers on a Ray cluster that take pieces of work; a worker that dies loses nothing but its piece."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from beir_hybrid.engines.ray_cluster import reason_of
from beir_hybrid.errors import BeirHybridError, EngineError

_PATIENCE = 300.0
"""Seconds without any worker after which a cluster counts as full."""
_DEATHS = 4
"""Workers that one piece may cost: then it is the piece's fault, or the machine has too little memory."""


class RayPool:
    """Actors of one class, each with one piece of work at a time.

    A piece whose worker died (or whose node did) is given to another, and a new worker is started wherever there is
    room; those that are left go on meanwhile.

    Args:
        ray: the module, connected.
        make: starts an actor, which must have a method ``ready()``.
    """

    def __init__(self, ray: Any, make: Callable[[], Any]) -> None:
        self._ray = ray
        self._make = make
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        self._failed_starts = 0

    def grow(self, size: int) -> None:
        """See to it that there are as many actors, at least."""
        for _ in range(size - len(self._idle) - len(self._starting)):
            self._start()

    def _start(self) -> None:
        actor = self._make()
        self._starting[actor.ready.remote()] = actor

    def run(self, method: str, known: Sequence[Any], pieces: Sequence[Hashable]) -> Iterator[tuple[Any, Any]]:
        """Each piece with its answer, in the order they are ready.

        Args:
            method: of the actors; it gets what is ``known``, then the piece.
            known: the same for all pieces; large things as references.

        Raises:
            BeirHybridError: raised by a worker.
            EngineError: no worker can be started, or a piece kills every worker that gets it.
        """
        ray = self._ray
        waiting, deaths = deque(pieces), Counter[Hashable]()
        busy: dict[Any, tuple[Any, Any]] = {}
        try:
            while waiting or busy:
                while waiting and self._idle:
                    actor, piece = self._idle.pop(), waiting.popleft()
                    busy[getattr(actor, method).remote(*known, piece)] = actor, piece
                done, _ = ray.wait([*busy, *self._starting], timeout=_PATIENCE)
                if not done and not busy:
                    raise EngineError(
                        f"no Ray worker could be started in {_PATIENCE:.0f} seconds; is the cluster free for work?"
                    )
                for reference in done:
                    if reference in self._starting:
                        self._started(reference)
                        continue
                    actor, piece = busy.pop(reference)
                    try:
                        answer = ray.get(reference)
                    except ray.exceptions.RayTaskError as error:
                        raise _raised(error) from error
                    except ray.exceptions.RayError as error:
                        deaths[piece] += 1
                        if deaths[piece] == _DEATHS:
                            raise EngineError(
                                f"{_DEATHS} Ray workers died of the same piece of work ({reason_of(error)}); "
                                f"is there enough memory on the nodes?"
                            ) from error
                        waiting.appendleft(piece)
                        self._end(actor)
                        self._start()
                    else:
                        self._idle.append(actor)
                        yield piece, answer
        finally:
            # asked to stop in the middle: what is under way is of no use
            for actor, _ in busy.values():
                self._end(actor)

    def _started(self, reference: Any) -> None:
        actor = self._starting.pop(reference)
        try:
            self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _raised(error) from error
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _DEATHS:
                raise EngineError(f"Ray workers do not start: {reason_of(error)}") from error
            self._start()
        else:
            self._idle.append(actor)

    def _end(self, actor: Any) -> None:
        self._ray.kill(actor)

    def close(self) -> None:
        """End all workers."""
        for actor in [*self._idle, *self._starting.values()]:
            self._end(actor)
        self._idle, self._starting = [], {}


def _raised(error: Any) -> BaseException:
    """What a worker raised."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BeirHybridError):
        return cause
    return EngineError(f"a Ray worker failed: {reason_of(error)}")
