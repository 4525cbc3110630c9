"""The report of a study: text for a terminal, Markdown, a page, and every number as CSV."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from beir_hybrid.disk.files import written_whole
from beir_hybrid.studies.analysis.findings import Findings, analyse
from beir_hybrid.studies.analysis.means import tabled_metrics
from beir_hybrid.studies.analysis.page import render_page
from beir_hybrid.studies.analysis.records import csv_files
from beir_hybrid.studies.analysis.tables import (
    cell_table,
    difference_tables,
    fit_table,
    group_tables,
    mean_tables,
    signs,
)
from beir_hybrid.studies.analysis.wording import method_words, notes
from beir_hybrid.studies.outcome import StudyOutcome
from beir_hybrid.tables import Table, bullet, markdown_escape, render, visible

_LONG = 40
"""More differences than this are not for a terminal."""
GROUPS_NOTE = (
    "In brackets after a group: how many languages (or pairs) it has; after a value: the difference to the baseline's "
    "of the same group, where it is of the same languages."
)
_NO_FIT = (
    'Nothing was fitted: the study file has no `fit` in its table `[analysis]`, such as `fit = "map ~ alpha * joshi"`.'
)


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        text: for a terminal.
        files: ``report.md``, ``page.html`` and the CSV files.
    """

    text: str
    files: tuple[Path, ...]


def write_report(outcome: StudyOutcome, folder: Path) -> Report:
    """Analyse a study and write its report into a folder, each file whole or not at all.

    The same outcome gives the same files. Cells that are missing or failed are named, and the others analysed.

    Raises:
        StudyError: the table ``[analysis]`` of the study names what is unknown.
        MissingExtraError: a library is not installed: formulaic for fits, matplotlib for curves.
    """
    findings = analyse(outcome)
    contents = {"report.md": markdown(findings), "page.html": render_page(findings), **csv_files(findings)}
    for name, text in contents.items():
        with written_whole(Path(folder) / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    return Report(terminal(findings), tuple(Path(folder) / name for name in contents))


def terminal(findings: Findings) -> str:
    """The first metric's tables, what the fits say, and what to beware of."""
    problems = [f"  {line}" for line in findings.measured.problems]
    head = [findings.title, findings.outcome.question, findings.counts, *problems]
    blocks = ["\n".join(visible(line) for line in head if line)]
    chosen = [
        *(tabled_metrics(findings.measured, findings.options, name)[:1] for name in findings.measured.datasets),
        [fit.formula.metric for fit in findings.fits],
    ]
    metrics = [metric for own in chosen for metric in own]
    if len(findings.means):
        differences = difference_tables(findings, metrics).values()
        long = sum(len(table.rows) for table in differences) > _LONG
        told = "The differences and their tests are in report.md." if long else _tables(differences, "table")
        means = _tables(mean_tables(findings, metrics).values(), "table")
        blocks += [means, signs(findings), visible(findings.compared), told]
    blocks.append("\n".join(map(visible, findings.untested)))
    titled = {f"What was found ({formula})": lines for formula, lines in findings.sentences.items()}
    for title, lines in {**titled, "What cannot be concluded": findings.cautions}.items():
        blocks.append("\n".join([title, *(f"- {visible(line)}" for line in lines)]))
    return "\n\n".join(block for block in [*blocks, findings.budget] if block) + "\n"


def markdown(findings: Findings) -> str:
    """Everything but the curves."""
    counts = f"{findings.counts}. {findings.budget}".rstrip()
    parts = [f"# {markdown_escape(findings.title)}", markdown_escape(findings.outcome.question), counts]
    parts += [_bullets(findings.measured.problems), "## What was found", "" if findings.fits else _NO_FIT]
    for formula, lines in findings.sentences.items():
        parts += [f"### {markdown_escape(formula)}", _bullets(lines)]
    if len(findings.means):
        parts += ["## Means", signs(findings), _tables(mean_tables(findings).values())]
    if len(findings.tests) or findings.untested:
        parts += ["## Against the baseline", markdown_escape(findings.compared)]
        parts += [_tables(difference_tables(findings).values()), _bullets(findings.untested)]
    if groups := group_tables(findings, findings.options.group_by).values():
        parts += ["## Groups of languages", GROUPS_NOTE, _tables(itertools.chain(*groups))]
    if findings.fits:
        parts += ["## Fits", *_fits(findings)]
    parts += ["## What cannot be concluded", _bullets(findings.cautions)]
    if findings.outcome.cells:
        parts += ["## Cells", _tables([replace(cell_table(findings), title="")])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _fits(findings: Findings) -> Iterator[str]:
    for fit in findings.fits:
        yield _tables([fit_table(fit)])
        yield markdown_escape(f"{method_words(fit)[0].upper()}{method_words(fit)[1:]}.")
        yield _bullets(notes(fit))


def _tables(tables: Iterable[Table], form: str = "markdown") -> str:
    return render(tables, form).rstrip()


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(map(bullet, lines))
