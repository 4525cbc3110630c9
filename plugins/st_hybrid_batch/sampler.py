"""The batch sampler: X-X-mono, X-Y and hybrid batches for the trainers of sentence-transformers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.util.distributed import get_world_size

from st_hybrid_batch.alpha import Alpha, Linear, alpha_from_dict, alpha_to_dict, check_share
from st_hybrid_batch.dataset import ParallelDataset
from st_hybrid_batch.draw import BatchDrawer, validation_batches
from st_hybrid_batch.languages import LanguageWeights

_READ_NO_LABEL = {
    *("MultipleNegativesRankingLoss", "CachedMultipleNegativesRankingLoss", "GISTEmbedLoss", "CachedGISTEmbedLoss"),
    *("MultipleNegativesSymmetricRankingLoss", "CachedMultipleNegativesSymmetricRankingLoss", "MegaBatchMarginLoss"),
    *("MultiVectorMultipleNegativesRankingLoss", "CachedMultiVectorMultipleNegativesRankingLoss"),
    *("SparseMultipleNegativesRankingLoss", "TripletLoss", "SparseTripletLoss", "GlobalOrthogonalRegularizationLoss"),
    *("MatryoshkaLoss", "AdaptiveLayerLoss", "Matryoshka2dLoss", "SpladeLoss", "CachedSpladeLoss", "FlopsLoss"),
    *("CSRLoss", "CSRReconstructionLoss", "ContrastiveTensionLossInBatchNegatives"),
}
"""The losses of sentence-transformers to which ids mean nothing; all others take labels for scores or classes."""


@dataclass(frozen=True)
class HybridBatches:
    """Settings of a `HybridBatchSampler`, to pass as ``batch_sampler=``.

    Args:
        alpha: probability that a batch is monolingual: a number in [0, 1] (1 is X-X-mono, 0 is X-Y, between
            them hybrid), or a schedule: `Linear` or `Cosine`.
        languages: how often each language is drawn: ``"uniform"``, ``"size"`` (by number of groups), a
            temperature T (size ** (1 / T)), or a mapping of language to weight.
        pairing: in cross-lingual batches, ``"row"`` draws a language pair for every row (the paper's X-Y),
            ``"batch"`` one for the whole batch.
        coverage: what an epoch is: ``"groups"`` (as many rows as there are groups: over fully parallel data,
            each group once), ``"rows"`` (as many as there are rows: each group about once per language it
            has), or a number of steps.
        seed: seed; None takes the trainer's.
        world_size: processes that share the batches; None: those of torch.distributed. With accelerate's
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
    coverage: str | int = "groups"
    seed: int | None = None
    world_size: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, Linear):
            check_share("alpha", self.alpha)
        if self.pairing not in ("row", "batch"):
            raise ValueError(f"pairing must be one of 'row', 'batch', got {self.pairing!r}")
        whole = isinstance(self.coverage, int) and not isinstance(self.coverage, bool)
        if self.coverage not in ("groups", "rows") and not (whole and int(self.coverage) > 0):
            raise ValueError(f"coverage must be 'groups', 'rows' or a positive number of steps, got {self.coverage!r}")
        if not isinstance(self.seed, int | None):
            raise ValueError(f"seed must be a whole number, or None for the trainer's, got {self.seed!r}")
        if self.world_size is not None and not (isinstance(self.world_size, int) and self.world_size >= 1):
            raise ValueError(
                f"world_size must be at least 1, or None for those of torch.distributed, got {self.world_size}"
            )

    def __call__(self, dataset: ParallelDataset, batch_size: int, *given: Any, **named: Any) -> HybridBatchSampler:
        """The sampler: what the trainer calls, for training and for every evaluation."""
        return HybridBatchSampler(dataset, batch_size, *given, **named, settings=self)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON."""
        languages = dict(self.languages) if isinstance(self.languages, Mapping) else self.languages
        return {**vars(self), "alpha": alpha_to_dict(self.alpha), "languages": languages}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HybridBatches:
        """The inverse of `to_dict`; keys that are not settings are refused."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown settings {unknown}; expected some of {sorted(known)}")
        return cls(**{**values, "alpha": alpha_from_dict(values.get("alpha", cls.alpha))})


