"""Cells: how factors become settings, and what makes two cells the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.errors import StudyError
from beir_hybrid.studies.budget import budget_sentence
from beir_hybrid.studies.cells import SCHEMA, Cell, plan_cells
from beir_hybrid.studies.contents import path_digest
from beir_hybrid.studies.inputs import complete_settings
from beir_hybrid.training.config import default_of
from tests.studies.conftest import TRAIN


def settings(cell: Cell) -> dict[str, Any]:
    assert cell.training is not None
    (only,) = cell.training.trainings.values()
    return vars(only)


def by_label(study: Any) -> dict[Any, Cell]:
    return {tuple(cell.factors.values()) if len(cell.factors) > 1 else next(iter(cell.factors.values())): cell
            for cell in plan_cells(study)}  # fmt: skip


def test_tables_of_settings_are_a_factor(small: Any) -> None:
    """A factor of any name whose values are named tables: the same cells as the settings themselves give."""
    regimes = by_label(small('[factors]\nregime = [{name = "mono", alpha = 1.0}, {name = "cross", alpha = 0.0}]'))
    alphas = by_label(small("[factors]\nalpha = [1, 0.0]"))
    samplings = by_label(small('[factors]\nsampling = ["mono", "cross"]', train=TRAIN + "alpha = 0.3"))
    assert list(regimes) == ["mono", "cross"]
    assert [cell.digest for cell in regimes.values()] == [cell.digest for cell in alphas.values()]
    assert [cell.digest for cell in samplings.values()] == [cell.digest for cell in alphas.values()]


def test_schedules(small: Any) -> None:
    """A table moves alpha, the next leaves it where it is."""
    found = by_label(
        small(
            '[factors]\nschedule = [{name = "still", alpha = 0.8}, '
            '{alpha = 1.0, alpha_end = 0.5, alpha_schedule = "cosine"}]',
        )
    )
    ends = {name: [settings(cell).get(key) for key in ("alpha", "alpha_end")] for name, cell in found.items()}
    assert ends == {"still": [0.8, None], "alpha=1.0, alpha_end=0.5, alpha_schedule=cosine": [1.0, 0.5]}


def test_encoders(small: Any) -> None:
    """A table says all that belongs to an encoder; a model by name takes the place of one from scratch."""
    found = by_label(
        small(
            '[factors]\nencoder = [{name = "s", width = 8}, {name = "t", from_scratch = "transformer", layers = 2, '
            'width = 64, learning_rate = 0.001}, {name = "m", model = "some/model"}]',
        )
    )
    assert [cell.kind for cell in found.values()] == ["static-8", "transformer-2x64", "some/model"]
    assert settings(found["t"])["learning_rate"] == 0.001
    assert settings(found["m"])["from_scratch"] is None


def test_what_changes_no_number_is_no_content(small: Any) -> None:
    """A model measured on another device, or in other batches, is the same cell; with another prompt it is not."""
    plain, device, prompt = plan_cells(
        small(
            '[factors]\nmodel = ["m", {name = "b", model = "m", device = "cuda", batch_size = 4, memory = 100}, '
            '{name = "c", model = "m", query_prompt = "q: "}]', top='name = "m"', train="",
        )
    )  # fmt: skip
    assert plain.digest == device.digest != prompt.digest


def test_versions_are_content(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of torch trains is another model."""
    from beir_hybrid.studies import cells

    study = small("[factors]\nalpha = [0.5]")
    before = plan_cells(study)[0].digest
    monkeypatch.setattr(cells, "versions", lambda: {"torch": "1.0"})
    assert plan_cells(study)[0].digest != before


def test_a_folder_named_like_bm25(small: Any, tmp_path: Path) -> None:
    """BM25 is BM25, whatever folders stand beside the study file."""
    study = small('[factors]\nmodel = ["bm25"]', top='name = "m"', train="")
    before = plan_cells(study)[0]
    (tmp_path / "bm25").mkdir()
    after = plan_cells(study)[0]
    assert (after.digest, after.retriever) == (before.digest, {"bm25": "language"})


