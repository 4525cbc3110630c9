"""Figures for papers."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path

import pytest

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.figures import _figures, _matplotlib, _plain, write_figures
from tests.systems_made import Made


@pytest.mark.slow
def test_every_figure_in_both_formats(made: Made, tmp_path: Path) -> None:
    """What was measured is drawn, without a warning of a missing glyph; odd names give plain file names."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = write_figures(made.comparison, tmp_path)
    names = {path.stem for path in written}
    assert {"same-language-share", "rank-distance", "baseline-mono-map", "heat-multi-letters-32"} <= names
    assert "heat-map-letters-8-minus-letters-32" in names
    assert all(path.stat().st_size > 1000 for path in written)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") for name in names)
    assert (tmp_path / "rank-distance.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "rank-distance.svg").read_bytes()
    assert b"<svg" in svg and b"dc:date" not in svg, "the same results give the same file"


def test_dollars_are_no_formula() -> None:
    """A name that would be one for matplotlib is written as it is."""
    with _matplotlib({}) as figure:
        assert not figure.text(0, 0, "$x$").get_parse_math()


def test_without_matplotlib_the_command_to_install_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page needs nothing, figures need an extra."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "beir-hybrid\[report\]"'):
        write_figures(made.comparison, tmp_path)


def test_names_of_any_script_have_files_of_their_own(made: Made) -> None:
    """α and 한국 are letters; names that would be one file get a number."""
    names = ("α", "한국", "a/b")
    new = dict(zip(made.comparison.names, names, strict=True))
    named = dataclasses.replace(
        made.comparison,
        names=names, baseline="α",
        rows=tuple(dataclasses.replace(row, name=new[row.name]) for row in made.comparison.rows),
    )  # fmt: skip
    found = {name for name, _ in _figures(read_contents(named)[0])}
    assert {"heat-map-α", "heat-map-한국", "heat-map-a-b", "heat-map-한국-minus-α"} <= found
    assert list(_plain(["a b", "a/b", "A.B", "!", "?"]).values()) == ["a-b", "a-b-2", "A.B", "system", "system-2"]
