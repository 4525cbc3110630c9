"""Our results and the published numbers of a data set side by side, number by number.

Published numbers are shown as they were printed and marked as such. They are never tested for significance: their
scores of single queries are not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from beir_hybrid.datasets import get_source, is_registered, list_datasets
from beir_hybrid.errors import DatasetError, ResultsError, did_you_mean
from beir_hybrid.evaluation.results import RESULTS_FILE, Results
from beir_hybrid.evaluation.scores import bounds_among, mean_or_none
from beir_hybrid.languages import check_language
from beir_hybrid.metrics.measures import metrics_among
from beir_hybrid.published.scores import MEAN, PublishedScore, published_scores, sources
from beir_hybrid.records import SETTINGS, Setting
from beir_hybrid.settings import parse_settings

Kind = Literal["ours", "published"]
# what ranks are worth showing, in this order; other metrics follow
_ORDER = ("map", "ndcg@10", "recall@1", "recall@10", "recall@100", "mrr@10", "rank_distance", "same_language_share@10")
# measured, and of no use in a ranking of systems
_HIDDEN = ("rank_distance_bound", "rank_distance_floor", "language_share")


@dataclass(frozen=True)
class System:
    """A line of the leaderboard: one of our results, or a published system.

    Attributes:
        source: the folder of our result; the key of a published one's source.
        note: in what it differs from the usual evaluation of this data set.
        pool: the languages of its pool, where that is known.
    """

    name: str
    kind: Kind
    source: str
    note: str = ""
    pool: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name if self.kind == "ours" else f"{self.name} [published]"


@dataclass(frozen=True)
class Entry:
    """One number of one system.

    Attributes:
        query_language: a language, or ``mean``: over ``languages`` languages (in cross: over the ordered pairs).
        value: None: not defined.
        at_least: ``value`` is a lower bound (a rank distance where some relevant passages have no rank, a cutoff deeper
            than the ranking).
        decimals: as many as its source prints, three at most.
        table: where a published number stands in its source, and ``printed_as`` what it is called there.
    """

    system: System
    setting: Setting
    query_language: str
    metric: str
    value: float | None
    languages: int = 1
    at_least: bool = False
    decimals: int = 3
    table: str = ""
    printed_as: str = ""


@dataclass(frozen=True)
class Leaderboard:
    """All numbers of one data set and split."""

    dataset: str
    split: str
    systems: Sequence[System]
    entries: Sequence[Entry]
    notes: Sequence[str] = field(default=())

    @property
    def settings(self) -> tuple[Setting, ...]:
        there = {entry.setting for entry in self.entries}
        return tuple(setting for setting in SETTINGS if setting in there)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({entry.query_language for entry in self.entries} - {MEAN}))

    def metrics(self, setting: str) -> tuple[str, ...]:
        """What was measured in a setting, the usual metrics first."""
        there = list(dict.fromkeys(entry.metric for entry in self.entries if entry.setting == setting))
        return tuple([m for m in _ORDER if m in there] + [m for m in there if m not in _ORDER])

    def entry(self, system: System, setting: str, metric: str, query_language: str = MEAN) -> Entry | None:
        """A system's figure, or None where it has none."""
        return self._index.get((system, setting, metric, query_language))

    @cached_property
    def _index(self) -> dict[tuple[System, str, str, str], Entry]:
        return {(e.system, e.setting, e.metric, e.query_language): e for e in self.entries}


