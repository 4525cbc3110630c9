"""ranx, and what it takes to use it without its traps: the one module that imports it.

- Ties: ranx sorts by score with an unstable sort. The order is fixed here (trec_eval's) and handed over as strictly
  decreasing scores, wherever only the order counts.
- Ids: every new maximum length of an id makes ranx compile again. For fusion, queries and passages go in as numbers,
  in strings of one fixed width.
- Threads: two threads inside ranx abort the process, and fewer than ten queries leave numba on one thread for good.
  Every call here holds one lock and puts numba's threads back.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from beir_hybrid.disk.library_folders import give_libraries_folders
from beir_hybrid.errors import MissingExtraError, RunError
from beir_hybrid.metrics.measures import Metric, measure
from beir_hybrid.records import BeirResults, Hits, IntArray, Judged, ScoreArray

_LOCK = threading.RLock()
_ID_WIDTH = 12

RANK_METHODS = frozenset({"bordafuse", "condorcet", "isr", "log_isr", "logn_isr", "rbc", "rrf", "w_bordafuse",
                          "w_condorcet"})  # fmt: skip
"""Fusion methods that look at the order of a run alone."""
WEIGHTED = frozenset({"mixed", "w_bordafuse", "w_condorcet", "wmnz", "wsum"})
"""Fusion methods that take one weight a run."""
METHODS: Mapping[str, Mapping[str, Any]] = {
    "anz": {}, "bordafuse": {}, "condorcet": {}, "gmnz": {"gamma": 0.5}, "isr": {}, "log_isr": {},
    "logn_isr": {"sigma": 0.01}, "max": {}, "med": {}, "min": {}, "mixed": {}, "mnz": {}, "rbc": {"phi": 0.8},
    "rrf": {"k": 60}, "sum": {}, "w_bordafuse": {}, "w_condorcet": {}, "wmnz": {}, "wsum": {},
}  # fmt: skip
"""ranx's fusion methods that need no training queries to run at all, with their parameters' default values."""
TUNABLE = frozenset({*WEIGHTED, "gmnz", "logn_isr", "rbc", "rrf"})
NORMS = ("min-max", "max", "sum", "zmuv", "rank", "borda", "none")


@contextlib.contextmanager
def ranx_library(module: str = "ranx") -> Iterator[Any]:
    """The library (or a module of it) for one caller at a time; numba's number of threads is as before afterwards.

    Raises:
        MissingExtraError: ranx is not installed.
    """
    with _LOCK:
        try:
            import numba

            give_libraries_folders()
            library = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise MissingExtraError("this", error.name or "ranx", "report") from error
        threads = numba.get_num_threads()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", numba.NumbaWarning)
                yield library
        finally:
            numba.set_num_threads(threads)


def from_run(run: Any) -> BeirResults:
    """A ``ranx.Run`` as BEIR's results ``{query: {passage: score}}``, in ranx's order."""
    with _LOCK:
        return {str(q): {str(key): float(score) for key, score in ranked.items()} for q, ranked in run.run.items()}


def fuse_hits(runs: Sequence[Hits], method: str, norm: str, params: Mapping[str, Any]) -> Hits:
    """Several rankings of the same task made one, with `ranx.fuse`; ties in trec_eval's order.

    Args:
        runs: one ranking a system, of the same queries and corpus.
        method: of `METHODS`.
        norm: of `NORMS`. Where all scores of a query are equal, or there is one, ``min-max`` makes them 1, ``zmuv`` 0.
        params: the method's parameters, such as ``{"weights": [0.5, 0.5]}`` or ``{"k": 60}``.

    Raises:
        RunError: ``max`` is to divide by a highest score that is 0 or less.
    """
    return next(_fused(runs, method, norm, [params]))


def _fused(runs: Sequence[Hits], method: str, norm: str, trials: Iterable[Mapping[str, Any]]) -> Iterator[Hits]:
    """The fusion with each set of parameters."""
    n = len(runs[0])
    found = np.unique(np.concatenate([hits.passages for hits in runs]))  # a corpus can hold many more
    runs = [_numbered(hits, found) for hits in runs]
    # a query no system has an answer for has none after fusion either, and ranx fails on some of them
    rows = np.flatnonzero(sum(hits.counts for hits in runs) > 0)
    if not len(rows):
        yield from (Hits.sorted(n, [], [], []) for _ in trials)
        return
    given: list[Any] = []
    for params in trials:
        with ranx_library() as ranx:
            given = given or [_typed_run(hits.take(rows), method, norm) for hits in runs]
            fused = ranx.fuse(given, norm=_ranx_norm(norm), method=method, params=dict(params))
            query, passages, scores = _untyped(fused, rows, len(found))
        yield Hits.sorted(n, query, found[passages], scores)


def _numbered(hits: Hits, found: IntArray) -> Hits:
    """The same with each passage called by its place among those found, which order as the passages do."""
    return replace(hits, passages=np.searchsorted(found, hits.passages).astype(np.int32))


def tune_fusion(
    judged: Sequence[Judged], runs: Sequence[Sequence[Hits]], method: str, norm: str, metric: Metric
) -> dict[str, Any]:
    """The parameters of a fusion that serve these queries best on average: each of ranx's grid is tried.

    `ranx.optimize_fusion` has ties in an order of its own, so that what it finds best need not be so once it is
    measured: a weight of 0 leaves whole rankings tied. Of parameters that serve equally well those nearest the
    default are taken.

    Args:
        judged: the judgments of each task; the queries of all tasks are put together, every query counts the same.
        runs: for each task one ranking a system.

    Raises:
        RunError: no system retrieved anything for any judged query.
    """
    begins = np.cumsum([0, *(len(task[0]) for task in runs)])
    together = [_joined([task[system] for task in runs]) for system in range(len(runs[0]))]
    every = Judged(
        np.concatenate([begin + task.query for begin, task in zip(begins.tolist(), judged, strict=False)]),
        *(np.concatenate([getattr(task, name) for task in judged]) for name in ("passage", "grade")),
    )
    relevant = np.bincount(every.query[every.grade > 0], minlength=begins[-1]) > 0
    if not np.any(relevant & (sum(hits.counts for hits in together) > 0)):
        raise RunError("there is no query to tune on that any of the systems retrieved something for")
    trials = _trials(method, len(together))
    values = []
    for fused in _fused(together, method, norm, trials):
        place = fused.places(every.query, every.passage)
        ranks = np.where(place >= 0, fused.rank[place], 0)
        values.append(float(measure(metric, every, ranks, int(begins[-1])).mean()))
    return trials[int(np.argmax(values))]


def _trials(method: str, systems: int) -> list[dict[str, Any]]:
    """The parameters that tuning tries, those nearest the default first."""
    if method in WEIGHTED:
        # ten tenths dealt out: what lies between bars
        bars = itertools.combinations(range(1, 10 + systems), systems - 1)
        tenths = [[to - at - 1 for at, to in itertools.pairwise((0, *each, 10 + systems))] for each in bars]
        nearest = sorted(tenths, key=lambda each: sum(share**2 for share in each))
        return [{"weights": [share / 10 for share in each]} for each in nearest]
    ((name, default),) = METHODS[method].items()
    grid = range(10, 110, 10) if name == "k" else [number / 100 for number in range(1, 101)]
    return [{name: value} for value in sorted(grid, key=lambda value: abs(value - default))]


def _joined(runs: Sequence[Hits]) -> Hits:
    """The queries of several rankings one after the other."""
    ends = np.cumsum([0, *(len(hits.passages) for hits in runs)])
    indptr = [hits.indptr[:-1] + end for hits, end in zip(runs, ends, strict=False)]
    passages, scores = (np.concatenate([getattr(hits, name) for hits in runs]) for name in ("passages", "scores"))
    return Hits(np.concatenate([*indptr, ends[-1:]]), passages, scores)


def _ranx_norm(norm: str) -> str | None:
    """What is left for ranx to do: its ``min-max`` makes 0 of a single passage's score, and its ``zmuv`` of a query
    without hits ends a thread, which loses the queries after it."""
    return None if norm in ("none", "min-max", "zmuv") else norm


def _min_max(hits: Hits) -> ScoreArray:
    """Scores from 0 (the last of its query) to 1 (the first); 1 where all are equal."""
    scores: ScoreArray = hits.scores.astype(np.float64)
    first, last = (np.zeros(len(hits)) for _ in range(2))
    filled = hits.counts > 0
    begins, ends = hits.indptr[:-1][filled], hits.indptr[1:][filled]
    first[filled], last[filled] = scores[begins], scores[ends - 1]
    span, low = (np.repeat(each, hits.counts) for each in (first - last, last))
    return np.where(span > 0, (scores - low) / np.where(span > 0, span, 1.0), 1.0)


def _typed_run(hits: Hits, method: str, norm: str) -> Any:
    """A ``ranx.Run`` whose ids are numbers of a fixed width."""
    from numba.typed import List
    from ranx import Run
    from ranx.data_structures.common import create_and_sort

    run = Run()
    # where only the order counts it must be ours; scores that count are handed over as they are
    scores = hits.scores.astype(np.float64)
    if method in RANK_METHODS:
        scores = -hits.rank.astype(np.float64)
    elif norm == "min-max":
        scores = _min_max(hits)
    elif norm == "zmuv":
        scores = hits.standard_scores(hits.query, len(hits))
    elif norm == "max":
        highest = scores[hits.indptr[:-1][hits.counts > 0]]
        if len(low := highest[highest <= 0]):
            raise RunError(f"the normalisation max cannot divide by a query's highest score, {low[0]:.6g}; use min-max")
    bounds = list(zip(hits.indptr[:-1].tolist(), hits.indptr[1:].tolist(), strict=True))
    passages = _names(int(hits.passages.max(initial=0)) + 1)[hits.passages]
    run.run = create_and_sort(
        List(_names(len(hits)).tolist()),
        List([passages[begin:end] for begin, end in bounds]),
        List([scores[begin:end] for begin, end in bounds]),
    )
    run.sorted = True
    return run


@lru_cache(maxsize=4)
def _names(n: int) -> Any:
    """The numbers below n as strings of one width, which order as the numbers do."""
    return np.char.zfill(np.arange(n).astype(f"<U{_ID_WIDTH}"), _ID_WIDTH)


def _untyped(run: Any, rows: IntArray, n_passages: int) -> tuple[IntArray, IntArray, ScoreArray]:
    """Query rows, passages and scores of a fused run, from the hashes of ids that ranx's own metrics work with."""
    # numba hashes strings as Python does; ranx keeps the hashes as doubles
    codes = np.array([float(hash(name)) for name in _names(n_passages).tolist()])
    order = np.argsort(codes)
    if np.any(np.diff(codes[order]) == 0):
        raise RunError("two passages have the same hash in this process; run the command again")
    arrays = list(run.to_typed_list())
    names = [int(name) for name in run.run]
    counts = [len(array) for array in arrays]
    table = np.concatenate(arrays)
    place = np.searchsorted(codes[order], table[:, 0])
    if not np.array_equal(codes[order].take(place, mode="clip"), table[:, 0]):
        raise RunError("ranx returned a passage it was not given")
    query = np.repeat(rows[names], counts)
    back = np.argsort(query, kind="stable")
    return query[back], order[place][back], table[back, 1]