@pytest.mark.parametrize("train", ["", TRAIN.replace('from_scratch = "static"', "")])
def test_a_folder_named_like_a_registered_model(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str
) -> None:
    """A registered encoder is known by its name, whatever folders stand beside the file or where the command runs."""
    top = 'name = "m"'
    study = small('[factors]\nmodel = ["e5-small"]', top=top, train=train)
    before = plan_cells(study)[0]
    (tmp_path / "e5-small").mkdir()
    (tmp_path / "e5-small" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    after = plan_cells(study)[0]
    assert (after.digest, after.identity) == (before.digest, before.identity)


def test_paths_of_jobs_are_absolute(write_study: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A study read by a relative path can be worked on from another folder."""
    from beir_hybrid.studies import load_study

    write_groups(tmp_path / "g.jsonl")
    write_study("[factors]\nalpha = [0.5]", train=TRAIN.replace('"sample"', '"g.jsonl"'))
    monkeypatch.chdir(tmp_path)
    (cell,) = plan_cells(load_study("small.toml"))
    assert cell.training is not None and Path(cell.training.groups).is_absolute()


def test_languages_and_counts(small: Any) -> None:
    """Named sets are tables of a factor; counts are nested subsets of the languages of [train]."""
    sets = '[factors]\nset = [{name = "east", languages = ["ru", "zh"]}]'
    assert settings(by_label(small(sets))["east"])["languages"] == ("ru", "zh")
    counts = by_label(small("[factors]\nlanguage_count = [2, 3]"))
    assert [cell.training.languages for cell in counts.values() if cell.training] == [("de", "en"), ("de", "en", "zh")]
    with pytest.raises(StudyError, match="language_count=4 cannot be: language_count is 4, but there are 3"):
        plan_cells(small("[factors]\nlanguage_count = [4]"))
    with pytest.raises(StudyError, match="no training group is in 'xx'"):
        plan_cells(small('[factors]\nset = [{languages = ["xx", "de"]}]'))
    with pytest.raises(StudyError, match="it trains on en alone, and cross-lingual batches need two"):
        plan_cells(small("[factors]\nlanguage_count = [1]"))


def test_one_model_per_language(small: Any) -> None:
    """Specific cells have a monolingual model for each language, which share the budget of the agnostic one."""
    train = TRAIN.replace("steps = 4", "steps = 30")
    study = small('[factors]\nspecialisation = ["agnostic", "specific"]', train=train)
    found = by_label(study)
    plan = found["specific"].training
    assert plan is not None
    assert {name: (own.alpha, own.steps) for name, own in plan.trainings.items()} == {
        "de": (1.0, 10), "en": (1.0, 10), "zh": (1.0, 10),
    }  # fmt: skip
    assert {cell.training.pairs for cell in found.values() if cell.training} == {240}
    told = budget_sentence(study, list(found.values()))
    assert told == (
        "every cell sees the same number of training pairs (240); with one model per language they are divided over "
        "the languages"
    )
    each = by_label(small('[factors]\nspecialisation = ["specific"]\n[budget]\nequal = "each"', train=train))
    assert [cell.training.pairs for cell in each.values() if cell.training] == [720]


def test_equal_budgets(small: Any) -> None:
    """A larger batch takes fewer steps, so that every cell sees as many pairs; other rules are said aloud."""
    factors = "[factors]\nbatch_size = [4, 8, 16]\n"
    pairs = small(factors)
    assert [settings(cell)["steps"] for cell in plan_cells(pairs)] == [8, 4, 2]
    assert budget_sentence(pairs, plan_cells(pairs)).endswith("training pairs (32)")
    free = small('[factors]\nsteps = [4, 8]\n[budget]\nequal = "none"')
    assert [settings(cell)["steps"] for cell in plan_cells(free)] == [4, 8]
    assert "budgets are not equal" in budget_sentence(free, plan_cells(free))
    early = small("[factors]\nalpha = [0.5]", train=TRAIN + 'patience = 3\ndev_groups = "sample"')
    assert "fewer where validation stops" in budget_sentence(early, plan_cells(early))


def test_only_its_own_cells_change(small: Any) -> None:
    """Another value of a factor, another title or seed leaves the other cells what they were."""
    before = plan_cells(small("[factors]\nalpha = [0.0, 0.5]"))
    top = 'name = "other"\ntitle = "T"\nseeds = [2, 1]'
    after = plan_cells(small("[factors]\nalpha = [0.5, 0.7]", top=top))
    assert [(cell.factors["alpha"], cell.seed) for cell in after] == [(0.5, 2), (0.7, 2), (0.5, 1), (0.7, 1)]
    assert before[1].digest == after[2].digest
    assert len({cell.digest for cell in (*before, *after)}) == 5


def test_what_is_measured_is_not_what_is_trained(small: Any) -> None:
    """Other metrics or languages of the evaluation need the model of a cell, not another model."""
    one = plan_cells(small("[factors]\nalpha = [0.5]"))[0]
    other = plan_cells(
        small("[factors]\nalpha = [0.5]", evaluate='[evaluate]\ndatasets = ["sample"]\nlanguages = ["de", "zh"]')
    )[0]
    assert one.digest == other.digest
    assert list(one.evaluations) != list(other.evaluations)


def write_groups(path: Path, change: str = "") -> Path:
    lines = "".join(json.dumps({**group, "id": group["id"] + change}) + "\n" for group in sample_groups())
    data = lines.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_groups_are_known_by_their_content(small: Any, tmp_path: Path) -> None:
    """Moving or compressing the groups changes nothing; changing them changes every cell."""
    digests = {}
    for name, change in (("a.jsonl", ""), ("b.jsonl.gz", ""), ("c.jsonl", "!")):
        write_groups(tmp_path / name, change)
        train = TRAIN.replace('"sample"', f'"{name}"')
        digests[name] = plan_cells(small("[factors]\nalpha = [0.5]", train=train))[0].digest
    assert digests["a.jsonl"] == digests["b.jsonl.gz"] == plan_cells(small("[factors]\nalpha = [0.5]"))[0].digest
    assert digests["a.jsonl"] != digests["c.jsonl"]


def test_parts_of_the_groups(small: Any) -> None:
    """More groups, or another source, than there are is refused before anything runs."""
    with pytest.raises(StudyError, match="pair_count=67 cannot be: pair_count is 67, but there are 66 training groups"):
        plan_cells(small("[factors]\npair_count = [67]"))
    with pytest.raises(StudyError, match="no training group is of the source 'web'; known: none"):
        plan_cells(small('[factors]\nsource = ["web"]'))
    some = plan_cells(small('[factors]\npair_count = [10, "all"]'))
    assert some[1].digest == plan_cells(small("[factors]\nalpha = [0.5]"))[0].digest
    assert some[0].digest != some[1].digest


def test_code_switching_needs_a_lexicon_only_where_it_is_on(small: Any, tmp_path: Path) -> None:
    """The lexicon is named once in [train]; without switching it is no part of a cell."""
    (tmp_path / "de-en.txt").write_text("Haus house\n")
    train = TRAIN + 'lexicon = "de-en.txt"'
    found = plan_cells(small("[factors]\ncode_switch = [0.0, 0.3]", train=train))
    assert found[0].digest == plan_cells(small("[factors]\nalpha = [0.5]"))[0].digest
    assert settings(found[1])["lexicon"] == str(tmp_path / "de-en.txt")
    (tmp_path / "de-en.txt").write_text("Haus home\n")
    path_digest.cache_clear()
    assert plan_cells(small("[factors]\ncode_switch = [0.3]", train=train))[0].digest != found[1].digest


def test_pretraining(small: Any) -> None:
    """The text is that of the cell's languages, and part of what identifies it; a static model has no use for it."""
    train = TRAIN.replace('"static"', '"transformer"').replace("width = 16", "width = 64")
    factors = (
        '[texts]\ntarget = ["evaluation:sample", "train"]\n[factors]\ndapt = ["none", "target", "train"]\n'
        "language_count = [2, 3]"
    )
    found = by_label(small(factors, train=train))
    assert len({cell.digest for cell in found.values()}) == 6
    plan = found["target", 2].training
    assert plan is not None
    passages, train_part = plan.text["model"]
    sample = load_dataset("sample", languages=["de", "en"])
    assert set(passages.lines("sample")) == {text for block in sample.passages.values() for text in block.texts}
    trained = {group[side][code] for group in sample_groups() for side in ("query", "passage") for code in ("de", "en")}
    assert set(train_part.lines("sample")) == trained
    assert found["none", 2].training.text == {}  # type: ignore[union-attr]
    with pytest.raises(StudyError, match="dapt=train cannot be: --pretrain-text needs a transformer"):
        plan_cells(small('[factors]\ndapt = ["train"]'))
    with pytest.raises(StudyError, match=r"the text .*nowhere\.txt does not exist"):
        plan_cells(small('[texts]\nt = ["nowhere.txt"]\n[factors]\ndapt = ["t"]', train=train))


def test_the_text_is_that_of_the_groups_a_cell_trains_on(small: Any, tmp_path: Path) -> None:
    """`dapt = "train"` is of the chosen source alone, and another source another cell."""
    groups = [{**group, "source": "ab"[at % 2]} for at, group in enumerate(sample_groups())]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(group) + "\n" for group in groups), encoding="utf-8")
    train = (
        TRAIN.replace('"static"', '"transformer"').replace("width = 16", "width = 64").replace('"sample"', '"g.jsonl"')
    )
    found = by_label(small('[factors]\ndapt = ["train"]\nsource = ["a", "b"]', train=train))
    assert len({cell.digest for cell in found.values()}) == 2
    plan = found["train", "b"].training
    assert plan is not None
    (config,) = complete_settings(plan, tmp_path / "inputs", tmp_path / "models").values()
    (text,) = config.pretrain_text or ()
    lines = set(Path(text).read_text(encoding="utf-8").splitlines())
    assert {" ".join(group["query"]["en"].split()) for group in groups[1::2]} <= lines
    assert not {" ".join(group["query"]["en"].split()) for group in groups[::2]} & lines


