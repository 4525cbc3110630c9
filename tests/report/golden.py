"""Results whose every number can be worked out on paper, read back from every output.

Six question groups in German and English, so that a test has 64 sign patterns and the least p is 2/64 = .031.

- ``b`` is .25 above ``a`` in every German query and equal to it in English; its rank distance is 60 lower, and its
  own-language share .4 higher, which is neither better nor worse.
- ``c`` is .1, .2, .3, .1, .2, .3 below ``a`` in German; its rank distances are not known, and at least 16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.comparison import Comparison, compare

DOWN = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
VALUES = {
    "a": {"de": [0.5] * 6, "en": [0.5] * 6, "distance": [100.0] * 6, "bound": [100.0] * 6, "share": [0.5] * 6},
    "b": {"de": [0.75] * 6, "en": [0.5] * 6, "distance": [40.0] * 6, "bound": [40.0] * 6, "share": [0.9] * 6},
    "c": {"de": [0.5 - x for x in DOWN], "en": [0.5] * 6, "distance": [None] * 6, "bound": [16.0] * 6,
          "share": [0.5] * 6},
}  # fmt: skip
MATRIX = {
    "a": {"de": {"de": 1.0, "en": 0.25}, "en": {"de": 0.25, "en": 1.0}},
    "b": {"de": {"de": 0.5, "en": 0.5}, "en": {"de": 0.125, "en": 0.75}},
    "c": {"de": {"de": 1.0, "en": 0.0}, "en": {"de": 0.0, "en": 1.0}},
}


@pytest.fixture
def folders(make_folder: Any) -> list[Path]:
    made = []
    for name, own in VALUES.items():
        pooled = {
            "rank_distance": own["distance"], "rank_distance_bound": own["bound"],
            "same_language_share@10": own["share"], "same_language_lift@10": [2 * x for x in own["share"]],
        }  # fmt: skip
        tasks = {
            "mono:de": {"map": own["de"]}, "mono:en": {"map": own["en"]},
            "cross:de-en": {"map": own["de"]}, "cross:en-de": {"map": own["en"]},
            "multi:de": {"map": own["de"], **pooled}, "multi:en": {"map": own["en"], **pooled},
        }  # fmt: skip
        made.append(make_folder(name, tasks, matrix=MATRIX[name]))
    return made


@pytest.fixture
def comparison(folders: list[Path]) -> Comparison:
    return compare(folders)


def interval_of_c() -> list[str]:
    """Brute force: the mean of six of .05, .1, .15 (half of `DOWN`) in all 6**6 resamples, its percentiles."""
    halves = np.array(DOWN) / 2
    means = -halves[np.indices((6,) * 6).reshape(6, -1)].mean(axis=0)
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    return [f"{low:+.3f}", f"{high:+.3f}"]


LOW, HIGH = interval_of_c()
# the mean is -.1 and the standard deviation of .05, .1, .15, .05, .1, .15 is .0447
GOLDEN = {
    "mono: mean over languages": [["system", "map"], ["a", "0.500"], ["b", "0.625 ▲"], ["c", "0.400 ▼"]],
    "mono: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
    ],
    "mono: map by query language": [
        ["system", "de", "en"], ["a", "0.500", "0.500"], ["b", "0.750 ▲", "0.500"], ["c", "0.300 ▼", "0.500"],
    ],
    "cross: mean over ordered language pairs": [["system", "map"], ["a", "0.500"], ["b", "0.625 ▲"], ["c", "0.400 ▼"]],
    "cross: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
    ],
    "multi: mean over languages": [
        ["system", "map", "rank_distance", "same_language_share@10"],
        ["a", "0.500", "100", "0.500"],
        ["b", "0.625 ▲", "40 ▲", "0.900 ◆"],
        ["c", "0.400 ▼", ">=16", "0.500"],
    ],
    "multi: against a": [
        ["metric", "system", "delta", "95% interval", "p", "p corrected", "effect", "wins/ties/losses"],
        ["map", "b", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "-", "6/6/0"],
        ["map", "c", "-0.100 ▼", f"[{LOW}, {HIGH}]", "0.031", "0.031", "-2.24", "0/6/6"],
        ["rank_distance", "b", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "-", "12/0/0"],
        ["same_language_share@10", "b", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "-", "-"],
        ["same_language_share@10", "c", "0.000", "[0.000, 0.000]", "1.000", "1.000", "-", "-"],
    ],
    "multi: map by query language": [
        ["system", "de", "en"], ["a", "0.500", "0.500"], ["b", "0.750 ▲", "0.500"], ["c", "0.300 ▼", "0.500"],
    ],
}  # fmt: skip
NOTES = [
    "toy (test), baseline a; paired permutation test (10,000 draws), corrected: max-t",
    "▲ better, ▼ worse, ◆ different than the baseline with corrected p <= 0.05",
    "95% intervals: bootstrap over question groups; effect: mean difference over its standard deviation",
    ">=: a lower bound; some relevant passages were not retrieved and have no rank",
]


LANGUAGES = ["query language", "share of the pool", "a", "b", "c"]
PAGE = {
    "Query language: mean over all": [
        ["", "mono", "cross", "multi"],
        ["system", "map", "map", "map", "rank dist", "same@10"],
        ["b", "0.625 ▲", "0.625 ▲", "0.625 ▲", "40 ▲", "0.900 ◆"],
        ["a baseline", "0.500", "0.500", "0.500", "100", "0.500"],
        ["c", "0.400 ▼", "0.400 ▼", "0.400 ▼", "≥ 16", "0.500"],
    ],
    "Query language: German (de)": [
        ["", "mono", "cross", "multi"],
        ["system", "map", "map", "map", "rank dist", "same@10"],
        ["b", "0.750 ▲", "0.750", "0.750 ▲", "40 ▲", "0.900 ◆"],
        ["a baseline", "0.500", "0.500", "0.500", "100", "0.500"],
        ["c", "0.300 ▼", "0.300", "0.300 ▼", "≥ 16", "0.500"],
    ],
    "a, multi: reciprocal rank of the answer in the pool": [["", "de", "en"], ["de", "1", ".25"], ["en", ".25", "1"]],
    "b minus a, multi: reciprocal rank of the answer in the pool": [
        ["", "de", "en"], ["de", "−.50", "+.25"], ["en", "−.12", "−.25"],
    ],
    "c, mono and cross: map": [["", "de", "en"], ["de", ".30", ".30"], ["en", ".50", ".50"]],
    "c minus a, mono and cross: map": [["", "de", "en"], ["de", "−.20", "−.20"], ["en", ".00", ".00"]],
    "b, multi: map": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "+0.250 ▲", "[+0.250, +0.250]", "0.031", "0.031", "6/0/0"],
        ["English (en)", "", "0.000", "[0.000, 0.000]", "1.000", "1.000", "0/6/0"],
        ["mean", "", "+0.125 ▲", "[+0.125, +0.125]", "0.031", "0.031", "6/6/0"],
    ],
    "b, multi: rank_distance": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "6/0/0"],
        ["English (en)", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "6/0/0"],
        ["mean", "", "-60.0 ▲", "[-60.0, -60.0]", "0.031", "0.031", "12/0/0"],
    ],
    "b, multi: same_language_share@10": [
        ["query language", "", "difference", "95 % interval", "p", "corrected", "wins/ties/losses"],
        ["German (de)", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
        ["English (en)", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
        ["mean", "", "+0.400 ◆", "[+0.400, +0.400]", "0.031", "0.031", "–"],
    ],
}  # fmt: skip