def build_leaderboard(
    dataset: str,
    results: Sequence[Results] = (),
    *,
    languages: str | Iterable[str] | None = None,
    split: str | None = None,
    settings: str | Iterable[str] | None = None,
    metrics: str | Iterable[str] | None = None,
) -> Leaderboard:
    """The leaderboard of a data set.

    Args:
        dataset: a registered data set, or one of which scores were published.
        results: our results of it.
        languages: query languages to show; the means are then over these.
        split: default: that of the results, else the data set's first.
        settings, metrics: what to show; default: all there is.

    Raises:
        DatasetError: an unknown data set. SettingError: a setting or language that nothing is known of.
        MetricError: a metric that nothing is known of.
        ResultsError: results of another data set, or of several splits; or there is nothing to show.
    """
    dataset = name_in_results(dataset, results)
    # results may be of a data set whose package is not installed here
    if all(each.dataset != dataset for each in results):
        _check_dataset(dataset)
    split = _split_of(dataset, results, split)
    entries = [
        entry
        for system, each in zip(_our_systems(results), results, strict=True)
        for entry in _of_results(system, each)
    ]
    # a folder of one's own may be called like a data set, and is another
    if not any(each.inputs.get("dataset_folder") for each in results):
        entries += _of_published(published_scores(dataset, split))
    if not entries:
        raise ResultsError(
            f"no scores of {dataset} ({split}) are published and no results were given; "
            f"make some with: beir-hybrid evaluate {dataset} --bm25 --out DIR, and name DIR"
        )
    if settings is not None:
        chosen_settings = parse_settings(settings)
        entries = [entry for entry in entries if entry.setting in chosen_settings]
    if metrics is not None:
        chosen_metrics = metrics_among(metrics, {entry.metric for entry in entries}, "nothing is known of metric")
        entries = [entry for entry in entries if entry.metric in chosen_metrics]
    if languages is not None:
        known = sorted({entry.query_language for entry in entries} - {MEAN})
        given = languages.split(",") if isinstance(languages, str) else languages
        chosen = [check_language(language.strip(), known) for language in given]
        entries = [entry for entry in entries if entry.query_language in chosen]
        entries += _means(entries, wanted=len(set(chosen)))
    else:
        # where a source prints no mean, it is computed from its languages
        printed = {(entry.system, entry.setting, entry.metric) for entry in entries if entry.query_language == MEAN}
        entries += [mean for mean in _means(entries) if (mean.system, mean.setting, mean.metric) not in printed]
    systems = list(dict.fromkeys(entry.system for entry in entries))
    notes = _notes(systems, entries)
    if results:
        sizes = sorted({score.queries for each in results for score in each.scores if score.value is not None})
        span = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}" if sizes else "no"
        notes.insert(0, f"Our means are over {span} queries of each language.")
    return Leaderboard(dataset, split, systems, entries, notes)


def name_in_results(dataset: str, results: Sequence[Results]) -> str:
    """What results call a data set: a folder that they were measured on goes by its last name."""
    path = str(Path(dataset).expanduser().resolve())
    return Path(path).name if any(each.inputs.get("dataset_folder") == path for each in results) else dataset


def _check_dataset(dataset: str) -> None:
    known = list_datasets()
    if dataset not in known and not is_registered(dataset):
        if (Path(dataset) / RESULTS_FILE).exists():
            raise DatasetError(f"{dataset} is a results folder; name the data set before it, as xquad-r {dataset}")
        raise DatasetError(f"unknown data set {dataset!r}; {did_you_mean(dataset, known)}")


def _split_of(dataset: str, results: Sequence[Results], split: str | None) -> str:
    for each in results:
        if each.dataset != dataset:
            raise ResultsError(
                f"{each.folder or each.name} holds results of {each.dataset}, not of {dataset}; leave it out"
            )
    splits = {each.split: each for each in results}
    if len(splits) > 1 or (split and splits and split not in splits):
        parts = "; ".join(f"{each.folder or each.name} is of {name!r}" for name, each in splits.items())
        raise ResultsError(f"the results are of several splits of {dataset}: {parts}; give those of one")
    if split or splits:
        return split or next(iter(splits))
    if is_registered(dataset):
        return get_source(dataset).splits[0]
    return "test"


