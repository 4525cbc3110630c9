"""The table [analysis]: what it may say, and one clear line for what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from beir_hybrid.errors import StudyError
from beir_hybrid.studies.analysis.formula import Variable, parse_formula
from beir_hybrid.studies.analysis.options import parse_options

FACTORS = {"alpha": (0.0, 0.5, 1.0), "encoder": ("small", "large"), "only": (1,)}


def test_a_star_is_both_and_their_interaction() -> None:
    """``a * b`` is ``a + b + a:b``, each term once, main effects first."""
    formula = parse_formula("mAP ~ alpha*joshi + alpha + C(alpha):seen + 1", FACTORS)
    alpha, joshi, seen = Variable("alpha"), Variable("joshi"), Variable("seen")
    assert formula.metric == "map"
    assert formula.terms == ((alpha,), (joshi,), (alpha, joshi), (Variable("alpha", "C"), seen))
    assert formula.setting is None
    assert parse_formula("cross: ndcg@10 ~ log(only)", FACTORS).setting == "cross"
    assert parse_formula("rank_distance ~ alpha * setting", FACTORS).over_settings


def test_defaults() -> None:
    """The first value of the first factor that varies is the baseline, and said not to be chosen."""
    options = parse_options({}, FACTORS)
    assert options.baseline == {"alpha": 0.0}
    assert not options.given_baseline
    assert options.x == "alpha"
    assert options.fits == ()
    assert parse_options({"draws": 1}, FACTORS).draws == 1
    chosen = parse_options({"baseline": {"alpha": 1}, "metrics": "map, nDCG@10", "fit": "map ~ alpha"}, FACTORS)
    assert chosen.baseline == {"alpha": 1.0}
    assert chosen.metrics == ("map", "ndcg@10")
    assert parse_options({"fit": "map ~ log(only)"}, FACTORS).fits[0].terms == ((Variable("only", "log"),),)
    assert parse_options({"fit": ["map ~ alpha", "map ~ encoder"]}, FACTORS).fits[1].terms == ((Variable("encoder"),),)
    assert parse_options({}, {}).x is None


@pytest.mark.parametrize(
    ("analysis", "line"),
    [
        ({"basline": {}}, r"unknown key 'basline'; did you mean 'baseline'\?"),
        ({"baseline": {"alfa": 1}}, r"baseline: unknown factor 'alfa'; did you mean 'alpha'\?"),
        ({"baseline": {"alpha": 2}}, "baseline: alpha = 2 is not among the values of the factor; known: 0, 0.5, 1"),
        ({"baseline": {"encoder": "smal"}}, r"encoder = smal is not among .* did you mean 'small'\?"),
        ({"baseline": 1.0}, r"baseline is 1.0; expected a table, like \{alpha = 1.0\}"),
        ({"baseline": {}}, "baseline is {}; expected a table"),
        ({"fit": "map ~ alpha * jushi"}, r"unknown term 'jushi'; did you mean 'joshi'\?"),
        ({"fit": "map ~ alhpa"}, r"unknown term 'alhpa'; did you mean 'alpha'\?"),
        ({"fit": "mapp ~ alpha"}, r"unknown metric 'mapp'; did you mean 'map'\?"),
        ({"fit": "crss:map ~ alpha"}, r"unknown setting 'crss'; did you mean 'cross'\?"),
        ({"fit": "map"}, "fit is 'map'; expected the form \"map ~ alpha"),
        ({"fit": "map ~ "}, "expected the form"),
        ({"fit": "map ~ 1"}, "names nothing to explain map by"),
        ({"fit": "map ~ (1 | language)"}, "cannot read"),
        ({"fit": "map ~ __import__('os')"}, "cannot read"),
        ({"fit": "map ~ alpha * encoder * joshi * seen"}, "an interaction of 4; at most 3"),
        ({"fit": "map ~ log(alpha)"}, r"log\(alpha\) needs numbers above 0; alpha has 0, 0.5, 1"),
        ({"fit": "map ~ log(encoder)"}, "needs numbers above 0; encoder has small, large"),
        ({"fit": "map ~ log(joshi)"}, r"log\(joshi\) is of no amount; log takes cc100, passage_cc100"),
        ({"fit": "map ~ log(seen)"}, "is of no amount"),
        ({"fit": "map ~ log(setting)"}, "is of no amount"),
        ({"fit": 3}, "fit is 3; expected text or a list of texts"),
        ({"metrics": ["map", 3]}, "expected text or a list of texts"),
        ({"metrics": "recall"}, "metrics: unknown metric 'recall'"),
        ({"fit": "map ~ alpha | joshi"}, "cannot read 'alpha | joshi'"),
        ({"settings": "mono"}, "unknown key 'settings'"),
        ({"group_by": ["josh"]}, r"group_by: unknown 'josh'; did you mean 'joshi'\?"),
        ({"x": "beta"}, "x is 'beta', no factor of the study"),
        ({"x": 3}, "x is 3, no factor of the study"),
        ({"draws": 0}, "draws is 0; expected a whole number from 1"),
        ({"draws": True}, "draws is True"),
    ],
)
def test_bad_input_is_one_line(analysis: dict[str, Any], line: str) -> None:
    """What is wrong, where, and what was perhaps meant."""
    with pytest.raises(StudyError, match=line) as raised:
        parse_options(analysis, FACTORS)
    assert str(raised.value).startswith("[analysis]")
    assert "\n" not in str(raised.value)
