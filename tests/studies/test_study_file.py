"""Study files: what is read, and that every mistake has one line with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import StudyError
from beir_hybrid.studies import load_study
from beir_hybrid.studies.study_file import line_of
from tests.studies.conftest import TRAIN, WriteStudy


def labels(study: Any) -> list[tuple[Any, ...]]:
    return [tuple(value.label for value in found.values()) for found in study.combinations()]


def test_a_study_is_read(small: Any) -> None:
    """Factors keep the order of the file, the last one moving fastest; tables and lists get a readable label."""
    study = small(
        """[factors]
alpha = [0, 0.5]
encoder = [{name = "narrow", width = 8}, {name = "wide", from_scratch = "static", width = 64}]
[limits]
minutes_per_cell = 5
[analysis]
baseline = { alpha = 0.5 }
"""
    )
    assert labels(study) == [(0, "narrow"), (0, "wide"), (0.5, "narrow"), (0.5, "wide")]
    assert study.factors["encoder"][1].settings == {"from_scratch": "static", "width": 64}
    assert (study.name, study.title, study.seeds) == ("small", "small", (1,))
    assert (study.limits.minutes_per_cell, study.limits.threads) == (5, 1)
    assert study.analysis == {"baseline": {"alpha": 0.5}}
    assert study.train["languages"] == ("de", "en", "zh")


def test_parts_of_the_grid(small: Any) -> None:
    """`exclude` leaves combinations out; a rule may name several values of a factor."""
    factors = '[factors]\nalpha = [0.0, 0.5, 1.0]\nloss = ["masked", "plain"]\n[grid]\n'
    excluded = small(factors + 'exclude = [{alpha = [0.0, 0.5], loss = "plain"}]')
    assert labels(excluded) == [(0.0, "masked"), (0.5, "masked"), (1.0, "masked"), (1.0, "plain")]


def test_data_sets_can_have_settings_of_their_own(small: Any) -> None:
    """A table for a data set overrides what all have in common; other keys are the data set's options."""
    study = small(
        "[factors]\nalpha = [0.5]",
        evaluate="""[evaluate]
metrics = ["map", "recall@1"]
[evaluate.datasets.xquad-r]
settings = ["mono"]
with_paragraph = true
[evaluate.datasets.sample]
metrics = ["mrr@10"]
""",
    )
    first, second = study.evaluations
    assert (first.dataset, first.settings, first.metrics) == ("xquad-r", ("mono",), ("map", "recall@1"))
    assert (first.options, second.metrics) == ({"with_paragraph": True}, ("mrr@10",))


