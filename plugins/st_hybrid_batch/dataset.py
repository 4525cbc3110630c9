"""Parallel groups as a data set that also takes (query row, passage row) pairs."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_hybrid_batch.group import Group, check_text, rows_of_groups
from st_hybrid_batch.identity import passage_columns, passage_ids
from st_hybrid_batch.index import I64, GroupIndex, numbers_of

_LAYOUT = 2
"""Changes when rows or ids are made in another way: data sets cached before are then made anew."""
_ROWS_AT_ONCE = 10_000
_IDS_OF = "Ids of the texts of "
"""Begins the description of a data set; its fingerprint follows. Of one that was joined or changed it is another."""


class ParallelDataset(datasets.Dataset):  # type: ignore[misc]
    """Parallel groups as a training set for the trainers of sentence-transformers.

    An ordinary ``datasets.Dataset`` with a row for every group and language. The collator sees the columns ``query``,
    ``passage``, ``negative_1`` ... ``negative_n`` and ``label``; ``language`` and ``group``, and any other column, are
    in the table but hidden from it. Indexed with integers, its rows are monolingual pairs. Asked by a
    `HybridBatchSampler` for pairs of rows, it takes the question from the first and everything else from the second:
    cross-lingual pairs exist only while they are used.

    ``label``, ``1 + negatives`` integers, are ids of the row's passage and hard negatives (see `passage_ids`). Equal
    texts, translations and passages of one question have one id wherever they occur. They are no scores: use a loss of
    this package, or one that reads no label.

    accelerate sets the epoch on the data set (`set_epoch`), through whatever it wraps around samplers, and the sampler
    draws what belongs to it: a resumed run sees the batches of an uninterrupted one.

    Args:
        dataset: rows with these columns, those of a group next to each other and sorted by language: what
            ``load_from_disk``, ``filter``, ``select`` or ``map`` made of an earlier parallel data set, or
            ``concatenate_datasets`` of several (texts that are equal now get one id; so do passages that had one).
            To start from texts, use `from_generator`, `from_groups` or `from_dataset`.

    Example:
        ```python
        from st_hybrid_batch import HybridBatches, MaskedMultipleNegativesRankingLoss, ParallelDataset, read_jsonl

        train = ParallelDataset.from_generator(read_jsonl, {"path": "groups.jsonl.gz", "split": "train"})
        dev = ParallelDataset.from_generator(read_jsonl, {"path": "groups.jsonl.gz", "split": "dev"})
        args = SentenceTransformerTrainingArguments(batch_sampler=HybridBatches(alpha=0.5), ...)
        trainer = SentenceTransformerTrainer(
            model, args, train, dev, loss=MaskedMultipleNegativesRankingLoss(model)
        )
        ```
    """

    total_dataset_length = 0
    """accelerate cuts the last evaluation step to what the length leaves over: every batch here is full."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        _check_kind(dataset)
        made = dataset.info.description == f"{_IDS_OF}{dataset._fingerprint}"
        if dataset._indices is not None:  # after select or shuffle, every row would be looked up
            dataset = dataset.flatten_indices()
        missing = [name for name in ("query", "passage", "label", "language", "group") if name not in dataset.features]
        if missing:
            raise ValueError(
                f"no column {missing[0]!r} among {dataset.column_names}; build the data set with "
                "ParallelDataset.from_generator, .from_groups or .from_dataset"
            )
        if dataset.format["type"] == "custom":
            raise ValueError(
                "the transform that the data set was given would be left out: change the texts with map, or give "
                "dataset.with_format(None)"
            )
        passages = passage_columns(dataset.column_names)
        if _IDS_OF in dataset.info.description and not made:
            for name in ("query", *passages):
                _check_texts(name, dataset.data.column(name))
            dataset = _labelled(dataset.with_format(None))
        ids = datasets.List(datasets.Value("int64"), length=len(passages))
        if dataset.features["label"] != ids:
            raise ValueError(
                f"expected {ids.length} ids in 'label' in every row, of the passage and each hard negative, as "
                f"ParallelDataset.from_dataset makes them; got {dataset.features['label']}"
            )
        dataset = _with_names(dataset, ("language", "group"))
        super().__init__(dataset.data, info=dataset.info, split=dataset.split, fingerprint=dataset._fingerprint)
        self.text_columns = ["query", *passages]
        self.set_format(columns=[*self.text_columns, "label"])
        self._made = self._fingerprint
        if _IDS_OF in self.info.description:
            self.info.description = f"{_IDS_OF}{self._made}"
        self.epoch = 0

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Iterable[Group]],
        gen_kwargs: Mapping[str, Any] | None = None,
        *,
        languages: Sequence[str] | None = None,
        negatives: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> ParallelDataset:
        """Build on disk from a function that yields groups, e.g. ``read_jsonl``, ``read_squad`` or ``read_mmarco``.

        Rows are streamed to an Arrow file in the cache of ``datasets``, which writes aside and renames, locks against
        other processes, and returns what is there if the arguments are the same. A digest of every file or folder that
        an argument names, and of the function's module, is among them, so changed files are new data: any text that is
        one, unless the function says that the argument is no ``Path``.

        Args:
            generator: a function defined at the top of a module.
            gen_kwargs: its arguments.
            languages: the languages to keep; all by default. One that no group has is refused.
            negatives: hard negatives of every row; by default as many as the first row has.
            cache_dir: in place of the cache of ``datasets``.
        """
        arguments = dict(gen_kwargs or {})
        given = {
            "read": partial(generator, **arguments),
            "languages": None if languages is None else tuple(languages),
            "negatives": negatives,
            "source": f"{_LAYOUT} {source_digest(generator, arguments)}",
        }
        try:
            rows = datasets.Dataset.from_generator(
                rows_of_groups, gen_kwargs=given, cache_dir=None if cache_dir is None else str(cache_dir)
            )
        except datasets.exceptions.DatasetGenerationError as error:
            raise error.__cause__ or error from None  # the reader's own words
        return cls(_labelled(rows))

    @classmethod
    def from_groups(
        cls,
        groups: Iterable[Group],
        *,
        languages: Sequence[str] | None = None,
        negatives: int | None = None,
    ) -> ParallelDataset:
        """Build in memory from groups; arguments as in `from_generator`."""
        return cls(_in_memory(pa.Table.from_pylist(list(rows_of_groups(lambda: groups, languages, negatives)))))

    @classmethod
    def from_dataset(
        cls,
        dataset: datasets.Dataset,
        *,
        group: str = "group",
        language: str = "language",
        query: str = "query",
        passage: str = "passage",
        negatives: Sequence[str] = (),
        passage_group: str | None = None,
    ) -> ParallelDataset:
        """Build in memory from a data set with a row for every group and language, in any order.

        Args:
            dataset: the rows; columns that are not named below are left out.
            group: column that rows of one group have in common.
            language: column with the row's language.
            query: column with the question.
            passage: column with its passage.
            negatives: columns with hard negatives.
            passage_group: column that rows with the same passage have in common, across languages and questions.
        """
        _check_kind(dataset)
        names = {"query": query, "passage": passage}
        names |= {f"negative_{number}": name for number, name in enumerate(negatives, start=1)}
        names |= {"language": language, "group": group} | ({"passage_group": passage_group} if passage_group else {})
        if missing := [name for name in names.values() if name not in dataset.column_names]:
            raise ValueError(
                f"no column {missing[0]!r}; the data set has {dataset.column_names}. Name the columns as keywords"
            )
        if not dataset.num_rows:
            raise ValueError("the data set has no rows")
        dataset = dataset.select_columns(list(dict.fromkeys(names.values()))).flatten_indices().with_format(None)
        given = _with_names(dataset, (group, language, passage_group)).data
        for ours, theirs in names.items():
            if ours != "passage_group":
                _check_texts(theirs, given.column(theirs))
        # texts of more than 2 GiB together can be put in another order as large strings alone
        columns = {ours: given.column(theirs).cast(pa.large_string()) for ours, theirs in names.items()}
        columns.setdefault("passage_group", pa.nulls(len(given), pa.large_string()))
        table = pa.table(columns).append_column("number", pa.array(numbers_of(columns["group"])[1]))
        table = table.sort_by([("number", "ascending"), ("language", "ascending")]).drop_columns(["number"])
        short = {
            name: pc.fill_null(table[name].cast(pa.string()), "") for name in ("language", "group", "passage_group")
        }
        made = cls(_in_memory(pa.table({**{name: table[name] for name in names}, **short})))
        made.index  # noqa: B018  refuses a language that a group has twice
        return made

    @property
    def is_changed(self) -> bool:
        """Whether it is a copy with other rows, columns or format, as ``filter`` and ``with_format`` return it: then
        what was learnt of its rows and columns is not true any more."""
        return bool(self._fingerprint != self._made)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, sorted."""
        return self.index.languages

    @property
    def n_groups(self) -> int:
        return self.index.n_groups

    @cached_property
    def index(self) -> GroupIndex:
        """Which groups have which languages."""
        passages = np.concatenate(list(self.positive_ids()))
        return GroupIndex.of_columns(self.data.column("language"), self.data.column("group"), passages)

    def positive_ids(self) -> Iterator[I64]:
        """The ids of the rows' passages, some rows at a time."""
        for chunk in self.data.column("label").chunks:
            yield chunk.flatten().to_numpy().reshape(len(chunk), -1)[:, 0]

    def row_languages(self, rows: Sequence[int]) -> list[str]:
        """The language of each of some rows."""
        return self.data.fast_gather(list(rows)).column("language").to_pylist()  # type: ignore[no-any-return]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches are drawn; of validation batches all epochs have the same."""
        self.epoch = epoch

    def to_iterable_dataset(self, *_: Any, **__: Any) -> Any:
        """Refused: the trainers ignore a batch sampler for streams, and would train on rows in order."""
        raise TypeError("a stream has no hybrid batches: pairs are drawn by row number; train on the data set itself")

    def digest(self) -> str:
        """A digest of texts, ids, languages and groups: the same data have the same wherever they lie."""
        digest = hashlib.blake2b(digest_size=16)
        for name in (*self.text_columns, "language", "group"):
            lengths = hashlib.blake2b(digest_size=16)  # apart from the texts: how a column is cut does not matter
            for chunk in self.data.column(name).cast(pa.large_string()).chunks:
                offsets = np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
                digest.update(memoryview(chunk.buffers()[2] or b"")[offsets[0] : offsets[-1]])
                lengths.update(np.diff(offsets).tobytes())
            digest.update(name.encode() + lengths.digest())
        for chunk in self.data.column("label").chunks:
            digest.update(chunk.flatten().to_numpy().tobytes())
        return digest.hexdigest()

    def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
        """Rows for integers, and for pairs the first's question with the rest of the second."""
        if not keys or not isinstance(keys[0], tuple):
            return super().__getitems__(keys)  # type: ignore[no-any-return]
        query_rows, passage_rows = (list(rows) for rows in zip(*keys, strict=True))
        if query_rows == passage_rows:
            return super().__getitems__(query_rows)  # type: ignore[no-any-return]
        rows: list[dict[str, Any]] = super().__getitems__(passage_rows)
        for row, query in zip(rows, self.data.fast_gather(query_rows).column("query").to_pylist(), strict=True):
            row["query"] = query
        return rows


