"""What a training reads: groups from JSON Lines, mMARCO, SQuAD-shaped files or a registered data set, streamed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.errors import TrainingError
from beir_hybrid.languages import check_language
from beir_hybrid.progress import tell
from beir_hybrid.training.config import TrainConfig, refuse_without_validation
from beir_hybrid.training.folder import digest_of

if TYPE_CHECKING:
    from st_hybrid_batch import Group, ParallelDataset

_FULL_BATCH = 16
"""Languages with fewer validation groups are validated in cross-lingual batches only: batches stay this large."""


@dataclass(frozen=True)
class GroupSource:
    """Where groups come from, and how to read them, as often as they are needed.

    Args:
        paths: the files and folders they are read from, by what they are, such as a language.
        reader: yields them.
        splits: whether they may say what split they are of; else all are there to train on.
    """

    paths: Mapping[str, Path]
    reader: Callable[[], Iterable[Group]]
    splits: bool = True

    def read(self) -> Iterator[Group]:
        """The groups.

        Raises:
            TrainingError: what is read is malformed.
        """
        try:
            yield from self.reader()
        except (ValueError, FileNotFoundError) as error:
            raise TrainingError(str(error)) from error

    def digest(self) -> str:
        """A digest of all that is read."""
        if self.paths:
            return fingerprint_of(f"{name} {digest_of(path)}" for name, path in self.paths.items())
        return fingerprint_of(map(repr, self.read()))


def group_source(given: str, config: TrainConfig) -> GroupSource:
    """The groups that ``--groups`` or ``--dev-groups`` names.

    A file of JSON Lines; ``de=FILE,en=FILE``, SQuAD-shaped files with the same question ids; mMARCO's folder, with
    ``--pairs``; or the name of a registered data set with training groups.

    Raises:
        TrainingError: it is none of these.
    """
    from st_hybrid_batch import read_jsonl

    path = Path(given)
    if path.is_dir():
        return _mmarco(path, config)
    if path.is_file():
        return GroupSource({"groups": path}, lambda: read_jsonl(path))
    if "=" in given:
        return _squad(given)
    return _registered(given)


def training_groups(
    config: TrainConfig, part: str, left_out: Collection[str] = (), say: bool = False
) -> Iterator[Group]:
    """The groups to train on (``train``) or to validate on (``dev``).

    Raises:
        TrainingError: a malformed file, or a group without a split though others have one.
    """
    chosen: Iterator[Group]
    if part == "dev" and config.dev_groups:
        source = group_source(config.dev_groups, config)
        marked = any(group.split == "dev" for group in source.read())
        chosen = filter(lambda group: group.split == "dev" or not marked, source.read())
    else:
        chosen = _of_split(config, part, say)
    unwanted = set(left_out)
    return (group for group in chosen if group.id not in unwanted)


@dataclass(frozen=True)
class TrainingData:
    """What is trained and validated on, on disk and memory-mapped.

    Args:
        train: the training groups.
        dev: the validation groups, if there are some.
        left_out: ids of the groups of each part that overlap an evaluation set.
    """

    train: ParallelDataset
    dev: ParallelDataset | None
    left_out: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, config: TrainConfig, folder: Path, left_out: Mapping[str, Sequence[str]]) -> TrainingData:
        """Those of a configuration, written to ``folder`` by the first process that asks.

        Raises:
            TrainingError: what is read is malformed, or there is nothing to validate on where that is asked for.
        """
        from st_hybrid_batch import ParallelDataset

        def written(part: str, languages: Sequence[str] | None) -> ParallelDataset:
            # what does not change what is read is left out: the data are found again under another --out
            read = dataclasses.replace(config, out="-")
            arguments = {"config": read, "part": part, "left_out": sorted(left_out[part]), "say": part == "train"}
            return ParallelDataset.from_generator(
                training_groups, arguments, languages=languages, negatives=config.negatives, cache_dir=folder
            )

        train, dev = written("train", config.languages), None
        if len(train.languages) == 1 and config.language_weights != "uniform":
            raise TrainingError(
                f"--language-weights {config.language_weights} has no effect: all training text is in "
                f"{train.languages[0]}"
            )
        if next(training_groups(config, "dev", left_out["dev"]), None) is not None:
            dev = written("dev", _dev_languages(config, train.languages, left_out["dev"]))
        elif config.dev_groups:
            raise TrainingError(f"{config.dev_groups} holds no group to validate on")
        else:
            refuse_without_validation(config)
        return cls(train, dev, left_out)

    def texts(self) -> Iterator[str]:
        """All that is trained and validated on."""
        for part in filter(None, (self.train, self.dev)):
            for name in part.text_columns:
                for chunk in part.data.column(name).chunks:
                    yield from chunk.to_pylist()


def batches_of(config: TrainConfig, epochs: float) -> Any:
    """The sampler's settings, for a training of so many epochs: alpha moves over all of them."""
    from st_hybrid_batch import Cosine, HybridBatches, Linear

    alpha: Any = config.start_alpha
    if config.alpha_end is not None:
        schedule = Linear if config.alpha_schedule == "linear" else Cosine
        alpha = schedule(config.start_alpha, config.alpha_end, epochs)
    return HybridBatches(alpha=alpha, languages=config.weights(), pairing=config.pairing, seed=config.seed)


