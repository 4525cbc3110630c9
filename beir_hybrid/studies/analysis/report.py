"""The report of a study: text for a terminal, Markdown, a page, and every number as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.disk.files import written_whole
from beir_hybrid.studies.analysis.findings import Findings, analyse
from beir_hybrid.studies.analysis.means import tabled_metrics
from beir_hybrid.studies.analysis.page import render_page
from beir_hybrid.studies.analysis.records import csv_files
from beir_hybrid.studies.analysis.tables import (
    MARKS,
    cell_table,
    difference_tables,
    fit_table,
    group_tables,
    mean_tables,
)
from beir_hybrid.studies.analysis.wording import method_words, notes
from beir_hybrid.studies.outcome import StudyOutcome
from beir_hybrid.tables import Table, render


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        text: for a terminal.
        files: ``report.md``, ``page.html`` and the CSV files; figures where they were asked for.
    """

    text: str
    files: tuple[Path, ...]


def write_report(outcome: StudyOutcome, folder: Path, *, figures: bool = False) -> Report:
    """Analyse a study and write its report into a folder, each file whole or not at all.

    The same outcome gives the same files. Cells that are missing or failed are named, and the others analysed.

    Args:
        figures: also write the curves as PNG and SVG, to ``figures`` in the folder.

    Raises:
        StudyError: the table ``[analysis]`` of the study names what is unknown.
        MissingExtraError: a library is not installed: statsmodels for fits, matplotlib for figures.
    """
    findings = analyse(outcome)
    folder = Path(folder)
    contents = {"report.md": markdown(findings), "page.html": render_page(findings), **csv_files(findings)}
    written = []
    for name, text in contents.items():
        with written_whole(folder / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        written.append(folder / name)
    if figures:
        from beir_hybrid.report.figures import write_charts

        named = {f"{panel.dataset} by {panel.lines}": panel.charts for panel in findings.panels}
        written += write_charts(named, folder / "figures")
    return Report(terminal(findings), tuple(written))


def terminal(findings: Findings) -> str:
    """The first metric's tables, what the fits say, and what to beware of."""
    parts = [findings.title, findings.outcome.question, findings.counts]
    parts += [f"  {line}" for line in findings.measured.problems]
    text = "\n".join(part for part in parts if part)
    chosen = _first_metrics(findings)
    blocks = [text]
    if findings.means:
        blocks += [render(mean_tables(findings, chosen), "table").rstrip(), MARKS, findings.compared]
        differences = list(difference_tables(findings, chosen))
        long = sum(len(table.rows) for table in differences) > _LONG
        blocks.append(
            "The differences and their tests are in report.md." if long else render(differences, "table").rstrip()
        )
    blocks.append("\n".join(findings.tests.notes))
    blocks += [_lines(f"What was found ({formula})", lines) for formula, lines in findings.sentences.items()]
    blocks.append(_lines("What cannot be concluded", findings.cautions))
    blocks.append(findings.budget)
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown(findings: Findings) -> str:
    """Everything but the curves."""
    outcome = findings.outcome
    parts = [f"# {findings.title}", outcome.question, f"{findings.counts}. {findings.budget}".rstrip()]
    parts.append("\n".join(f"- {line}" for line in findings.measured.problems))
    parts += ["## What was found", _NO_FIT if not findings.fits else ""]
    for formula, lines in findings.sentences.items():
        parts += [f"### {formula}", _bullets(lines)]
    if findings.means:
        parts += ["## Means", MARKS, render(mean_tables(findings), "markdown").rstrip()]
    if findings.tests.tests or findings.tests.notes:
        parts += [
            "## Against the baseline",
            findings.compared,
            render(difference_tables(findings), "markdown").rstrip(),
        ]
        parts.append(_bullets(findings.tests.notes))
    groups = list(group_tables(findings, findings.options.group_by))
    if groups:
        parts += ["## Groups of languages", GROUPS_NOTE, render(groups, "markdown").rstrip()]
    if findings.fits:
        parts += ["## Fits", *_fits(findings)]
    parts += ["## What cannot be concluded", _bullets(findings.cautions)]
    if outcome.cells:
        parts += ["## Cells", _untitled(cell_table(findings))]
    return "\n\n".join(part for part in parts if part) + "\n"


_LONG = 40
"""More differences than this are not for a terminal."""
GROUPS_NOTE = (
    "In brackets after a group: how many languages (or pairs) it has; after a value: the difference to the baseline's "
    "of the same group, where it is of the same languages."
)
_NO_FIT = (
    'Nothing was fitted: the study file has no `fit` in its table `[analysis]`, such as `fit = "map ~ alpha * joshi"`.'
)


def _fits(findings: Findings) -> Iterator[str]:
    for fit in findings.fits:
        yield render([fit_table(fit)], "markdown").rstrip()
        yield f"{method_words(fit)[0].upper()}{method_words(fit)[1:]}."
        yield _bullets(notes(fit))


def _first_metrics(findings: Findings) -> list[str]:
    first = [
        metric
        for dataset in findings.measured.datasets
        for metric in tabled_metrics(findings.measured, findings.options, dataset)[:1]
    ]
    return list(dict.fromkeys([*first, *(fit.formula.metric for fit in findings.fits)]))


def _lines(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)]) if lines else ""


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _untitled(table: Table) -> str:
    return render([table], "markdown").rstrip().partition("\n\n")[2]