class LowerIsBetter(float):
    """A value that is greater the lower it is, so that ranx's reports mark and embolden the right system."""

    def __gt__(self, other: float) -> bool:
        # ranx begins its search for the best value with a plain 0
        return float(self) < float(other) if isinstance(other, LowerIsBetter) else True

    def __lt__(self, other: float) -> bool:
        return float(self) > float(other)

    def __round__(self, digits: int | None = None) -> LowerIsBetter:  # type: ignore[override]
        return LowerIsBetter(round(float(self), digits))


class NeitherIsBetter(float):
    """A value that is above none, so that ranx's reports embolden no system for it."""

    def __gt__(self, other: float) -> bool:
        return False

    def __round__(self, digits: int | None = None) -> NeitherIsBetter:  # type: ignore[override]
        return NeitherIsBetter(round(float(self), digits))


_VALUES: Mapping[int, type[float]] = {1: float, 0: NeitherIsBetter, -1: LowerIsBetter}
LABELS = {
    "rank_distance": "Rank distance", "rank_distance_excess": "Rank distance excess", "worst_rank": "Worst rank",
    "same_language_share": "Same-language share", "same_language_lift": "Same-language lift",
}  # fmt: skip
_TESTS = {"permutation": "paired permutation test", "wilcoxon": "Wilcoxon's signed-rank test",
          "tukey": "randomised Tukey HSD test"}  # fmt: skip