@pytest.mark.parametrize(
    ("factors", "train", "part"),
    [
        (
            "[factors]\nalpha = [1.5]",
            TRAIN,
            "alpha=1.5 cannot be: --alpha is 1.5; expected a number in [0, 1]",
        ),
        (
            "[factors]\nmini_batch_size = [8]",
            TRAIN,
            "mini_batch_size=8 cannot be: --mini-batch-size needs a transformer",
        ),
        (
            "[factors]\nalpha = [0.5]",
            TRAIN.replace('"sample"', '"no.jsonl"'),
            "no.jsonl does not exist",
        ),
        ("[factors]\nalpha = [0.5]", TRAIN.replace('"sample"', '"$NO_SUCH/x"'), "$NO_SUCH is not set; run: export"),
        ("[factors]\nalpha = [0.5]", TRAIN + "patience = 3", "--patience needs validation groups"),
        ("[factors]\nalpha = [0.5]", TRAIN + "pretrain_steps = 3", "--pretrain-steps needs --pretrain-text"),
        ("[factors]\nlayers = [1, 2]", TRAIN, "layers=1 cannot be: --layers needs a transformer"),
        ('[factors]\nwidth = [8]\nmodel = ["m"]', TRAIN, "model=m cannot be: --width needs --from-scratch"),
    ],
)
def test_cells_that_cannot_be(small: Any, factors: str, train: str, part: str) -> None:
    """A value that is out of range, or does not go with another one, is refused before anything runs."""
    with pytest.raises(StudyError) as caught:
        plan_cells(small(factors, train=train))
    assert part in str(caught.value)


