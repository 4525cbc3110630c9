"""The sampler's settings, as one object that pickles and goes to and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from st_hybrid_batch.alpha import Alpha, alpha_from_dict, alpha_to_dict, check_alpha
from st_hybrid_batch.weights import LanguageWeights

if TYPE_CHECKING:
    from st_hybrid_batch.dataset import ParallelDataset
    from st_hybrid_batch.sampler import HybridBatchSampler

Coverage = str | int


@dataclass(frozen=True)
class HybridBatches:
    """Settings of a `HybridBatchSampler`, to pass as ``batch_sampler=``.

    Args:
        alpha: probability that a batch is monolingual: a number in [0, 1] (1 is X-X-mono, 0 is X-Y, between
            them hybrid), or a schedule: `Linear`, `Cosine` or a class of yours (`register_schedule`).
        languages: how often each language is drawn: ``"uniform"``, ``"size"`` (by number of groups), a
            temperature T (size ** (1 / T)), or a mapping of language to weight.
        pairing: in cross-lingual batches, ``"row"`` draws a language pair for every row (the paper's X-Y),
            ``"batch"`` one for the whole batch.
        coverage: what an epoch is: ``"groups"`` (as many rows as there are groups: over fully parallel data,
            each group once), ``"rows"`` (as many as there are rows: each group about once per language it
            has), or a number of steps.
        short_languages: a language with fewer passages than a global batch cannot fill a monolingual batch:
            ``"error"``, or ``"cross-only"`` to use it in cross-lingual rows only.
        seed: seed; None takes the trainer's.
        world_size: processes that share the batches; None asks accelerate. With accelerate's
            ``split_batches`` give 1: it cuts one batch among the processes itself.

    Example:
        ```python
        args = SentenceTransformerTrainingArguments(
            output_dir="out",
            batch_sampler=HybridBatches(alpha=0.5, languages="uniform"),
        )
        ```
    """

    alpha: Alpha = 0.5
    languages: LanguageWeights = "uniform"
    pairing: str = "row"
    coverage: Coverage = "groups"
    short_languages: str = "error"
    seed: int | None = None
    world_size: int | None = None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        _one_of("pairing", self.pairing, ("row", "batch"))
        _one_of("short_languages", self.short_languages, ("error", "cross-only"))
        whole = isinstance(self.coverage, int) and not isinstance(self.coverage, bool)
        if self.coverage not in ("groups", "rows") and not (whole and int(self.coverage) > 0):
            raise ValueError(f"coverage must be 'groups', 'rows' or a positive number of steps, got {self.coverage!r}")
        if self.world_size is not None and self.world_size < 1:
            raise ValueError(f"world_size must be at least 1, or None to ask accelerate, got {self.world_size}")

    def __call__(
        self,
        dataset: ParallelDataset,
        batch_size: int,
        drop_last: bool = True,
        valid_label_columns: list[str] | None = None,
        generator: Any = None,
        seed: int = 0,
    ) -> HybridBatchSampler:
        """The sampler: what the trainer calls, for training and for every evaluation."""
        from st_hybrid_batch.sampler import HybridBatchSampler

        return HybridBatchSampler(dataset, batch_size, drop_last, valid_label_columns, generator, seed, settings=self)

    def steps(self, groups: int, rows: int, global_batch: int) -> int:
        """Steps of an epoch."""
        if isinstance(self.coverage, int):
            return self.coverage
        return (groups if self.coverage == "groups" else rows) // global_batch

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.languages, Mapping):
            values["languages"] = dict(self.languages)
        return {**values, "alpha": alpha_to_dict(self.alpha)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HybridBatches:
        """The inverse of `to_dict`; keys that are not settings are refused."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown settings {unknown}; expected some of {sorted(known)}")
        given = dict(values)
        if "alpha" in given:
            given["alpha"] = alpha_from_dict(given["alpha"])
        return cls(**given)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
