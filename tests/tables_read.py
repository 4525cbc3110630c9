"""Tables read back from what was printed: text, Markdown, LaTeX and pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any


def tables_of_text(text: str) -> dict[str, list[list[str]]]:
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return {lines[0]: [re.split(r"\s{2,}", line.strip()) for line in lines[1:]] for lines in blocks[:-1]}


def tables_of_markdown(text: str) -> dict[str, list[list[str]]]:
    found = {}
    for block in text.split("### ")[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if not lines:
            continue
        rows = [[cell.strip().replace("\\", "") for cell in line.strip("|").split(" | ")] for line in lines]
        assert set(rows[1]) <= {"---", "--:"}
        found[block.splitlines()[0]] = [rows[0], *rows[2:]]
    return found


def tables_of_latex(text: str) -> dict[str, list[list[str]]]:
    signs = {
        r"$\geq$": ">=", r"$^{\blacktriangle}$": " ▲", r"$^{\blacktriangledown}$": " ▼", r"$^{\blacklozenge}$": " ◆",
    }  # fmt: skip
    found = {}
    for block in text.split(r"\begin{table}")[1:]:
        title = re.search(r"\\caption\{(.*)\}\n", block)
        lines = [line.removesuffix(r" \\") for line in block.splitlines() if line.endswith(r" \\")]
        for sign, char in signs.items():
            lines = [line.replace(sign, char) for line in lines]
        assert title
        found[title[1].replace("\\", "")] = [[cell.replace("\\", "") for cell in line.split(" & ")] for line in lines]
    return found


class Tables(HTMLParser):
    """Every table of a page as rows of text, by the title of the panel, caption or figure it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.words = ""
        self.title, self.rows, self.cell, self.skip = "", [], None, 0  # type: ignore[var-annotated]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        classes = dict(attrs).get("class") or ""
        if tag in ("th", "td", "tr"):
            self._end_cell()
        if tag in ("th", "td"):
            self.cell = ""
        elif tag == "tr":
            self.rows.append([])
        elif tag == "table":
            self.rows = []
        elif tag in ("h3", "strong", "caption") and self.cell is None:
            self.title = ""
        if "hidden" in classes.split() and tag == "span":
            self.skip += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self.skip:
            self.skip -= 1
        elif tag in ("th", "td"):
            self._end_cell()
        elif tag == "table":
            self._end_cell()
            self.found[" ".join(self.title.split())] = self.rows

    def _end_cell(self) -> None:
        """Where the next cell, row or the end of the table begins, at the latest: HTML needs no ``</td>``."""
        if self.cell is not None:
            self.rows[-1].append(" ".join(self.cell.split()))
        self.cell = None

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.cell is not None and not self.skip:
            self.cell += data
        elif self.cell is None and self.rows[-1:] != [[]] and self.lasttag in ("h3", "strong", "caption", "bdi"):
            self.title += data