def _our_systems(results: Sequence[Results]) -> list[System]:
    names = [each.name for each in results]
    systems: list[System] = []
    for each in results:
        where = str(each.folder) if each.folder else ""
        name = each.name if names.count(each.name) == 1 else f"{each.name} ({where or len(systems) + 1})"
        notes = [f"{key}={value}" for key, value in each.inputs.get("dataset_options", {}).items()]
        systems.append(System(name, "ours", where, ", ".join(notes), each.languages))
    return systems


def _of_results(system: System, results: Results) -> list[Entry]:
    values: dict[tuple[Setting, str, str], list[float | None]] = {}
    for score in results.scores:
        for language in (score.query_language, MEAN):
            values.setdefault((score.setting, score.metric, language), []).append(score.value)
    bounds = bounds_among(results.scores, MEAN)
    asked = {setting: {s.query_language for s in results.scores if s.setting == setting} for setting in SETTINGS}
    entries = []
    for (setting, metric, language), found in values.items():
        if metric.startswith(_HIDDEN):
            continue
        value, at_least = mean_or_none(found), (setting, metric, language) in bounds
        if value is None and metric == "rank_distance":
            value = mean_or_none(values.get((setting, "rank_distance_bound", language), []))
            at_least = value is not None
        count = len(asked[setting]) if language == MEAN else 1
        entries.append(Entry(system, setting, language, metric, value, count, at_least))
    return entries


def _of_published(scores: Sequence[PublishedScore]) -> list[Entry]:
    counts = Counter((s.source, s.system, s.setting, s.metric) for s in scores if s.query_language != MEAN)
    # a mean whose languages are not printed beside it is over an unknown number of them: 0
    return [
        Entry(
            System(score.system, "published", score.source, sources()[score.source].differs),
            score.setting,
            score.query_language,
            score.metric,
            score.value,
            counts[score.source, score.system, score.setting, score.metric] if score.query_language == MEAN else 1,
            decimals=min(3, sources()[score.source].decimals),
            table=score.table,
            printed_as=score.printed_as,
        )
        for score in scores
    ]


def _means(entries: Iterable[Entry], wanted: int | None = None) -> list[Entry]:
    """The mean over the query languages of every system and metric that has all of them."""
    found: dict[tuple[System, Setting, str], list[Entry]] = {}
    for entry in entries:
        if entry.query_language != MEAN:
            found.setdefault((entry.system, entry.setting, entry.metric), []).append(entry)
    return [
        Entry(
            *key[:2], MEAN, key[2], mean_or_none(e.value for e in own), len(own), any(e.at_least for e in own),
            own[0].decimals, own[0].table, own[0].printed_as,
        )
        for key, own in found.items()
        if wanted in (None, len(own))
    ]  # fmt: skip


def _notes(systems: Sequence[System], entries: Sequence[Entry]) -> list[str]:
    notes = []
    used = {system.source: None for system in systems if system.kind == "published"}
    for key in used:
        source = sources()[key]
        notes.append(f"{key}: {source.title}, {source.url}. Differs: {source.differs}.")
    notes += [f"{system.name}: {system.note}." for system in systems if system.kind == "ours" and system.note]
    largest = max((system.pool for system in systems if system.pool), key=len, default=())
    for system in systems:
        if system.pool and set(system.pool) != set(largest):
            notes.append(
                f"{system.name}: its pool holds only {', '.join(system.pool)}; "
                "multi is easier there than in a larger pool."
            )
    if used:
        notes.append("Published numbers were not measured here and are never tested for significance.")
    bounds = {entry.metric for entry in entries if entry.at_least}
    if "rank_distance" in bounds:
        notes.append(">=: a lower bound; some relevant passages were not retrieved and have no rank.")
    if shallow := sorted(bounds - {"rank_distance"}):
        notes.append(f">=: a lower bound; rankings are less deep than the cutoff of {', '.join(shallow)}.")
    if len({entry.languages for entry in entries if entry.query_language == MEAN and entry.languages}) > 1:
        notes.append("Means over different numbers of languages (column langs) do not compare; use --languages.")
    return notes