@pytest.mark.parametrize(
    ("factors", "line", "parts"),
    [
        ("[factors]\nalfa = [0.5]", 13, ["unknown factor 'alfa'; did you mean 'alpha'?"]),
        ('[factors]\nalpha = ["many"]', 13, ["alpha is 'many'; expected a number"]),
        ('[factors]\nregime = ["mono"]', 13, ["unknown factor 'regime'", "tables of settings"]),
        ("[factors]\nregime = [{name = 'a'}]", 13, ["regime has a table without a setting"]),
        ('[factors]\nloss = ["masked", "focal"]', 13, ["loss is 'focal'", "known: masked, plain"]),
        ("[factors]\nalpha = 0.5", 13, ["alpha is 0.5; expected a list of its values"]),
        ("[factors]\nalpha = []", 13, ["expected a list of its values"]),
        ("[factors]\nalpha = [0.5, 0.5]", 13, ["has the value 0.5 twice"]),
        ("[factors]\nseed = [1, 2]", 13, ["the seeds of a study stand above its tables"]),
        ("[factors]\nr = [{alpha = 1.0}]\nalpha = [0.5]", 12, ["the factors r and alpha set the same thing (alpha)"]),
        ('[factors]\nsampling = ["mono"]\nalpha = [0.5]', 12, ["sampling and alpha set the same thing (alpha)"]),
        ('[factors]\norder = ["random"]', 12, ["order needs the factor language_count"]),
        ("[factors]\nsteps = [5, 6]", None, ["steps is a factor, so budgets are not equal"]),
        ('[factors]\ndapt = ["target"]', 13, ["dapt is 'target', no name of [texts]"]),
        ("[factors]\nencoder = [{name = 'a', widht = 8}]", 13, ["unknown key 'widht'; did you mean 'width'?"]),
        ("[factors]\nlanguage_count = [0]", 13, ["language_count is 0; it should be greater than 0 or be 'all'"]),
        ("[factors]\nalpha = [0.5]\n[grid]\nexclude = [{beta = 1}]", 15, ["unknown factor 'beta'"]),
        ("[factors]\nalpha = [0.5]\n[grid]\nexclude = [{alpha = 0.7}]", 15, ["alpha has no value 0.7", "known: 0.5"]),
        ("[factors]\nalpha = [0.5]\n[grid]\nexclude = [{alpha = 0.5}]", 14, ["no combination of the factors is left"]),
        ('[factors]\nalfa = [0.5]\n[analysis]\nx = "alfa"', 13, ["unknown factor 'alfa'"]),
        ('[factors]\nalpha = [0.5]\n[analysis]\nx = ["alpha"]', 15, ["x is ['alpha'], no factor of the study"]),
        ("[factors]\nalpha = [0.5]\n[start.a]\ntrain = 3", None, ["expected tables [start.NAME.train]"]),
        ('[budget]\nequal = "tokens"', 13, ["equal is 'tokens'; it should be 'pairs', 'each' or 'none'"]),
        ("[limits]\nmemory_gb = -1", 13, ["memory_gb is -1; it should be greater than 0"]),
        ("[limits]\nminutes = 5", 13, ["unknown key 'minutes'; did you mean 'minutes_per_cell'?"]),
        ("[factor]\nalpha = [0.5]", 12, ["unknown key 'factor'; did you mean 'factors'?"]),
    ],
)
def test_mistakes_have_a_place(write_study: Any, factors: str, line: int | None, parts: list[str]) -> None:
    """An unknown factor, value, key or name is one line that begins with the file and the line it stands in."""
    path = write_study(factors)
    with pytest.raises(StudyError) as caught:
        load_study(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("top", "part"),
    [
        ("seeds = [1]", "name is missing"),
        ('name = "a/b"', ":1: name is 'a/b'; String should match"),
        ('name = "a"\nseeds = [1, 1]', ":2: seeds is [1, 1]; expected different whole numbers"),
        ('name = "a"\nseeds = 3', ":2: seeds is 3; it should be a valid list"),
        ('name = "a"\nseeds = ["1"]', ":2: seeds is '1'; it should be a valid integer"),
        ('name = "a"\nfile = "x"', "unknown key 'file'"),
        ('name = "a"\nkeep_models = "no"', ":2: keep_models is 'no'; it should be a valid boolean"),
        ('name = "a"\nfactors = 3', ":2: factors is 3; it should be a valid dict"),
        ('name = "a"\nname = "b"', ":2: not valid TOML"),
    ],
)
def test_mistakes_at_the_top(write_study: Any, top: str, part: str) -> None:
    """What stands above the tables is checked like the rest."""
    with pytest.raises(StudyError) as caught:
        load_study(write_study("", top=top))
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("evaluate", "part"),
    [
        ("", "evaluate is missing"),
        ('[evaluate]\ndatasets = ["sample"]\nmetrics = ["mapp"]', "unknown metric 'mapp'"),
        ('[evaluate]\ndatasets = ["sample"]\nsettings = ["monolingual"]', "unknown setting 'monolingual'"),
        ('[evaluate]\ndatasets = ["sample", "sample"]', "with a data set twice"),
        ('[evaluate]\ndatasets = ["sample", ["x"]]', "expected a list like"),
        ("[evaluate.datasets]\nsample = 3", "sample is 3; expected a table [evaluate.datasets.sample]"),
        ('[evaluate]\ndatasets = ["sample"]\ntop_k = 0', "top_k is 0; it should be greater than 0"),
        ('[evaluate]\ndataset = ["sample"]', "unknown key 'dataset'; did you mean 'datasets'?"),
    ],
)
def test_mistakes_in_what_is_measured(write_study: Any, evaluate: str, part: str) -> None:
    """Metrics and settings are known before anything is trained."""
    with pytest.raises(StudyError, match=r"small\.toml") as caught:
        load_study(write_study("[factors]\nalpha = [0.5]", evaluate=evaluate))
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("train", "part"),
    [
        (TRAIN + "seed = 3", "the seeds of a study stand above its tables"),
        (TRAIN + 'out = "x"', "out is chosen by the study itself"),
        (TRAIN + 'batchsize = "x"', "unknown key 'batchsize'; did you mean 'batch_size'?"),
        (TRAIN + 'learning_rate = "fast"', ":11: learning_rate is 'fast'; expected a number"),
        (TRAIN.replace('groups = "sample"\n', ""), "[train] names no groups"),
        (TRAIN.replace("steps = 4", "epochs = 1"), "the training is given in epochs"),
        ("", "the factor 'alpha' is one of training; expected a table [train]"),
    ],
)
def test_mistakes_in_what_is_trained(write_study: Any, train: str, part: str) -> None:
    """The table [train] takes the options of `beir-hybrid train`, but for those that belong to the study."""
    with pytest.raises(StudyError, match=r"small\.toml") as caught:
        load_study(write_study("[factors]\nalpha = [0.5]", train=train))
    assert part in str(caught.value)


