"""The findings as tables of text: means, differences, groups, fits, cells."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from beir_hybrid.evaluation.table import HEADS
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.means import ROLES, columns_of, tabled_metrics
from beir_hybrid.tables import Table, interval, is_known, marked, number, p_value, signed

_MARKS = (
    "▲ better, ▼ worse, ◆ different (where neither is better) than the baseline: beyond chance for these models "
    "(corrected p at most 0.05), and in every seed; "
)
_DIFFERENCE = ["", "difference", "95 % over queries", "corrected p", "95 % over seeds", "sign"]


def signs(findings: Findings) -> str:
    """What stands beside a mean, in words; of a baseline only where there is one."""
    marks = "" if findings.tests.empty else _MARKS
    return f"Mean ± standard deviation over the seeds. {marks}≥: a lower bound; -: not measured, or not defined."


def mean_tables(findings: Findings, metrics: Sequence[str] | None = None) -> dict[tuple[str, str], Table]:
    """By data set and metric: a row for each combination, a column for each setting; ``metrics``: only of these."""
    means, tests, found = findings.means.to_dict("index"), _tests(findings), {}
    for dataset, metric, columns in _tabled(findings, metrics):
        rows = []
        for at in range(len(findings.measured.combinations)):
            cells, seeds = [], 0
            for setting, name in columns:
                mean = means.get((dataset, setting, name, at))
                test = tests.get((dataset, setting, name, at))
                cells.append(marked(_with_spread(mean, name), test["mark"] if test else None) if mean else "-")
                seeds = max(seeds, int(mean["seeds"]) if mean else 0)
            rows.append([*findings.measured.labels(at), *cells, f"{seeds}"])
        heads = [*findings.heads, *(_head(setting, name, metric) for setting, name in columns), "seeds"]
        found[dataset, metric] = Table(f"{dataset}: {metric}", heads, rows, len(findings.heads))
    return found


def difference_tables(findings: Findings, metrics: Sequence[str] | None = None) -> dict[tuple[str, str], Table]:
    """Against the baseline: difference, corrected p, and intervals over queries and over seeds."""
    tests, found = _tests(findings), {}
    for dataset, metric, columns in _tabled(findings, metrics):
        rows = [
            [*findings.measured.labels(at), _head(setting, name, metric), *_difference(test)]
            for setting, name in columns
            for at in range(len(findings.measured.combinations))
            if (test := tests.get((dataset, setting, name, at)))
        ]
        if rows:
            title = f"{dataset}: {metric}, difference to the baseline"
            found[dataset, metric] = Table(title, [*findings.heads, *_DIFFERENCE], rows, len(findings.heads) + 1)
    return found


def group_tables(findings: Findings, kinds: Sequence[str]) -> dict[tuple[str, str], list[Table]]:
    """By data set and kind of group: the first metric in every setting, and the rank distance."""
    groups, found = findings.groups.reset_index(), defaultdict(list)
    for dataset, kind in itertools.product(findings.measured.datasets, kinds):
        metrics = tabled_metrics(findings.measured, findings.options, dataset)[:1]
        for metric in (*metrics, "rank_distance"):
            own = groups[(groups.dataset == dataset) & (groups.metric == metric) & (groups.kind == kind)]
            for (setting, role), there in own.groupby(["setting", "role"]):
                title = f"{dataset}, {setting}: {metric} by {KINDS[kind]}{ROLES[role]}"
                found[dataset, kind].append(_group_table(findings, title, metric, there.to_dict("records")))
    return found


def fit_table(fit: Fit) -> Table:
    """Every effect, with its interval; that of a number is for one unit."""
    rows = []
    for each in fit.estimates:
        name = each.column.name + (" (held apart)" if each.column.added else "")
        size = signed(each.value, fit.formula.metric, each.value)
        ends = interval(each.low, each.high, fit.formula.metric, each.value)
        rows.append([name, size, ends, p_value(each.p), f"{each.freedom}", f"{fit.values}"])
    title = f"{fit.dataset}, {fit.setting.replace('+', ' and ')}: {fit.formula.text}"
    return Table(title, ["term", "estimate", "95 % interval", "p", "df", "n"], rows)


def cell_table(findings: Findings) -> Table:
    """Every cell: whether it is done, what it was trained on and how long."""
    varying = [factor for factor in findings.measured.factors if factor.varies]
    rows = []
    for cell in findings.outcome.cells:
        labels = [factor.labels[factor.place(cell.factors.get(factor.name)) or 0] for factor in varying]
        numbers = [f"{cell.training[name]:,}" if name in cell.training else "-" for name in ("pairs", "steps")]
        trained = ",".join(cell.trained_languages) or "-"
        rows.append([*(labels or ["all"]), f"{cell.seed}", cell.status, trained, *numbers, f"{cell.seconds:,.0f}"])
    heads = [*findings.heads, "seed", "status", "trained languages", "pairs", "steps", "seconds"]
    return Table("Cells", heads, rows, len(findings.heads) + 3)


def _tabled(findings: Findings, metrics: Sequence[str] | None) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Data set, metric and columns of every table; ``metrics``: only those of these."""
    for dataset in findings.measured.datasets:
        for metric in tabled_metrics(findings.measured, findings.options, dataset):
            if metrics is None or metric in metrics:
                yield dataset, metric, columns_of(findings.measured, dataset, metric)


def _tests(findings: Findings) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The tests of macro means by data set, setting, metric and combination."""
    own = findings.tests[findings.tests.query_language == "mean"].to_dict("records")
    return {(test["dataset"], test["setting"], test["metric"], test["combination"]): test for test in own}


def _head(setting: str, name: str, metric: str) -> str:
    return setting if name == metric else HEADS.get(name, name)


def _difference(test: Mapping[str, Any]) -> list[str]:
    delta, metric = test["delta"], test["metric"]
    over_queries = interval(test["ci_low"], test["ci_high"], metric, delta)
    over_seeds = interval(test["seeds_low"], test["seeds_high"], metric, delta)
    p = marked(p_value(test["p_corrected"]), test["mark"])
    signs = f"{test['seeds_agreeing']} of {test['seeds']}"
    return [signed(delta, metric, delta), over_queries, p, over_seeds, signs]


def _with_spread(spread: Mapping[str, Any], metric: str) -> str:
    """``0.512 ± 0.004``: mean and standard deviation over the seeds; one seed has no spread."""
    text = number(spread["value"], metric, at_least=spread["at_least"]).replace(">=", "≥ ")
    return f"{text} ± {number(spread['deviation'], metric)}" if is_known(spread["deviation"]) else text


def _group_table(findings: Findings, title: str, metric: str, groups: Iterable[Mapping[str, Any]]) -> Table:
    sizes: dict[str, set[int]] = {}
    texts: dict[tuple[str, int], str] = {}
    for group in groups:
        sizes.setdefault(group["group"], set()).add(len(group["languages"].split()))
        text = _with_spread(group, metric)
        if is_known(group["change"]):
            text += f" ({signed(group['change'], metric, group['change'])})"
        texts[group["group"], group["combination"]] = text
    heads = [f"{name} ({'-'.join(map(str, sorted({min(n), max(n)})))})" for name, n in sizes.items()]
    rows = [
        [*findings.measured.labels(at), *(texts.get((name, at), "-") for name in sizes)]
        for at in range(len(findings.measured.combinations))
    ]
    return Table(title, [*findings.heads, *heads], rows, len(findings.heads))
