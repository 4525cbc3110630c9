"""The forms of a table, and how numbers are printed."""

from __future__ import annotations

import csv
import io
import re

import pytest

from beir_hybrid.tables import Table, as_csv, interval, number, p_value, render, signed, width

TABLE = Table("a_b: 50%", ["system", "map"], [["x|y & z", "0.5"], ["q", ">=12"]])
ODD = ["back\\slash", "two\nlines", "\x1b[31mred", "한국 α", "<img src=x>", "a|b*c_d_", "rtl\u202eabc"]


def test_text_is_aligned() -> None:
    """Text to the left, numbers to the right."""
    assert render([TABLE], "table") == "a_b: 50%\nsystem    map\nx|y & z   0.5\nq        >=12\n"


def test_a_sign_takes_no_digit_from_its_place() -> None:
    """Where a column has signs, the numbers without one leave room for it."""
    table = Table("", ["system", "map"], [["a", "0.5 ▲"], ["b", "12.5"]])
    assert render([table], "table").splitlines() == ["system     map", "a        0.5 ▲", "b       12.5"]


def test_columns_under_one_name() -> None:
    """Rules reach over their columns, in every form."""
    table = Table("", ["", "map", "share", "map"], [["de", "0.500", "0.1", "0.2"]], groups=[("mono", 2), ("multi", 1)])
    assert render([table], "table").splitlines()[0] == "    --- mono ---  multi"
    assert "| mono map | mono share | multi map |" in render([table], "markdown")
    assert r"& \multicolumn{2}{c}{mono} & \multicolumn{1}{c}{multi} \\" in render([table], "latex")


@pytest.mark.parametrize("name", ODD)
def test_odd_names_stay_one_cell(name: str) -> None:
    """Line breaks, bars, backslashes, elements, terminal codes and wide letters: a row stays a row in every form."""
    table = Table("t", ["system", "map"], [[name, "0.5"], ["plain", "0.25"]])
    text, markdown, latex = (render([table], form) for form in ("table", "markdown", "latex"))
    lines = text.splitlines()
    assert len(lines) == 4
    assert width(lines[2]) == width(lines[3])
    for made in (text, markdown, latex):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", made)
    cells = re.split(r"(?<!\\)\|", markdown.splitlines()[4].replace("\\\\", ""))
    assert len(cells) == 4
    assert "<img" not in markdown
    assert latex.count(r" \\") == 3
    record = list(csv.DictReader(io.StringIO(as_csv([{"name": name}]))))
    assert record == [{"name": name}], "data are not escaped, they are quoted"


def test_escapes_show_what_was_there() -> None:
    """A line break shows as a program would write it."""
    table = Table("", ["n"], [["a\nb"], ["a\\nb"]])
    assert render([table], "table").splitlines() == ["n", "a\\nb", "a\\nb"]
    assert render([table], "markdown").splitlines()[2:] == ["| a\\\\nb |", "| a\\\\nb |"]
    assert r"\textbackslash{}nb" in render([table], "latex")


def test_markdown_escapes_its_signs() -> None:
    """A name with a bar does not become two cells, nor one with stars bold."""
    assert render([TABLE], "markdown", ["n*te"]).splitlines() == [
        "### a_b: 50%", "", "| system | map |", "| --- | --: |", "| x\\|y &amp; z | 0.5 |", "| q | >=12 |", "",
        "- n\\*te",
    ]  # fmt: skip


def test_latex_escapes_its_signs() -> None:
    """It can be pasted into a paper as it is; it says what it needs."""
    lines = render([TABLE], "latex", ["50% of"]).splitlines()
    assert lines[0] == "% needs \\usepackage{booktabs}"
    assert lines[3:10] == [
        r"\caption{a\_b: 50\%}", r"\begin{tabular}{lr}", r"\toprule", r"system & map \\", r"\midrule",
        r"x$|$y \& z & 0.5 \\", r"q & $\geq$12 \\",
    ]  # fmt: skip
    assert lines[-1] == "% 50% of"
    assert "amssymb" in render([Table("", ["m"], [["1 ▲"]], 0)], "latex")


def test_csv_is_not_rounded() -> None:
    """Full numbers, empty where there is none."""
    assert as_csv([{"name": "x,y", "value": 1 / 3}, {"name": "z", "value": None}]) == (
        'name,value\n"x,y",0.3333333333333333\nz,\n'
    )
    assert as_csv([]).strip() == ""


def test_numbers_as_they_are_printed() -> None:
    """Three decimals, whole ranks, a dash for none, small p values as a bound, no sign before nothing."""
    assert [number(0.12345, "map"), number(286.7, "rank_distance"), number(None, "map")] == ["0.123", "287", "-"]
    assert [p_value(0.0001), p_value(0.01234), p_value(None)] == ["<.001", "0.012", "-"]
    assert [signed(0.0004, "map"), signed(-0.0004, "map"), signed(-0.04, "map")] == ["0.000", "0.000", "-0.040"]
    assert [signed(-2.25, "worst_rank"), interval(None, 1, "map")] == ["-2.2", "-"]
    assert interval(-0.1, 0.2, "map") == "[-0.100, +0.200]"


def test_small_differences_have_a_digit_more() -> None:
    """Only where it is asked for, on both sides of each limit; an interval as its difference."""
    sizes = (0.0, 0.0099, 0.00996, -0.0099, 0.5)
    assert [signed(size, "map", size) for size in sizes] == ["0.000", "+0.0099", "+0.010", "-0.0099", "+0.500"]
    assert [signed(size, "rank_distance", size) for size in (0.0, 0.99, 1.5)] == ["0.00", "+0.99", "+1.5"]
    assert signed(0.0099, "map") == "+0.010"
    assert interval(-0.5, 0.25, "map", 0.001) == "[-0.5000, +0.2500]"
    assert [signed(float("nan"), "map"), interval(0.1, float("nan"), "map"), p_value(float("nan"))] == ["-"] * 3
    assert number(float("nan"), "map") == "-"


def test_a_lower_bound_is_rounded_down() -> None:
    """What is at least 4.75 is not at least 5; what stands in the digits already stays (.29 is 28.99... hundredths)."""
    bounds = [(4.75, "rank_distance"), (16.0, "rank_distance"), (2 / 3, "recall@100"), (0.29, "map"), (1.0, "map")]
    assert [number(value, metric, at_least=True) for value, metric in bounds] == [
        ">=4", ">=16", ">=0.666", ">=0.290", ">=1.000",
    ]  # fmt: skip
    assert number(None, "rank_distance", at_least=True) == "-"
    assert number(0.29, "map", 2, at_least=True) == ">=0.29"


def test_latex_takes_no_name_for_an_option() -> None:
    """After a line's end or a rule ``[`` begins an option, and a star belongs to the line's end."""
    lines = render([Table("", ["system", "map"], [["[a]", "1"], ["*b", "2"], ["c", "3"]])], "latex").splitlines()
    assert lines[7:10] == [r"{}[a] & 1 \\", r"{}*b & 2 \\", r"c & 3 \\"]
