"""Result folders put side by side: the same data, the same tasks, the same queries, paired by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beir_hybrid.comparison.scores import Scores, TaskKey
from beir_hybrid.errors import ResultsError, some_of
from beir_hybrid.evaluation.results import Results
from beir_hybrid.progress import counted
from beir_hybrid.records import SETTINGS, IntArray, ScoreArray


@dataclass(frozen=True, eq=False)
class AlignedTask:
    """One task of several systems.

    Attributes:
        values: ``{metric: float64 [systems, queries]}``, NaN where not defined; metrics that all systems have.
        overall: ``{metric: one value a system}`` of the metrics measured over all queries at once.
        bounds: ``{metric: depth of each system's rankings}`` where the cutoff is deeper and values are lower bounds;
            None for a system whose value is none.
    """

    key: TaskKey
    query_ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: Mapping[str, ScoreArray]
    overall: Mapping[str, tuple[float | None, ...]]
    bounds: Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Several systems on the same tasks; ``tasks`` are in the order mono, cross, multi, then by language.

    Attributes:
        whole: whether all queries and tasks of every folder are there.
        left_out: settings that some folders have and others lack, where none were asked for.
    """

    names: tuple[str, ...]
    folders: tuple[Path, ...]
    dataset: str
    split: str
    tasks: tuple[AlignedTask, ...]
    whole: bool
    left_out: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        return tuple(setting for setting in SETTINGS if any(task.key[0] == setting for task in self.tasks))

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for task in self.tasks for name in (*task.values, *task.overall)))


def align(
    scores: Sequence[Scores], settings: Sequence[str] | None = None, *, intersect: bool | None = False
) -> Aligned:
    """Pair the queries of several result folders by id.

    Args:
        settings: which to keep; default: those all folders have.
        intersect: keep the tasks and queries all folders have, instead of refusing folders that differ in them; None:
            whoever asks has no such option, and is not told of it.

    Raises:
        ResultsError: the folders are of different data sets, splits or contents, or (without ``intersect``) of
            different tasks or queries; a setting is asked for that a folder lacks; a folder is given twice.
    """
    if not scores:
        raise ResultsError("no result folder was given; give those that `beir-hybrid evaluate --out` has filled")
    _refuse_same_folder(scores)
    for other in scores[1:]:
        _refuse_other_data(scores[0], other)
    shared = [s for s in SETTINGS if all(any(key[0] == s for key in each.tasks) for each in scores)]
    for setting in settings or ():
        lacking = [str(each.folder) for each in scores if not any(key[0] == setting for key in each.tasks)]
        if lacking:
            raise ResultsError(
                f"{' and '.join(lacking)} did not measure {setting}; all folders have: {some_of(shared)}"
            )
    if not shared:
        raise ResultsError(
            "the folders have no setting in common: "
            + "; ".join(f"{each.folder} has {some_of(sorted({key[0] for key in each.tasks}))}" for each in scores)
        )
    chosen = [setting for setting in shared if settings is None or setting in settings]
    if "multi" in chosen:
        _refuse_other_pool(scores)
    keys = _common_tasks(scores, chosen, intersect)
    tasks = tuple(_align_task(scores, key, intersect) for key in keys)
    names = tuple(_names(scores))
    first = scores[0].results
    kept = {task.key: len(task.query_ids) for task in tasks}
    whole = all(
        kept.get(key) == len(table.query_ids)
        for each in scores
        for key, table in each.tasks.items()
        if key[0] in chosen
    )
    folders = tuple(each.folder for each in scores)
    somewhere = {key[0] for each in scores for key in each.tasks}
    left_out = tuple(s for s in SETTINGS if s in somewhere and s not in shared) if settings is None else ()
    return Aligned(names, folders, first.dataset, first.split, tasks, whole, left_out)


def _refuse_same_folder(scores: Sequence[Scores]) -> None:
    seen: dict[Path, Path] = {}
    for each in scores:
        before = seen.setdefault(each.folder.resolve(), each.folder)
        if before is not each.folder:
            raise ResultsError(f"{before} and {each.folder} are the same folder; name each folder once")


def _refuse_other_data(first: Scores, other: Scores) -> None:
    one, two = first.results, other.results
    for what in ("dataset", "split"):
        if getattr(one, what) != getattr(two, what):
            raise ResultsError(
                f"{first.folder} is of {what} {getattr(one, what)!r} and {other.folder} of {getattr(two, what)!r}; "
                f"only results of the same {what} can be compared"
            )
    key = "dataset_fingerprint"
    # restricting the languages or adding paragraphs changes the fingerprint too: then their files must speak
    same = all(one.inputs.get(name) == two.inputs.get(name) for name in ("languages", "dataset_options"))
    if same and one.inputs.get(key) != two.inputs.get(key):
        raise ResultsError(
            f"{first.folder} and {other.folder} were measured on different contents of {one.dataset} "
            f"(fingerprints {one.inputs.get(key)} and {two.inputs.get(key)}); evaluate both on the same files"
        )
    ours, theirs = _digests(one), _digests(two)
    changed = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
    if changed:
        raise ResultsError(
            f"{first.folder} and {other.folder} were measured on different contents of {some_of(changed)} of "
            f"{one.dataset}; evaluate both on the same files"
        )


