"""Systems against a baseline: differences, intervals, tests, wins, ties and losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from beir_hybrid.comparison.align import Aligned, align
from beir_hybrid.comparison.correction import CORRECTIONS
from beir_hybrid.comparison.paired import Asked, paired_rows
from beir_hybrid.comparison.rows import Comparison
from beir_hybrid.comparison.scores import Scores, load_per_query
from beir_hybrid.comparison.significance import TESTS
from beir_hybrid.errors import ComparisonError, did_you_mean
from beir_hybrid.metrics.measures import cutoff_of, metrics_among
from beir_hybrid.settings import parse_settings


def compare(
    folders: Sequence[Path | str | Scores] | Path | str,
    *,
    baseline: str | None = None,
    settings: str | Iterable[str] | None = None,
    metrics: str | Iterable[str] | None = None,
    test: str = "permutation",
    correction: str | None = None,
    alpha: float = 0.05,
    intersect: bool = False,
    seed: int = 0,
    draws: int = 10_000,
) -> Comparison:
    """Compare retrievers that were measured on the same data, query by query.

    Queries are paired by id. What is permuted and resampled are question groups, not queries: the parallel queries of
    a group are not independent of each other. A macro mean (over languages, or ordered pairs) is one mean whose
    groups each contribute in all their languages at once. Folders may be of several data sets: then every system must
    have one of each, and rows of the data set ``mean`` are the mean over them.

    Args:
        folders: result folders of `evaluate` or `fuse`, one a system and data set, or their `Scores`, loaded or made
            of several (a mean over seeds). One alone gives values and intervals.
        baseline: the system, its folder or folder name; default: that of the first folder.
        settings: default: all that all folders have.
        metrics: names of ours or ir_measures' (``nDCG@10``, ``AP``); default: all that all folders have.
        test: ``permutation`` (paired sign flips), ``student``, ``wilcoxon`` (paired, two-sided; of single languages,
            since it tests no mean) or ``tukey`` (randomised Tukey HSD over all systems, which takes no correction).
        correction: ``max-t`` (Westfall and Young, on the permutations themselves), ``holm``, ``bh`` or ``none``,
            over a family: the tests of one metric in one setting of a data set, where the macro means (one test a
            system) are a family, and the languages or pairs (one a system and task) another. Default: ``max-t`` of
            the permutation test, else ``holm``.
        alpha: what corrected p value counts as significant.
        intersect: compare the tasks and queries all folders have, where they differ.
        seed: of the permutations and resamples; the same seed gives the same numbers, whatever else is compared.
        draws: permutations and bootstrap resamples.

    Raises:
        ComparisonError: an option is unknown or out of range.
        ResultsError: the folders cannot be compared (see `align`), or one is damaged.
        MetricError, SettingError: an unknown name.
    """
    if isinstance(folders, str | Path):
        folders = [folders]
    asked = _asked(test, correction, alpha, seed, draws)  # before anything is read
    scores = [each if isinstance(each, Scores) else load_per_query(each) for each in folders]
    chosen = None if settings is None else parse_settings(settings)
    aligned = _by_dataset(scores, chosen, intersect=intersect)
    names = tuple(dict.fromkeys(metric for each in aligned for metric in each.metrics))
    if metrics is not None:
        names = metrics_among(metrics, names, "the folders do not all have the metric")
    _refuse_other_depths(aligned, names)
    base = _find_baseline(aligned, baseline)
    return Comparison(
        baseline=aligned[0].names[base],
        test=test,
        correction=asked.correction,
        alpha=alpha,
        rows=tuple(paired_rows(aligned, base, names, asked)),
        dataset=" + ".join(each.dataset for each in aligned),
        split=" + ".join(dict.fromkeys(each.split for each in aligned)),
        names=aligned[0].names,
        metrics=names,
        settings=tuple(dict.fromkeys(setting for each in aligned for setting in each.settings)),
        seed=seed,
        draws=draws,
        intersect=intersect,
        scores=aligned,
    )


def _asked(test: str, correction: str | None, alpha: float, seed: int, draws: int) -> Asked:
    if test not in TESTS:
        raise ComparisonError(f"unknown test {test!r}; {did_you_mean(test, TESTS)}")
    if correction is not None and correction not in CORRECTIONS:
        raise ComparisonError(f"unknown correction {correction!r}; {did_you_mean(correction, CORRECTIONS)}")
    if test == "tukey" and correction not in (None, "none"):
        raise ComparisonError(f"tukey needs no correction: it tests all systems together; leave {correction} out")
    if correction == "max-t" and test != "permutation":
        raise ComparisonError(f"max-t corrects the permutation test, not {test}; choose holm, bh or none")
    if not 0 < alpha < 1:
        raise ComparisonError(f"alpha is {alpha}; expected a number between 0 and 1, like 0.05")
    if draws < 1 or seed < 0:
        raise ComparisonError(f"draws is {draws} and seed {seed}; draws begin at 1, seeds at 0")
    default = {"permutation": "max-t", "tukey": "none"}.get(test, "holm")
    return Asked(test, correction or default, seed, draws)


def _by_dataset(scores: Sequence[Scores], settings: Sequence[str] | None, *, intersect: bool) -> tuple[Aligned, ...]:
    """The folders of each data set paired; every system must stand in each, and they stand in the first's order."""
    parts: dict[str, list[Scores]] = {}
    for each in scores:
        parts.setdefault(each.results.dataset, []).append(each)
    if len(parts) > 1:
        first = [each.results.name for each in next(iter(parts.values()))]
        for dataset, own in parts.items():
            names = [each.results.name for each in own]
            if sorted(names) != sorted(first) or len(set(names)) < len(names):
                raise ComparisonError(
                    f"{next(iter(parts))} has results of {', '.join(first)} and {dataset} of {', '.join(names)}; "
                    "a comparison over data sets needs each system once on each, under one name (evaluate --name)"
                )
            own.sort(key=lambda each: first.index(each.results.name))
    return tuple(align(own, settings, intersect=intersect) for own in parts.values() or [[]])


