"""What is to be said of a comparison: how it was tested, what its signs mean, and what it cannot say."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from beir_hybrid.comparison.align import Aligned
from beir_hybrid.comparison.rows import MEAN, Comparison
from beir_hybrid.progress import counted
from beir_hybrid.tables import MARKS


def notes(comparison: Comparison) -> list[str]:
    """What was compared with what, how, and what the signs mean."""
    subject = f"{comparison.dataset} ({comparison.split})"
    shallow = dict.fromkeys(row.metric for row in comparison.rows if row.at_least)
    about = [f">=: a lower bound; rankings are less deep than the cutoff of {', '.join(shallow)}"] if shallow else []
    if any(comparison.least_distance(row) is not None for row in comparison.rows if row.metric == "rank_distance"):
        about.append(">=: a lower bound; some relevant passages were not retrieved and have no rank")
    about += cautions(comparison)
    if len(comparison.names) < 2:
        return [f"{subject}; 95% intervals: bootstrap over question groups", *about]
    corrected = "over all systems" if comparison.test == "tukey" else f"corrected: {comparison.correction}"
    made = [
        f"{subject}, baseline {comparison.baseline}; {_test(comparison)}, {corrected}",
        f"{MARKS['better']} better, {MARKS['worse']} worse, {MARKS['differs']} different than the baseline "
        f"with corrected p <= {comparison.alpha:g}",
        "95% intervals: bootstrap over question groups; effect: mean difference over its standard deviation",
    ]
    if comparison.test == "wilcoxon":
        made.append("the signed-rank test is of single languages: it says nothing of a mean over them")
    return [*made, *about]


def cautions(comparison: Comparison) -> list[str]:
    """What a comparison cannot say, or takes for granted, with these data sets, questions and draws."""
    found = []
    if len(comparison.scores) > 1 and MEAN not in comparison.datasets:
        found.append("no mean over the data sets: they have no metric of a setting in common")
    for each in comparison.scores:
        asked: dict[str, set[str]] = {}
        for task in each.tasks:
            asked.setdefault(task.key[1], set()).update(task.groups)
        groups = set().union(*asked.values())
        if len(asked) > 1 and sum(map(len, asked.values())) == len(groups):
            found.append(
                f"{each.dataset}: no question is asked in two languages (none shares its group), so that the "
                "questions of all languages count as independent of each other"
            )
        if each.left_out:
            found.append(f"{each.dataset}: not compared, for not every system has it: {', '.join(each.left_out)}")
        found += [f"{each.dataset}: {said}" for said in _unlike_means(each, comparison.metrics)]
        least = 2.0 ** (1 - len(groups))
        if comparison.test == "permutation" and len(comparison.names) > 1 and least > comparison.alpha:
            asked_of = counted(len(groups), "question group", "question groups")
            found.append(f"{each.dataset}: with {asked_of} no p can be below {least:.3f}, too few to show a difference")
    return [*found, *_of_draws(comparison)]


def _unlike_means(aligned: Aligned, metrics: Sequence[str]) -> Iterator[str]:
    """Which macro means are over fewer languages or pairs than those beside them."""
    asked = {s: {task.key[1] for task in aligned.tasks if task.key[0] == s} for s in aligned.settings}
    if any(one != other for one, other in itertools.pairwise(asked.values())):
        counts = ", ".join(f"{len(languages)} in {setting}" for setting, languages in asked.items())
        yield f"the means of the settings are not over the same question languages ({counts})"
    for setting in asked:
        tasks = [task for task in aligned.tasks if task.key[0] == setting]
        fewer: dict[int, list[str]] = {}
        for metric in metrics:
            there = sum(metric in task.values or metric in task.overall for task in tasks)
            if 0 < there < len(tasks):
                fewer.setdefault(there, []).append(metric)
        for there, names in fewer.items():
            over = f"{there} of {len(tasks)} {'pairs' if setting == 'cross' else 'languages'}"
            yield f"in {setting} the mean of {', '.join(names)} is over {over}: the rest lack it"


def _of_draws(comparison: Comparison) -> list[str]:
    if comparison.test not in ("permutation", "tukey"):
        return []
    sizes = Counter((row.dataset, row.setting, row.metric, row.is_mean) for row in comparison.rows if row.p is not None)
    tests = [*sizes.values()] if comparison.correction == "holm" else [1] * bool(sizes)
    said = too_few_draws(tests, comparison.draws, comparison.alpha)
    instead = "--correction max-t, or more --draws" if comparison.correction == "holm" else "more --draws"
    return [f"{said}: use {instead}"] if said else []


def too_few_draws(families: Iterable[int], draws: int, level: float) -> str:
    """What the draws leave no p value below, if that is above the level; of families of so many tests for Holm."""
    tests = max(families, default=0)
    least = tests / (1 + draws)
    way = f"of {tests} tests Holm's correction" if tests > 1 else "the test"
    return f"{way} leaves no p below {least:.3f} at {draws:,} draws" if least > level else ""


def _test(comparison: Comparison) -> str:
    return {
        "permutation": f"paired permutation test ({comparison.draws:,} draws)",
        "student": "paired Student t test",
        "wilcoxon": "Wilcoxon signed-rank test",
        "tukey": f"randomised Tukey HSD ({comparison.draws:,} draws)",
    }[comparison.test]
