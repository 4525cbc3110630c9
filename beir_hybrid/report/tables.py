"""Tables in the forms people paste: plain text, Markdown, LaTeX, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A titled table of strings; the first ``text_columns`` are text, the others numbers."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1


def as_text(tables: Iterable[Table]) -> str:
    """Columns aligned by spaces, for a terminal."""
    return "\n\n".join(_text(table) for table in tables)


def _text(table: Table) -> str:
    widths = [max(len(row[i]) for row in (table.heads, *table.rows)) for i in range(len(table.heads))]
    lines = [table.title]
    for row in (table.heads, *table.rows):
        cells = [
            cell.ljust(width) if i < table.text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(tables: Iterable[Table]) -> str:
    """GitHub's tables, each below a heading."""
    return "\n\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    rule = ["---" if i < table.text_columns else "--:" for i in range(len(table.heads))]
    lines = [f"### {table.title}", ""]
    for row in (table.heads, rule, *table.rows):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def as_latex(tables: Iterable[Table]) -> str:
    r"""``table`` environments; they need ``\usepackage{booktabs}``."""
    return "\n\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    columns = "l" * table.text_columns + "r" * (len(table.heads) - table.text_columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_escape(table.title)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
    ]
    lines += [r"\toprule", _latex_row(table.heads), r"\midrule", *map(_latex_row, table.rows), r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}", r"\end{table}"])


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(latex_escape, cells)) + r" \\"


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
    "|": "$|$", **{char: "\\" + char for char in "&%$#_{}"},
}  # fmt: skip


def latex_escape(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in text).replace("$>$=", r"$\geq$")


def as_csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """A line a record, the first names the columns; an unknown value is empty, numbers are not rounded.

    Args:
        columns: in this order, also when there are no records; default: those of the first record.
    """
    out = io.StringIO()
    names = list(columns) or (list(records[0]) if records else [])
    writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()
