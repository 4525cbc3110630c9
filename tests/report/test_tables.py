"""The forms of a table."""

from __future__ import annotations

from beir_hybrid.report.tables import Table, as_csv, as_latex, as_markdown, as_text

TABLE = Table("a_b: 50%", ["system", "map"], [["x|y & z", "0.5"], ["q", ">=12"]])


def test_text_is_aligned() -> None:
    """Text to the left, numbers to the right."""
    assert as_text([TABLE]) == "a_b: 50%\nsystem    map\nx|y & z   0.5\nq        >=12"


def test_markdown_escapes_its_bars() -> None:
    """A name with a bar does not become two cells."""
    assert as_markdown([TABLE]).splitlines() == [
        "### a_b: 50%", "", "| system | map |", "| --- | --: |", "| x\\|y & z | 0.5 |", "| q | >=12 |",
    ]  # fmt: skip


def test_latex_escapes_its_signs() -> None:
    """It can be pasted into a paper as it is."""
    assert as_latex([TABLE]).splitlines()[2:9] == [
        r"\caption{a\_b: 50\%}", r"\begin{tabular}{lr}", r"\toprule", r"system & map \\", r"\midrule",
        r"x$|$y \& z & 0.5 \\", r"q & $\geq$12 \\",
    ]  # fmt: skip


def test_csv_is_not_rounded() -> None:
    """Full numbers, empty where there is none."""
    assert as_csv([{"name": "x,y", "value": 1 / 3}, {"name": "z", "value": None}]) == (
        'name,value\n"x,y",0.3333333333333333\nz,\n'
    )
    assert as_csv([]).strip() == ""