def test_groups_that_are_none(small: Any, tmp_path: Path) -> None:
    """A line that is no group is named with its place, without blaming a cell."""
    (tmp_path / "g.jsonl").write_text('{"id": 1, "query": {}, "passage": {}}\n{"id": 2}\n')
    with pytest.raises(StudyError, match=r'g.jsonl:2: expected an object with "id", "query" and "passage"'):
        plan_cells(small("[factors]\nalpha = [0.5]", train=TRAIN.replace('"sample"', '"g.jsonl"')))


def test_data_sets_that_are_not_here(small: Any, no_data: Path) -> None:
    """A dry run fetches nothing: it names what would be fetched; an unknown name is refused."""
    evaluate = '[evaluate]\ndatasets = ["sample", "mlqa-r"]'
    study = small("[factors]\nalpha = [0.5]", evaluate=evaluate)
    (cell,) = plan_cells(study, download=False)
    assert [each.dataset for each in cell.evaluations.values()] == ["sample"]
    with pytest.raises(StudyError, match="unknown dataset 'mlqa'; did you mean 'mlqa-r'"):
        plan_cells(small("[factors]\nalpha = [0.5]", evaluate='[evaluate]\ndatasets = ["mlqa"]'), download=False)


def test_defaults_are_part_of_the_schema() -> None:
    """Settings at their defaults are not in a cell's identity: when a default changes, so must `SCHEMA`."""
    neutral = {
        "alpha_schedule": "constant", "language_weights": "uniform", "pairing": "row", "batch_size": 100,
        "gradient_accumulation": 1, "weight_decay": 0.01, "warmup": 0.1, "scale": 20.0, "loss": "masked",
        "gather": False, "freeze_embeddings": False, "cut_vocabulary": False, "precision": "fp32", "seed": 42,
        "patience": 5, "best": "loss", "dev_limit": 300, "workers": 0, "vocabulary": 64_000, "width": 512,
        "layers": 4, "pretrain_steps": 1000, "pretrain_learning_rate": 1e-4, "code_switch": 0.0,
        "on_leak": "refuse",
    }  # fmt: skip
    assert SCHEMA == 2
    assert {name: default_of(name) for name in neutral} == neutral
