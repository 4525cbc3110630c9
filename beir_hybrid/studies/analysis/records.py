"""The findings as flat records: every number, unrounded, for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.language_groups import KINDS, SIDES
from beir_hybrid.studies.analysis.means import GROUP, MEAN, SPREAD
from beir_hybrid.studies.analysis.paired import COLUMNS
from beir_hybrid.tables import as_csv

if TYPE_CHECKING:
    import pandas as pd

_SCORES = (
    "seed", "dataset", "setting", *SIDES, "metric", "value", "queries", *KINDS, *(f"passage_{kind}" for kind in KINDS),
)  # fmt: skip
_CHANGE = ("change", "change_deviation", "change_low", "change_high")
_MEANS = (*MEAN[:-1], *SPREAD, "tasks", "at_least")
_GROUPS = (*GROUP[:-1], "languages", *SPREAD, *_CHANGE)
_FITS = (
    "formula", "dataset", "setting", "metric", "term", "held_apart", "estimate", "ci_low", "ci_high", "p",
    "df", "values", "models", "languages", "notes",
)  # fmt: skip


def csv_files(findings: Findings) -> dict[str, str]:
    """File name -> content; every file has its head also where there is nothing to tell."""
    return {
        "scores.csv": _csv(findings, findings.measured.scores, _SCORES),
        "means.csv": _csv(findings, findings.means.reset_index(), _MEANS),
        "tests.csv": _csv(findings, findings.tests, [name for name in COLUMNS if name not in ("combination", "mark")]),
        "groups.csv": _csv(findings, findings.groups.reset_index(), _GROUPS),
        "fits.csv": as_csv(list(_fits(findings)), _FITS),
    }


def _csv(findings: Findings, rows: pd.DataFrame, columns: Sequence[str]) -> str:
    """With a column for each factor first; one that is called as another column gets ``factor_`` before it."""
    measured = findings.measured
    factors = {f"factor_{f.name}" if f.name in columns else f.name: f for f in measured.factors}
    known = rows.astype(object).where(rows.notna(), None)
    records = []
    for record in known.to_dict("records"):
        places = zip(factors.items(), measured.combinations[record["combination"]], strict=True)
        records.append({**{n: f.values[at] for (n, f), at in places}, **{name: record[name] for name in columns}})
    return as_csv(records, [*factors, *columns])


def _fits(findings: Findings) -> Iterator[dict[str, Any]]:
    for fit in findings.fits:
        common = {
            "formula": fit.formula.text, "dataset": fit.dataset, "setting": fit.setting, "metric": fit.formula.metric,
            "values": fit.values, "models": fit.models, "languages": fit.languages, "notes": "; ".join(fit.notes),
        }  # fmt: skip
        for each in fit.estimates:
            yield {
                **common, "term": each.column.name, "held_apart": each.column.added, "estimate": each.value,
                "ci_low": each.low, "ci_high": each.high, "p": each.p, "df": each.freedom,
            }  # fmt: skip
        if not fit.estimates:
            yield common
