"""Curves along a factor; which data set and which lines is chosen in the page."""

from __future__ import annotations

from beir_hybrid.report.charts import draw, legend
from beir_hybrid.report.markup import Html, h, select
from beir_hybrid.studies.analysis.curves import Panel
from beir_hybrid.studies.analysis.findings import Findings


def section(findings: Findings) -> Html | None:
    if not findings.panels:
        return None
    datasets = list(dict.fromkeys(panel.dataset for panel in findings.panels))
    lines = list(dict.fromkeys(panel.lines for panel in findings.panels))
    there = {(panel.dataset, panel.lines): panel for panel in findings.panels}
    panels = []
    for at, dataset in enumerate(datasets):
        for place, name in enumerate(lines):
            panel = there.get((dataset, name))
            inner = _panel(panel) if panel else h("p", "not measured")
            panels.append(h("div", inner, data_panel=f"{at} {place}", hidden=(at, place) != (0, 0)))
    choices = [
        select("Data set", [(str(at), name) for at, name in enumerate(datasets)], "0", data_panels="curves"),
        select("Lines", [(str(at), name) for at, name in enumerate(lines)], "0", data_panels="curves"),
    ]
    return h(
        "section",
        h("h2", f"Along {findings.options.x}"),
        h("p", choices, class_="controls"),
        h("div", panels, id="curves"),
        h("p", _note(findings), class_="note"),
        id="section-curves",
    )


def _panel(panel: Panel) -> list[Html | None]:
    return [legend(panel.names), h("div", [draw(chart) for chart in panel.charts], class_="grid")]


def _note(findings: Findings) -> str:
    seeds = {mean.spread.seeds for mean in findings.means}
    note = "Points are means over the seeds; whiskers their 95 % interval (Student's t over seeds)."
    if 1 in seeds:
        note += " A value of one seed has no interval."
    return note + " Lower is better for the rank distance. Point at a value to read it."
