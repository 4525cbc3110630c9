"""Does a result reproduce what is expected of the command that made it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.published.expected import Expectation, expectations
from beir_hybrid.published.scores import MEAN

Status = Literal["OK", "FAIL", "not measured"]
STATUSES: tuple[Status, ...] = ("OK", "FAIL", "not measured")


@dataclass(frozen=True)
class Checked:
    """One expected number beside the one that was got (None: not measured, or not defined)."""

    setting: str
    query_language: str
    metric: str
    expected: float
    got: float | None
    status: Status

    @property
    def difference(self) -> float | None:
        return None if self.got is None else self.got - self.expected


@dataclass(frozen=True)
class Check:
    """All that was compared for one result."""

    name: str
    expectation: Expectation
    rows: Sequence[Checked]

    def count(self, status: Status) -> int:
        """How many figures have this status."""
        return sum(row.status == status for row in self.rows)

    @property
    def ok(self) -> bool:
        return self.count("FAIL") == 0


def find_expectation(results: Results) -> Expectation:
    """The expectation the package carries for these results, told by what their retriever says of itself.

    Raises:
        ResultsError: there is none.
    """
    found = [each for each in expectations() if each.is_about(results)]
    if folder := results.inputs.get("dataset_folder"):
        raise ResultsError(
            f"{results.name} was measured on the folder {folder}, whatever it is called, and scores are registered of "
            "published data sets only; give --expect FILE with scores of your own"
        )
    if not found:
        known = sorted({f"{each.dataset} {each.match.get('variant', '')}".strip() for each in expectations()})
        raise ResultsError(
            f"nothing is registered for {results.name} on {results.dataset} ({results.split}); known: BM25 with its "
            f"default options on {', '.join(known)}; give --expect FILE with scores of your own"
        )
    return found[0]


def check(results: Results, expectation: Expectation) -> Check:
    """Compare results with an expectation.

    A number whose setting, language or metric was not measured is "not measured" and fails nothing. So are means and
    the multilingual setting if the pool held other languages than expected: they are other numbers. A value that was
    measured and is not defined fails.

    Raises:
        ResultsError: the results are of another data set or split, or none of the numbers was measured.
    """
    ours, theirs = (results.dataset, results.split), (expectation.dataset, expectation.split)
    if ours != theirs:
        raise ResultsError(
            f"{results.name} was measured on {ours[0]} ({ours[1]}), but {expectation.name} "
            f"is of {theirs[0]} ({theirs[1]})"
        )
    same_pool = set(results.languages) == set(expectation.languages)
    values: dict[tuple[str, str, str], list[float | None]] = {}
    for score in results.scores:
        for language in (score.query_language, MEAN):
            if same_pool or (score.setting == "mono" and language != MEAN):
                values.setdefault((score.setting, language, score.metric), []).append(score.value)
    rows = []
    for wanted in expectation.scores:
        found = values.get((wanted.setting, wanted.query_language, wanted.metric))
        got = mean_or_none(found) if found else None
        status: Status = "not measured"
        if found:
            status = "OK" if got is not None and expectation.allows(wanted.value, got) else "FAIL"
        rows.append(Checked(wanted.setting, wanted.query_language, wanted.metric, wanted.value, got, status))
    made = Check(results.name, expectation, rows)
    if made.count("not measured") == len(rows):
        raise ResultsError(
            f"{results.name} holds none of the {len(rows)} numbers that {expectation.name} expects; "
            f"make it with: {expectation.command or 'the settings, metrics and languages of the expectation'}"
        )
    return made
