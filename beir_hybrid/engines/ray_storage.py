"""Whether all nodes of a Ray cluster see a folder: vectors are handed over as files."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.engines.ray_cluster import reason_of
from beir_hybrid.errors import EngineError

_PATIENCE = 120
"""Seconds that a node has to answer: a worker process must start."""


def check_storage(ray: Any, folder: Path, resource: str) -> None:
    """Ask each node that may get work to read a file from the folder.

    Args:
        resource: what a node needs to get work: ``CPU`` or ``GPU``.

    Raises:
        EngineError: a node does not see it, does not answer, or cannot import this package.
        BeirHybridError: the folder cannot be written.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get(resource)]
    if not nodes:
        raise EngineError(f"the Ray cluster has no {resource} to work on")
    token = uuid.uuid4().hex
    probe = folder / f".probe-{token}"
    with written_whole(probe) as part:
        part.write_text(token)
    try:
        asked = {}
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            look = ray.remote(read_probe).options(num_cpus=0, max_retries=2, scheduling_strategy=there)
            asked[look.remote(str(probe))] = node
        waiting = list(asked)
        while waiting:
            done, waiting = ray.wait(waiting, timeout=_PATIENCE)
            if not done:
                raise EngineError(f"node {_name(asked[waiting[0]])} of the Ray cluster does not answer")
            if _answer(ray, done[0], asked[done[0]]) != token:
                raise EngineError(
                    f"node {_name(asked[done[0]])} of the Ray cluster does not see {folder}, where vectors are kept; "
                    f"set BEIR_HYBRID_CACHE to a folder on storage that all nodes share"
                )
    finally:
        probe.unlink(missing_ok=True)


def read_probe(path: str) -> str | None:
    """Run on a node: what it reads from the file, None where there is none."""
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _answer(ray: Any, reference: Any, node: dict[str, Any]) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"node {_name(node)} of the Ray cluster cannot work for this program: {reason_of(error)}; "
            f"all nodes need the same versions of Python, ray and beir-hybrid"
        ) from error


def _name(node: dict[str, Any]) -> str:
    return str(node.get("NodeManagerHostname") or node.get("NodeManagerAddress"))
