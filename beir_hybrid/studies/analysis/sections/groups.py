"""Groups of languages; which data set and grouping is chosen in the page."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h, select
from beir_hybrid.report.sections.table import table_element
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.language_groups import KINDS, LEAST_GIB
from beir_hybrid.studies.analysis.tables import group_tables

_NOTE = (
    "In brackets after a group: how many languages (or pairs) it has; after a value: the difference to the baseline's "
    "of the same group, where it is of the same languages. Joshi class: resources from 0 (left behind) to 5 (winners), "
    "Joshi et al. 2020. Thirds are of the evaluated languages, by the size of their part of CC-100 "
    f"(less than {LEAST_GIB} GiB counts as none)."
)


def section(findings: Findings) -> Html | None:
    if not findings.groups:
        return None
    datasets = findings.measured.datasets
    panels = []
    for at, dataset in enumerate(datasets):
        for place, kind in enumerate(KINDS):
            tables = [table for table in group_tables(findings, [kind]) if table.title.startswith(f"{dataset}, ")]
            inner = [table_element(table) for table in tables] or [h("p", "not measured")]
            panels.append(h("div", inner, data_panel=f"{at} {place}", hidden=(at, place) != (0, 0)))
    choices = [
        select("Data set", [(str(at), name) for at, name in enumerate(datasets)], "0", data_panels="groups"),
        select("By", [(str(at), name) for at, name in enumerate(KINDS.values())], "0", data_panels="groups"),
    ]
    return h(
        "section",
        h("h2", "Groups of languages"),
        h("p", choices, class_="controls"),
        h("div", panels, id="groups"),
        h("p", _NOTE, class_="note"),
        id="section-groups",
    )
