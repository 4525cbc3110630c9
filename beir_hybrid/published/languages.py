"""Facts on languages, for grouping results: script, family, and how much text there is of them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Language:
    """A language of XQuAD-R, MLQA-R or MIRACL.

    Attributes:
        code: ISO 639-1.
        script: ISO 15924, such as ``Latn``.
        joshi_class: resources from 0 (left behind) to 5 (winners), after Joshi et al. 2020.
        cc100_gib: size of its part of CC-100 in GiB; 0 is less than 0.05, or none.
    """

    code: str
    name: str
    script: str
    family: str
    branch: str
    joshi_class: int
    cc100_gib: float


@cache
def languages() -> dict[str, Language]:
    """Every language there are facts on, by its code."""
    text = (files("beir_hybrid.published") / "languages.csv").read_text(encoding="utf-8")
    return {
        row["iso"]: Language(
            row["iso"], row["name"], row["script"], row["family"], row["branch"],
            int(row["joshi_class"]), float(row["cc100_gib"]),
        )
        for row in csv.DictReader(io.StringIO(text))
    }  # fmt: skip
