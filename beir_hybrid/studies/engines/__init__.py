"""What works on cells: processes of this machine, or Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from beir_hybrid.studies.job import Job

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")
Event = Literal["begins", "works", "over"]
Engine: TypeAlias = Callable[[Sequence[Job]], Iterator[tuple[Event, Job]]]
"""Works on jobs and yields each when it begins, every half minute while it is worked on, and when it is over, done or
failed; closing the iterator ends what is under way."""