def _check_kind(dataset: Any) -> None:
    if not isinstance(dataset, datasets.Dataset):
        raise TypeError(
            f"expected a datasets.Dataset, got a {type(dataset).__name__}: pairs are drawn by row number. Stream "
            "groups to disk with ParallelDataset.from_generator, and give the parts of a DatasetDict one by one"
        )


def _check_texts(name: str, column: pa.ChunkedArray) -> None:
    """Refuse a column with what is no text, or has nothing in it, by its first row."""
    good = pa.array([False])
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        good = pc.fill_null(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0), False)
    if (row := pc.index(good, False).as_py()) >= 0:
        check_text(column[row].as_py(), f"row {row}: column {name!r}")


def source_digest(generator: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """A digest of a reader's code and of every file that its arguments name: contents of files; names, sizes and times
    in folders.

    Args:
        generator: the reader. An argument that it annotates with something else than a ``Path`` names no file.
        arguments: its arguments: mappings and sequences are looked through.
    """
    parameters = inspect.signature(generator).parameters
    digest = hashlib.blake2b(digest_size=16)
    with contextlib.suppress(OSError, TypeError):  # what has no file, as in a notebook, `datasets` knows by its code
        digest.update(inspect.getsource(inspect.getmodule(generator) or generator).encode())
    for name, value in arguments.items():
        told = parameters[name].annotation if name in parameters else inspect.Parameter.empty
        if told is inspect.Parameter.empty or "Path" in str(told):
            for path in sorted(_paths(value)):
                digest.update(str(path).encode())
                for file in sorted(path.rglob("*")) if path.is_dir() else ():
                    found = file.stat()
                    digest.update(f"{file} {found.st_size} {found.st_mtime_ns}".encode())
                if path.is_file():
                    with path.open("rb") as file_bytes:
                        digest.update(hashlib.file_digest(file_bytes, "blake2b").digest())
    return digest.hexdigest()


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, str | Path):
        try:
            if Path(value).exists():
                yield Path(value)
        except OSError:  # a text that is no file name
            pass
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(part)


