"""Each system against the baseline, language by language, with intervals and significance."""

from __future__ import annotations

from beir_hybrid.comparison.rows import Row
from beir_hybrid.metrics.bias import direction
from beir_hybrid.published.scores import MEAN
from beir_hybrid.report.contents import Contents, language_name
from beir_hybrid.report.differences import against_baseline, settings_and_metrics
from beir_hybrid.report.markup import Html, h, select
from beir_hybrid.report.sections.leaderboard import mark


def section(contents: Contents) -> Html | None:
    kinds = settings_and_metrics(contents)
    if not kinds:
        return None
    panels = []
    for name_place, name in enumerate(contents.others):
        for kind_place, (setting, metric) in enumerate(kinds):
            rows = against_baseline(contents, name, setting, metric)
            panels.append(
                h(
                    "div",
                    _chart(contents, rows) if rows else h("p", "not measured"),
                    data_panel=f"{name_place} {kind_place}",
                    hidden=(name_place, kind_place) != (0, 0),
                )
            )
    systems = [(str(place), name) for place, name in enumerate(contents.others)]
    choices = [(str(place), f"{setting}: {metric}") for place, (setting, metric) in enumerate(kinds)]
    controls = [select("System", systems, "0", data_panels="bars"), select("Metric", choices, "0", data_panels="bars")]
    return h(
        "section",
        h("h2", f"Against the baseline, {contents.comparison.baseline}"),
        h("p", controls, class_="controls"),
        h("div", panels, id="bars"),
        h("p", _note(contents), class_="note"),
        id="section-bars",
    )


def _note(contents: Contents) -> str:
    comparison = contents.comparison
    corrected = "" if comparison.test == "tukey" else f", {comparison.correction} correction"
    return (
        f"Difference to the baseline with its 95 % bootstrap interval. ▲ ▼ better or worse ({comparison.test} test"
        f"{corrected}, corrected p at most {comparison.alpha:g}); ◆ differs, where neither is better. Faint bars "
        "cannot be told from chance. Lower is better for ranks and rank distances."
    )


def _chart(contents: Contents, rows: dict[str, Row]) -> Html:
    ends = [abs(value) for row in rows.values() for value in (row.delta, row.ci_low, row.ci_high) if value is not None]
    largest = max(ends, default=0.0) or 1.0
    lines = []
    for language, row in rows.items():
        if row.delta is None:
            bar, text = None, "not defined"
        else:
            bar = _bar(contents, row, largest)
            text = f"{row.delta:+,.1f}" if abs(row.delta) >= 10 else f"{row.delta:+.3f}"
        name = h("strong", "mean") if language == MEAN else h("abbr", language, title=language_name(language))
        lines.append(
            h("tr", h("th", name, scope="row"), h("td", bar), h("td", text.replace("-", "−"), mark(contents, row)))
        )
    return h("table", h("tbody", lines), class_="diverging")


def _bar(contents: Contents, row: Row, largest: float) -> Html:
    """A bar from the middle; positions are percent of the track, whose half is the largest value of the chart."""

    def place(value: float) -> float:
        return 50 + 50 * value / largest

    delta = row.delta or 0.0
    better = delta * direction(row.metric)
    kind = "better" if better > 0 else "worse" if better < 0 else "differs"
    faint = "" if contents.comparison.is_significant(row) else " faint"
    left, right = sorted((50.0, place(delta)))
    parts = [h("span", class_=f"fill {kind}{faint}", style=f"left:{left:.2f}%;width:{right - left:.2f}%")]
    words = f"{delta:+.4f}"
    if row.ci_low is not None and row.ci_high is not None:
        low, high = place(row.ci_low), place(row.ci_high)
        parts.append(h("span", class_="whisker", style=f"left:{low:.2f}%;width:{high - low:.2f}%"))
        words += f", 95 % interval {row.ci_low:+.4f} to {row.ci_high:+.4f}"
    if row.p_corrected is not None:
        words += f", corrected p = {row.p_corrected:.3g}"
    if row.wins is not None:
        words += f"; {row.wins} wins, {row.ties} ties, {row.losses} losses"
    return h("div", parts, class_="track", title=words)