def validation_rows(config: TrainConfig, dev: Any, processes: int) -> int:
    """The rows of a validation batch on each process: no more than the smaller languages have groups."""
    index = dev.index
    sizes = [int(size) // processes for size in index.sizes()]
    enough = min(config.batch_size, _FULL_BATCH)
    full = [size for size in sizes if size >= enough] or [max(sizes)]
    if (parallel := len(index.groups_with(index.has().sum(axis=1) > 1)) // processes) >= enough:
        full.append(parallel)
    return max(2, min(config.batch_size, *full))


def _dev_languages(config: TrainConfig, languages: Sequence[str], left_out: Collection[str]) -> list[str]:
    """Those of the training languages that the validation groups have.

    Raises:
        TrainingError: they have none of them.
    """
    groups = training_groups(config, "dev", left_out)
    present = {language for group in groups for language in group.languages}
    common = [language for language in languages if language in present]
    if not common:
        raise TrainingError(
            f"the validation groups are in {', '.join(sorted(present)) or 'no language'}, the training groups in "
            f"{', '.join(languages)}; expected a language in common"
        )
    return common


def _of_split(config: TrainConfig, part: str, say: bool) -> Iterator[Group]:
    """Groups of a split; without any split, all are there to train on."""
    source = group_source(config.groups or "", config)
    if part == "dev" and not source.splits:
        return
    unmarked, marked, wanted, languages = None, False, 0, set[str]()
    others: dict[str, int] = {}
    for group in source.read():
        unmarked = unmarked or (group if group.split is None else None)
        marked = marked or group.split in ("train", "dev")
        if unmarked is not None and marked:
            raise TrainingError(
                f"{unmarked.where}: a group without a split, though others have one; expected split train or dev in all"
            )
        if group.split not in (None, "train", "dev"):
            others[group.split] = others.get(group.split, 0) + 1
        if group.split == part or (group.split is None and part == "train"):
            wanted += 1
            languages |= group.query.keys()
            yield group
    where = ", ".join(map(str, source.paths.values()))
    if say:
        for name, count in others.items():
            tell(f"{where}: {count:,} groups of split {name!r} are left out")
    if part == "train" and not wanted:
        raise TrainingError(f"{where} holds no group to train on (a field split must be 'train' for those)")
    for given in (config.languages or ()) if part == "train" else ():
        if (found := check_language(given, sorted(languages))) != given:
            raise TrainingError(f"unknown language {given!r}; did you mean {found!r}?")


def _squad(given: str) -> GroupSource:
    from st_hybrid_batch import read_squad

    pairs = [part.partition("=") for part in given.split(",")]
    files = {language.strip(): Path(path.strip()).expanduser() for language, _, path in pairs}
    missing = [path for path in files.values() if not path.is_file()]
    if missing:
        raise TrainingError(f"{missing[0]} does not exist; expected SQuAD-shaped files, language=FILE,language=FILE")
    return GroupSource(files, lambda: read_squad(files), splits=False)


def _mmarco(folder: Path, config: TrainConfig) -> GroupSource:
    from st_hybrid_batch import read_mmarco
    from st_hybrid_batch.readers.mmarco import COLLECTION, NAMES, QUERIES

    if not config.pairs:
        raise TrainingError(
            f"{folder} is a folder; mMARCO's needs --pairs FILE, its triples or qrels (groups are a file of JSON Lines)"
        )
    there = [code for code, name in NAMES.items() if (folder / COLLECTION.format(language=name)).exists()]
    languages = list(config.languages or there)
    if not languages:
        raise TrainingError(f"{folder} has no {COLLECTION.format(language='LANGUAGE')}; expected mMARCO's layout")
    names = [NAMES.get(code, code) for code in languages]
    pairs = Path(config.pairs)
    if not pairs.is_file():
        raise TrainingError(f"{pairs} does not exist; expected triples (qid, positive, negative) or qrels of mMARCO")
    files = [form.format(language=name) for name in names for form in (COLLECTION, QUERIES)]
    return GroupSource(
        {"pairs": pairs, **{name: folder / name for name in files}},
        lambda: read_mmarco(folder, languages, pairs, negatives=config.negatives or 0),
        splits=False,
    )


def _registered(name: str) -> GroupSource:
    """The training groups of a registered data set (``--groups sample``)."""
    from beir_hybrid.datasets import get_source, list_datasets
    from st_hybrid_batch import group_from_record

    records = getattr(get_source(name) if name in list_datasets() else None, "training_groups", None)
    if records is None:
        raise TrainingError(
            f"{name} does not exist; expected groups as JSON Lines, plain or gzipped, a folder of mMARCO, "
            "language=FILE,... of SQuAD-shaped files, or 'sample', the embedded sample"
        )
    return GroupSource({}, lambda: (group_from_record(record, f"{name}, group {record['id']}") for record in records()))