def _in_memory(table: pa.Table) -> datasets.Dataset:
    # a fingerprint of its own: else the whole table is pickled for one
    return _labelled(datasets.Dataset(datasets.table.InMemoryTable(table), fingerprint=uuid.uuid4().hex))


def _with_names(dataset: datasets.Dataset, columns: Iterable[str | None]) -> datasets.Dataset:
    """A data set whose columns hold texts where they held numbers or the numbers of class labels."""
    for name in columns:
        feature = dataset.features.get(name)
        if isinstance(feature, datasets.ClassLabel):
            names = pa.array(feature.names).take(dataset.data.column(name).combine_chunks())
            order = dataset.column_names
            dataset = dataset.remove_columns(name).add_column(name, names).select_columns(order)
        elif feature is not None and feature != datasets.Value("string"):
            dataset = dataset.cast_column(name, datasets.Value("string"))
    return dataset


def _labelled(rows: datasets.Dataset) -> datasets.Dataset:
    """Rows with their labels beside them: in memory, or on disk in a file of ``datasets`` too, made once."""
    made: dict[str, Any] = {}

    def label(_: Any, numbers: list[int]) -> dict[str, Any]:
        if not made:
            made["ids"] = passage_ids(rows.data)
        return {"label": made["ids"][numbers]}

    columns = len(passage_columns(rows.column_names))
    labels = rows.select_columns(["group"]).map(
        label,
        with_indices=True,
        batched=True,
        batch_size=_ROWS_AT_ONCE,
        remove_columns=["group"],
        features=datasets.Features({"label": datasets.List(datasets.Value("int64"), length=columns)}),
        new_fingerprint=f"{rows._fingerprint}-label{_LAYOUT}",
        desc="Naming equal texts",
    )
    used = [name for name in ("passage_group", "label") if name in rows.column_names]
    labelled = datasets.concatenate_datasets([rows.remove_columns(used), labels], axis=1)
    labelled.info.description = f"{_IDS_OF}{labelled._fingerprint}"
    return labelled
