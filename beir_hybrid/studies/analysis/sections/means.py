"""Means over seeds, and differences to the baseline; which data set and metric is chosen in the page."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h, select
from beir_hybrid.report.sections.table import table_element
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.means import tabled_metrics
from beir_hybrid.studies.analysis.tables import MARKS, difference_tables, mean_tables


def section(findings: Findings) -> Html | None:
    tables = {table.title: table for table in mean_tables(findings)}
    if not tables:
        return None
    differences = {table.title: table for table in difference_tables(findings)}
    datasets = findings.measured.datasets
    names = [tabled_metrics(findings.measured, findings.options, dataset) for dataset in datasets]
    metrics = list(dict.fromkeys(metric for own in names for metric in own))
    panels = []
    for at, dataset in enumerate(datasets):
        for place, metric in enumerate(metrics):
            title = f"{dataset}: {metric}"
            own = [tables.get(title), differences.get(f"{title}, difference to the baseline")]
            inner = [table_element(table) for table in own if table] or [h("p", "not measured")]
            panels.append(h("div", inner, data_panel=f"{at} {place}", hidden=(at, place) != (0, 0)))
    choices = [
        select("Data set", [(str(at), name) for at, name in enumerate(datasets)], "0", data_panels="means"),
        select("Metric", [(str(at), name) for at, name in enumerate(metrics)], "0", data_panels="means"),
    ]
    return h(
        "section",
        h("h2", "Means over seeds"),
        h("p", choices, class_="controls"),
        h("div", panels, id="means"),
        h("p", MARKS, class_="note"),
        h("p", findings.compared, " ", _HOW if findings.tests.tests else None, class_="note"),
        h("ul", [h("li", note) for note in findings.tests.notes], class_="note") if findings.tests.notes else None,
        id="section-means",
    )


_HOW = (
    "A difference has two 95 % intervals: a bootstrap over question groups (these models, other questions) and "
    "Student's t over the seeds (these questions, other trainings); sign: how many seeds have one of the same sign."
)