def _digests(results: Results) -> dict[str, str]:
    """The sha256 of each file the data were read from, by the end of its path."""
    return {
        "/".join(Path(file["path"]).parts[-2:]): file["sha256"]
        for file in results.inputs.get("files", ())
        if file.get("sha256")
    }


def _refuse_other_pool(scores: Sequence[Scores]) -> None:
    first = scores[0]
    for other in scores[1:]:
        one, two = (set(each.results.inputs.get("languages", ())) for each in (first, other))
        if one != two:
            raise ResultsError(
                f"the pools of {first.folder} and {other.folder} differ in {some_of(sorted(one ^ two))}, so their "
                f"multi results cannot be compared; leave multi out with --settings mono,cross"
            )


def _remedy(intersect: bool | None, kept: str) -> str:
    return "give folders that were measured on the same" if intersect is None else f"--intersect compares {kept}"


def _common_tasks(scores: Sequence[Scores], settings: Sequence[str], intersect: bool | None) -> list[TaskKey]:
    first = scores[0]
    keys = [key for key in first.tasks if key[0] in settings and all(key in each.tasks for each in scores)]
    for other in scores[1:]:
        one, two = ({key for key in each.tasks if key[0] in settings} for each in (first, other))
        if one != two and not intersect:
            raise ResultsError(
                f"{first.folder} and {other.folder} differ in {counted(len(one ^ two), 'task', 'tasks')}: "
                f"{some_of([':'.join(key) for key in sorted(one ^ two)])}; {_remedy(intersect, 'what all have')}"
            )
    if not keys:
        raise ResultsError("the folders have no task in common")
    return keys


def _align_task(scores: Sequence[Scores], key: TaskKey, intersect: bool | None) -> AlignedTask:
    tables = [each.tasks[key] for each in scores]
    first = tables[0]
    ids, groups = first.query_ids, first.groups
    rows: list[IntArray] | None = None
    if any(table.query_ids != ids for table in tables[1:]):
        common = set(ids).intersection(*(table.query_ids for table in tables[1:]))
        if not intersect:
            _refuse_other_queries(scores, key, intersect)
        if not common:
            raise ResultsError(f"the folders have no query of {':'.join(key)} in common")
        rows = [np.flatnonzero([query in common for query in table.query_ids]) for table in tables]
        groups = tuple(groups[row] for row in rows[0])
        ids = tuple(ids[row] for row in rows[0])
    shared = [name for name in first.metrics if all(name in table.metrics for table in tables)]
    kept = rows or [np.arange(len(ids))] * len(tables)
    values = {
        name: np.stack([table.metrics[name][row] for table, row in zip(tables, kept, strict=True)]) for name in shared
    }
    # what was measured over all queries cannot be cut to some of them
    measured = [each.measured.get(key, {}) for each in scores]
    overall = {
        name: tuple(own[name].value for own in measured)
        for name in measured[0]
        if not rows and name not in values and all(name in own for own in measured)
    }
    found = {name: [own.get(name) for own in measured] for name in (*values, *overall)}
    depths = {name: tuple(s.depth if s and s.is_bound else None for s in own) for name, own in found.items()}
    bounds = {name: own for name, own in depths.items() if any(own)}
    return AlignedTask(key, ids, groups, values, overall, bounds)


def _refuse_other_queries(scores: Sequence[Scores], key: TaskKey, intersect: bool | None) -> None:
    first = scores[0]
    for other in scores[1:]:
        one, two = (set(each.tasks[key].query_ids) for each in (first, other))
        if one == two:
            continue
        parts = [
            f"{len(only)} only in {each.folder} ({some_of(sorted(only))})"
            for only, each in ((one - two, first), (two - one, other))
            if only
        ]
        raise ResultsError(
            f"the queries of {':'.join(key)} differ: {', '.join(parts)}; {_remedy(intersect, 'the others')}"
        )


def _names(scores: Sequence[Scores]) -> list[str]:
    """The systems' names; those that several folders share get the shortest end of their path that tells them apart."""
    given = [each.results.name for each in scores]
    names = []
    for name, each in zip(given, scores, strict=True):
        rivals = [other.folder for other in scores if other is not each and other.results.name == name]
        names.append(f"{name} ({_distinct_end(each.folder, rivals)})" if rivals else name)
    return names


def _distinct_end(folder: Path, rivals: Sequence[Path]) -> str:
    parts = folder.resolve().parts
    ends = (parts[-length:] for length in range(1, len(parts)))
    apart = (end for end in ends if all(rival.resolve().parts[-len(end) :] != end for rival in rivals))
    return "/".join(next(apart, [str(folder)]))
