"""An engine by name."""

from __future__ import annotations

import contextlib
import importlib.util
from functools import partial

from beir_hybrid.errors import MissingExtraError, RetrieverError, did_you_mean
from beir_hybrid.retrieval.engine import ENGINES, Engine, Here


def build_engine(name: str, address: str | None = None) -> Engine:
    """An engine by name.

    Raises:
        RetrieverError: it is unknown, or has no address.
        MissingExtraError: Ray is not installed.
    """
    if name not in ENGINES:
        raise RetrieverError(f"unknown engine {name!r}; {did_you_mean(name, ENGINES)}")
    if name == "local":
        if address is not None:
            raise RetrieverError(f"the engine 'local' has no address, got {address!r}; use engine='ray'")
        return lambda encoder: contextlib.nullcontext(Here(encoder))
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("the engine 'ray'", "ray", "ray")
    from beir_hybrid.engines.ray_engine import on_ray

    return partial(on_ray, address)