class HybridBatchSampler(DefaultBatchSampler):  # type: ignore[misc]
    """Batches that are monolingual with probability alpha and cross-lingual otherwise.

    In plain terms:

    1. Each step is monolingual (X-X-mono: all questions and passages in one language, drawn anew each time) with
       probability ``alpha``, else cross-lingual (X-Y: each row's question and passage in two different languages, a
       pair drawn for every row).
    2. In a global batch (all ranks together) no passage is twice, nor two translations of it, nor two passages of one
       question: what answers a question is never among its negatives.
    3. Every rank has the same sort of batch at a step, and the same language if it is monolingual.
    4. What is drawn at a step depends on (seed, epoch, step) alone: not on the number of workers, nor on whether the
       run was interrupted.

    The exact distribution is in `BatchDrawer`, the definition in section 2.2 of Elmahdy et al. 2024
    (https://arxiv.org/abs/2408.10536). What a trainer evaluates gets `validation_batches` instead: every group in a
    monolingual batch and in a cross-lingual one, as far as it has languages for them, the same at every evaluation;
    ``eval_loss`` is the mean over them, on any number of processes.

    Batches are yielded rank by rank: batch ``step * world_size + rank``, as accelerate hands them out. All have exactly
    ``batch_size`` pairs ``(query row, passage row)``; groups that do not fill a global batch wait for another epoch.

    Pass `HybridBatches` as ``batch_sampler=`` to choose the settings.

    Args:
        dataset: a `ParallelDataset`; it holds the epoch.
        batch_size: rows of a batch in one process (over all its GPUs under DataParallel).
        drop_last: ignored, see above.
        valid_label_columns: ignored; the label holds ids of passages.
        generator: its initial seed comes before ``seed``.
        seed: seed, unless ``settings`` has one.
        settings: see `HybridBatches`.
        validation: whether to give validation batches; None: if a trainer asks for some.
    """

    def __init__(
        self,
        dataset: ParallelDataset,
        batch_size: int,
        drop_last: bool = True,
        valid_label_columns: list[str] | None = None,
        generator: Any = None,
        seed: int = 0,
        *,
        settings: HybridBatches | None = None,
        validation: bool | None = None,
    ) -> None:
        asked = _asked_for_validation()
        validation = asked if validation is None else validation
        if not isinstance(dataset, ParallelDataset) or dataset.is_changed:
            raise TypeError(
                f"expected a ParallelDataset as it was made, got a {type(dataset).__name__} that select, filter, map, "
                "with_format or the like has returned: make it one again with ParallelDataset(dataset)"
            )
        self.settings = settings or HybridBatches()
        self.world_size = self.settings.world_size or get_world_size()
        index = dataset.index
        if validation and index.n_groups >= 2 * self.world_size:
            # too few for a batch are validated on together: a training is not to fail at its first evaluation
            batch_size = min(batch_size, index.n_groups // self.world_size)
        if generator is not None:  # sentence-transformers 6.0 seeds the generator and forgets to hand on the seed
            seed = generator.initial_seed()
        super().__init__(
            dataset,
            batch_size=batch_size,
            drop_last=drop_last,
            valid_label_columns=valid_label_columns,
            generator=generator,
            seed=seed if self.settings.seed is None else self.settings.seed,
        )
        self.dataset = dataset
        global_batch = batch_size * self.world_size
        if global_batch > index.n_groups:
            raise ValueError(
                f"a step takes {batch_size} rows on each of {self.world_size} processes, that is {global_batch} "
                f"distinct groups, but the data set has {index.n_groups}. Use a smaller "
                "per_device_train_batch_size (or per_device_eval_batch_size)"
            )
        self._drawer: BatchDrawer | None = None
        if validation:
            self._queries, self._passages, self._mono = validation_batches(index, global_batch)
            self.steps = len(self._queries)
            return
        self._drawer = BatchDrawer(index, self.settings, global_batch, self.seed)
        self.steps = self._drawer.steps

    def __len__(self) -> int:
        """Batches of an epoch over all ranks: exact, and a multiple of the number of ranks."""
        return self.steps * self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch. accelerate sets it on the data set, which it reaches where it does not reach samplers."""
        self.dataset.set_epoch(epoch)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        drawer = self._drawer
        blocks = [(self._queries, self._passages)] if drawer is None else drawer.blocks(self.dataset.epoch)
        for sides in blocks:
            query, passage = (side.reshape(-1, self.batch_size) for side in sides)
            for mono, queries, passages in zip((query == passage).all(axis=1).tolist(), query, passage, strict=True):
                ours = queries.tolist()
                # in a monolingual batch, every row is its own partner: half the conversion
                yield list(zip(ours, ours if mono else passages.tolist(), strict=True))

    def setting(self, epoch: int, step: int) -> str:
        """``"mono"`` or ``"cross"``: what the batches of a step are."""
        mono = step < self._mono if self._drawer is None else self._drawer.plan(epoch).mono[step]
        return "mono" if mono else "cross"

    def signature(self) -> dict[str, Any]:
        """All that the draws depend on, as JSON: samplers with equal signatures yield the same batches."""
        return {
            **self.settings.to_dict(),
            "seed": self.seed,
            "batch_size": self.batch_size,
            "world_size": self.world_size,
            "groups": self.dataset.n_groups,
            "rows": self.dataset.num_rows,
            "trained_languages": list(self.dataset.languages),
            "data": self.dataset.digest(),
        }


def _asked_for_validation() -> bool:
    """Whether a trainer asks for batches to evaluate; one that would misread pairs and ids without a word is refused.

    A trainer tells its samplers neither what for, nor its loss, nor what its data set is part of, so it is looked for
    among the callers.
    """
    from datasets import DatasetDict
    from sentence_transformers.base.trainer import BaseTrainer

    callers = [(info.frame.f_locals.get("self"), info.function) for info in inspect.stack(context=0)]
    asking = {method: caller for caller, method in callers if isinstance(caller, BaseTrainer)}
    for trainer in asking.values():
        if isinstance(trainer.train_dataset, DatasetDict):
            raise ValueError(
                "hybrid batches need one ParallelDataset, not a DatasetDict: put all groups into one data set"
            )
        for loss in trainer.loss.modules() if not isinstance(trainer.loss, dict) else ():
            classes = (one for one in type(loss).__mro__ if one.__module__.startswith("sentence_transformers."))
            host = next(classes, None)
            if host is not None and ".losses." in host.__module__ and host.__name__ not in _READ_NO_LABEL:
                raise ValueError(
                    f"{type(loss).__name__} reads the label as a score or class, but the label of a ParallelDataset "
                    "holds ids of passages. Give the trainer a loss, e.g. "
                    "loss=MaskedMultipleNegativesRankingLoss(model) (the trainers' defaults read scores)"
                )
    return not asking.keys().isdisjoint({"get_eval_dataloader", "get_test_dataloader"})