def test_a_study_that_trains_nothing(small: Any, write_study: Any) -> None:
    """Without [train] the factor `model` names models; there is nothing to seed."""
    study = small(
        '[factors]\nmodel = ["a", {name = "b", model = "c", query_prompt = "q: "}]', top='name = "m"', train=""
    )
    assert [value.label for value in study.factors["model"]] == ["a", "b"]
    assert study.seeds == (0,)
    for factors, part in [
        ("", "no model is named"),
        ('[factors]\nmodel = [{name = "b"}]', "expected one of the keys model and bm25"),
        ('[factors]\nmodel = [{model = "b", promt = ""}]', "unknown key 'promt'"),
        ("[factors]\nmodel = [3]", "model is 3; expected a model's name"),
    ]:
        with pytest.raises(StudyError) as caught:
            load_study(write_study(factors, top='name = "m"', train=""))
        assert part in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    """A study file that is not there, or a folder, is one line."""
    with pytest.raises(StudyError, match="does not exist; expected a study file"):
        load_study(tmp_path / "nowhere.toml")
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path)


def test_lines() -> None:
    """A key is found in its own table, also in a dotted one, and a table by its head."""
    content = 'name = "a"\n[train]\nsteps = 1\n[factors] # what varies\n"alpha" = [1]\n'
    content += '[evaluate.datasets.mlqa-r]\nsplit = "x"'
    assert line_of(content, "", "name") == 1
    assert line_of(content, "train", "steps") == 3
    assert line_of(content, "factors") == 4
    assert line_of(content, "factors", "alpha") == 5
    assert line_of(content, "evaluate", "mlqa-r") == 6
    assert line_of(content, "evaluate", "split") == 7
    assert line_of(content, "factors", "beta") == 4
    assert line_of(content, "grid", "exclude") is None
    assert line_of("[factors]\na = 1\n[start.big.factors]\nb = 2", "factors", "b") == 4


def test_a_start_is_put_over_the_tables(write_study: WriteStudy) -> None:
    """The first is the default and keeps the study's name; another has its own, so that reports stand apart."""
    starts = """
[start.small.train]
steps = 3
[start.large.train]
steps = 5
width = 32
[start.large.factors]
code_switch = [0.0, 0.5]
[start.large.grid]
exclude = [{ code_switch = 0.5 }]
"""
    path = write_study("[factors]\nalpha = [0.5]" + starts)
    small, default, large = (load_study(path, start) for start in ("small", None, "large"))
    assert (small.name, default.name, large.name) == ("small", "small", "small-large")
    assert [(study.train or {})["steps"] for study in (small, default, large)] == [3, 3, 5]
    assert (large.train or {})["width"] == 32
    assert [list(study.factors) for study in (small, large)] == [["alpha"], ["alpha", "code_switch"]]
    assert [len(list(study.combinations())) for study in (small, large)] == [1, 1]
    with pytest.raises(StudyError, match="no start 'larg'; did you mean 'large'"):
        load_study(path, "larg")


def test_a_start_that_is_none(write_study: WriteStudy) -> None:
    with pytest.raises(StudyError, match=r"no start 'x'; it has no table \[start.NAME\]"):
        load_study(write_study("[factors]\nalpha = [0.5]"), "x")
    with pytest.raises(StudyError, match=r"expected tables \[start.NAME.train\], .factors and .grid"):
        load_study(write_study("[factors]\nalpha = [0.5]\n[start.x]\nsteps = 3"))