def _refuse_other_depths(aligned: Sequence[Aligned], metrics: Sequence[str]) -> None:
    """A cutoff deeper than a ranking leaves a lower bound: no value to test against one of a deeper ranking."""
    tasks = [(each, task) for each in aligned for task in each.tasks]
    for each, task in tasks:
        for metric, depths in task.bounds.items():
            if metric not in metrics or len(set(depths)) == 1:
                continue
            one = next(place for place, depth in enumerate(depths) if depth is not None)
            other = next(place for place, depth in enumerate(depths) if depth != depths[one])
            sound = [name for name in metrics if not any(name in task.bounds for _, task in tasks)]
            raise ComparisonError(
                f"{metric} of {':'.join(task.key)} is a lower bound in {each.folders[one]}, whose rankings are "
                f"{depths[one]} passages deep, and none of that depth in {each.folders[other]}; evaluate again with "
                f"--top-k {cutoff_of(metric)} (a run file: write it as deep), or compare --metrics {','.join(sound)}"
            )


def _find_baseline(aligned: Sequence[Aligned], baseline: str | None) -> int:
    names = aligned[0].names
    if baseline is None:
        return 0
    if baseline in names:
        return names.index(baseline)
    folders = [(at, folder.resolve()) for each in aligned for at, folder in enumerate(each.folders)]
    given = {at for at, folder in folders if folder == Path(baseline).resolve()}
    found = given or {at for at, folder in folders if folder.name == baseline}
    if len(found) == 1:
        return found.pop()
    if found:
        raise ComparisonError(f"{baseline!r} is the name of several folders; name one of {', '.join(names)}")
    raise ComparisonError(f"unknown baseline {baseline!r}; {did_you_mean(baseline, names)}")