def build_report(
    means: Mapping[str, Mapping[str, float]],
    p_values: Mapping[tuple[str, str], Mapping[str, tuple[float | None, bool]]],
    counts: Mapping[tuple[str, str], Mapping[str, tuple[int, int, int]]],
    *,
    directions: Mapping[str, int],
    alpha: float,
    test: str,
) -> Any:
    """A ``ranx.Report`` from scores ranx did not compute.

    Args:
        means: ``{system: {metric: value}}``, every system with the same metrics.
        p_values: ``{(system, other): {metric: (p, whether it is significant)}}`` for every pair, in one order.
        counts: ``{(system, other): {metric: (wins, ties, losses)}}`` for every ordered pair.
        directions: of each metric: 1, -1 where lower is better, 0 where neither is and no value is emboldened.
    """
    with ranx_library("ranx.data_structures.report") as module, ranx_library("ranx.data_structures") as structures:
        module.metric_labels.update(LABELS)
        for name, label in _TESTS.items():
            module.stat_test_labels.setdefault(name, label)
        # ranx has letters for 26 systems; those after z are a1, b1, ...
        for at in range(len(module.chars), len(means)):
            module.chars.append(f"{module.chars[at % 26]}{at // 26}")
            module.super_chars.append(f"{module.super_chars[at % 26]}{'⁰¹²³⁴⁵⁶⁷⁸⁹'[at // 26 % 10]}")
        pairs = {
            frozenset(pair): {m: {"p_value": p, "significant": yes} for m, (p, yes) in found.items()}
            for pair, found in p_values.items()
        }
        return module.Report(
            model_names=list(means),
            results={
                name: {m: _VALUES[directions[m]](value) for m, value in found.items()} for name, found in means.items()
            },
            comparisons=structures.FrozensetDict(pairs),
            metrics=list(next(iter(means.values()))),
            max_p=alpha,
            win_tie_loss={
                pair: {m: {"W": w, "T": t, "L": lost} for m, (w, t, lost) in found.items()}
                for pair, found in counts.items()
            },
            stat_test=test,
        )
