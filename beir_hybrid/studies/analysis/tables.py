"""The findings as tables of text: means, differences, groups, fits, cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from beir_hybrid.comparison import Comparison
from beir_hybrid.report.leaderboard_tables import HEADS
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.groups import GroupMean
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import Mean, columns_of, tabled_metrics
from beir_hybrid.studies.analysis.paired import PairedTest
from beir_hybrid.studies.analysis.words import change, changes, p_words, with_spread
from beir_hybrid.tables import Table, marked

MARKS = (
    "Mean ± standard deviation over the seeds. ▲ better, ▼ worse, ◆ different (where neither is better) than the "
    "baseline: beyond chance for these models (corrected p at most 0.05), and in every seed; ≥: a lower bound; -: not "
    "measured, or not defined."
)


def mean_tables(findings: Findings, metrics: Sequence[str] | None = None) -> Iterable[Table]:
    """A table for each data set and metric: a row for each combination, a column for each setting."""
    by_place = {(m.dataset, m.setting, m.metric, m.combination): m for m in findings.means}
    for dataset in findings.measured.datasets:
        for metric in tabled_metrics(findings.measured, findings.options, dataset):
            if metrics is not None and metric not in metrics:
                continue
            columns = columns_of(findings.measured, findings.options, dataset, metric)
            rows = []
            for combination in findings.measured.combinations:
                own = [by_place.get((dataset, *column, combination)) for column in columns]
                seeds = max((mean.spread.seeds for mean in own if mean), default=0)
                rows.append([*findings.labels(combination), *(_cell(findings, mean) for mean in own), f"{seeds}"])
            yield Table(
                f"{dataset}: {metric}",
                [*findings.heads, *(_head(setting, name, metric) for setting, name in columns), "seeds"],
                rows,
                len(findings.heads),
            )


def difference_tables(findings: Findings, metrics: Sequence[str] | None = None) -> Iterable[Table]:
    """Against the baseline: difference, corrected p, and intervals over queries and over seeds."""
    for dataset in findings.measured.datasets:
        for metric in tabled_metrics(findings.measured, findings.options, dataset):
            if metrics is not None and metric not in metrics:
                continue
            columns = columns_of(findings.measured, findings.options, dataset, metric)
            rows = []
            for setting, name in columns:
                for combination in findings.measured.combinations:
                    test = findings.tests.of(dataset, setting, name, combination)
                    if test is not None:
                        rows.append([*findings.labels(combination), _head(setting, name, metric), *_difference(test)])
            if rows:
                heads = [
                    *findings.heads,
                    "",
                    "difference",
                    "95 % over queries",
                    "corrected p",
                    "95 % over seeds",
                    "sign",
                ]
                yield Table(f"{dataset}: {metric}, difference to the baseline", heads, rows, len(findings.heads) + 1)


def group_tables(findings: Findings, kinds: Sequence[str]) -> Iterable[Table]:
    """By group of languages: the first metric in every setting, and the rank distance."""
    for dataset in findings.measured.datasets:
        metrics = tabled_metrics(findings.measured, findings.options, dataset)[:1]
        for metric in (*metrics, "rank_distance"):
            for kind in kinds:
                own = [g for g in findings.groups if (g.dataset, g.metric, g.kind) == (dataset, metric, kind)]
                for setting, role in dict.fromkeys((group.setting, group.role) for group in own):
                    there = [group for group in own if (group.setting, group.role) == (setting, role)]
                    yield _group_table(findings, there, kind, setting, role)


def fit_table(fit: Fit) -> Table:
    """Every effect, with its interval; that of a number is for one unit."""
    metric = fit.formula.metric
    rows = []
    for each in fit.estimates:
        size, interval = changes(each.value, each.low, each.high, metric)
        name = each.term + (" (held apart)" if each.column.added else "")
        rows.append([name, size, interval, p_words(each.p), f"{each.freedom}", f"{fit.values}"])
    title = f"{fit.dataset}, {fit.setting.replace('+', ' and ')}: {fit.formula.text}"
    return Table(title, ["term", "estimate", "95 % interval", "p", "df", "n"], rows)


def cell_table(findings: Findings) -> Table:
    """Every cell: whether it is done, what it was trained on and how long."""
    rows = []
    for cell in findings.outcome.cells:
        labels = []
        for factor in findings.varying:
            place = factor.place(cell.factors[factor.name]) if factor.name in cell.factors else None
            labels.append(factor.labels[place or 0])
        numbers = [_whole(cell.training.get(name)) for name in ("pairs", "steps")]
        trained = ",".join(cell.trained_languages) or "-"
        rows.append([*(labels or ["all"]), f"{cell.seed}", cell.status, trained, *numbers, f"{cell.seconds:,.0f}"])
    heads = [*findings.heads, "seed", "status", "trained languages", "pairs", "steps", "seconds"]
    return Table("Cells", heads, rows, len(findings.heads) + 3)


def mark(test: PairedTest | None) -> str | None:
    """What can be said of a difference to the baseline beyond chance."""
    return Comparison.leaning(test.row) if test is not None and test.significant and test.row.delta else None


def _head(setting: str, name: str, metric: str) -> str:
    return setting if name == metric else HEADS.get(name, name)


def _cell(findings: Findings, mean: Mean | None) -> str:
    if mean is None:
        return "-"
    text = with_spread(mean.spread, mean.metric, at_least=mean.at_least)
    return marked(text, mark(findings.tests.of(mean.dataset, mean.setting, mean.metric, mean.combination)))


def _difference(test: PairedTest) -> list[str]:
    row = test.row
    size, interval = changes(row.delta or 0.0, row.ci_low, row.ci_high, row.metric)
    half = test.over_seeds.half
    seeds = "-"
    if half is not None and row.delta is not None:
        _, seeds = changes(row.delta, row.delta - half, row.delta + half, row.metric)
    sign = f"{test.agreeing} of {test.seeds}"
    return [size, interval, marked(p_words(row.p_corrected), mark(test)), seeds, sign]


def _group_table(findings: Findings, groups: Sequence[GroupMean], kind: str, setting: str, role: str) -> Table:
    first = groups[0]
    names = list(dict.fromkeys(group.group for group in groups))
    by_place = {(group.group, group.combination): group for group in groups}
    counts = {name: {len(group.languages) for group in groups if group.group == name} for name in names}
    heads = [
        f"{name} ({min(counts[name])})"
        if len(counts[name]) == 1
        else f"{name} ({min(counts[name])}-{max(counts[name])})"
        for name in names
    ]
    rows = []
    for combination in findings.measured.combinations:
        cells = []
        for name in names:
            group = by_place.get((name, combination))
            if group is None:
                cells.append("-")
                continue
            text = with_spread(group.spread, group.metric)
            if group.change is not None and group.change.value is not None:
                text += f" ({change(group.change.value, group.metric)})"
            cells.append(text)
        rows.append([*findings.labels(combination), *cells])
    of = {"query": "", "passage": " of the passage language", "pair": " (query, passage)"}[role]
    title = f"{first.dataset}, {setting}: {first.metric} by {KINDS[kind]}{of}"
    return Table(title, [*findings.heads, *heads], rows, len(findings.heads))


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"
