"""The batch sampler: X-X-mono, X-Y and hybrid batches for the stock trainer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sentence_transformers.base.sampler import DefaultBatchSampler

from st_hybrid_batch.draw import BatchDrawer
from st_hybrid_batch.schedule import Alpha
from st_hybrid_batch.settings import Coverage, HybridBatches
from st_hybrid_batch.view import ParallelDataset
from st_hybrid_batch.weights import LanguageWeights


class HybridBatchSampler(DefaultBatchSampler):  # type: ignore[misc]
    """Batches that are monolingual with probability alpha and cross-lingual otherwise.

    In plain terms:

    1. Each step is monolingual (X-X-mono: all questions and passages in one language, drawn anew each
       time) with probability ``alpha``, else cross-lingual (X-Y: each row's question and passage in two
       different languages, a pair drawn for every row).
    2. A group is at most once in a global batch (all ranks together), so a translation of the positive is
       never among the negatives.
    3. Every rank has the same kind of batch at a step, and the same language if it is monolingual.
    4. What is drawn at a step depends on (seed, epoch, step) alone: not on the number of workers, nor on
       whether the run was interrupted.

    The exact distribution is in `BatchDrawer`, the definition in section 2.2 of Elmahdy et al. 2024
    (https://arxiv.org/abs/2408.10536).

    Batches are yielded rank by rank: batch ``step * world_size + rank``, as accelerate hands them out. All
    have exactly ``batch_size`` pairs ``(query row, passage row)``; groups that do not fill a global batch
    wait for another epoch, whatever ``drop_last`` says. Evaluation batches are drawn the same way, always as
    of epoch 0.

    Pass `HybridBatches` as ``batch_sampler=`` to choose the settings, and use `EpochCallback` to resume
    exactly under several processes.

    Args:
        dataset: a `ParallelDataset`.
        batch_size: rows of a batch on one device.
        drop_last: ignored, see above.
        valid_label_columns: ignored; the label is the passage group.
        generator: ignored; numbers are drawn from the seed.
        seed: seed, unless ``settings`` has one.
        settings: see `HybridBatches`; or name its fields as keywords.
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
        **fields: Alpha | LanguageWeights | str | Coverage | int | None,
    ) -> None:
        if settings is not None and fields:
            raise TypeError(f"give settings or its fields, not both; got settings and {sorted(fields)}")
        settings = settings or HybridBatches(**fields)  # type: ignore[arg-type]
        _check_dataset(dataset)
        super().__init__(
            dataset,
            batch_size=batch_size,
            drop_last=drop_last,
            valid_label_columns=valid_label_columns,
            generator=generator,
            seed=seed if settings.seed is None else settings.seed,
        )
        self.settings = settings
        self.world_size = settings.world_size or _world_size()
        index = dataset.group_index()
        global_batch = batch_size * self.world_size
        if global_batch > index.n_groups:
            raise ValueError(
                f"a step takes {batch_size} rows on each of {self.world_size} processes, that is "
                f"{global_batch} distinct groups, but the data set has {index.n_groups}. Use a smaller "
                "per_device_train_batch_size (or per_device_eval_batch_size)"
            )
        self.steps = settings.steps(index.n_groups, index.n_rows, global_batch)
        self.n_groups, self.n_rows, self.languages = index.n_groups, index.n_rows, index.languages
        self.drawer = BatchDrawer(
            index,
            global_batch=global_batch,
            alpha=settings.alpha,
            languages=settings.languages,
            pairing=settings.pairing,
            short_languages=settings.short_languages,
            steps=self.steps,
            seed=self.seed,
        )

    def __len__(self) -> int:
        """Batches of an epoch over all ranks: exact, and a multiple of the number of ranks."""
        return self.steps * self.world_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch = self.epoch
        for number in range(-(-self.steps // self.drawer.block_steps)):
            query_rows, passage_rows = self.drawer.block(epoch, number)
            shape = (-1, self.batch_size)  # (steps * ranks, batch)
            for query, passage in zip(query_rows.reshape(shape), passage_rows.reshape(shape), strict=True):
                queries = query.tolist()
                # a monolingual row is its own partner: half the conversion
                passages = queries if query[0] == passage[0] else passage.tolist()
                yield list(zip(queries, passages, strict=True))

    def batch(self, epoch: int, step: int, rank: int = 0) -> list[tuple[int, int]]:
        """The batch of one rank at one step, drawn without the ones before."""
        if not 0 <= step < self.steps or not 0 <= rank < self.world_size:
            raise IndexError(f"step {step} of {self.steps}, rank {rank} of {self.world_size}")
        number, within = divmod(step, self.drawer.block_steps)
        ours = slice(rank * self.batch_size, (rank + 1) * self.batch_size)
        query, passage = (rows[within, ours].tolist() for rows in self.drawer.block(epoch, number))
        return list(zip(query, passage, strict=True))

    def kind(self, epoch: int, step: int) -> str:
        """``"mono"`` or ``"cross"``."""
        return "mono" if self.drawer.plan(epoch).mono[step] else "cross"

    def signature(self) -> dict[str, Any]:
        """All that the draws depend on, as JSON: samplers with equal signatures yield the same batches."""
        return {
            **self.settings.to_dict(),
            "seed": self.seed,
            "batch_size": self.batch_size,
            "world_size": self.world_size,
            "groups": self.n_groups,
            "rows": self.n_rows,
            "trained_languages": list(self.languages),
        }


def _check_dataset(dataset: Any) -> None:
    if isinstance(dataset, ParallelDataset):
        return
    import datasets

    if isinstance(dataset, datasets.IterableDataset):
        raise TypeError(
            "hybrid batches need rows by number, which an IterableDataset does not have. Read it once into "
            "a memory-mapped data set: ParallelDataset.from_groups((group_from_record(record) for record in "
            "dataset), "
            'folder="cache/train")'
        )
    raise TypeError(
        f"expected a ParallelDataset, got a {type(dataset).__name__}. Build one with "
        "ParallelDataset.from_dataset(...) or .from_groups(...), after any select, shuffle, filter or map: "
        "those return an ordinary Dataset. A DatasetDict is not supported: the trainer joins its parts and "
        "adds numbers to row numbers"
    )


def _world_size() -> int:
    """The number of processes, as accelerate (which hands the batches out) or torch.distributed has it."""
    from accelerate.state import PartialState

    if PartialState._shared_state:
        return int(PartialState().num_processes)
    import torch.distributed as dist

    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
