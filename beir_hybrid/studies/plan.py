"""What a cell trains: its factors resolved to complete settings, and the content that identifies them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.studies.contents import GroupsContent, groups_content, groups_name, model_place, path_digest
from beir_hybrid.studies.factors import NOTHING, chosen
from beir_hybrid.studies.languages import subset
from beir_hybrid.studies.study import Study, Value
from beir_hybrid.studies.texts import TextPart, text_part
from beir_hybrid.training.config import TrainConfig

ONE_MODEL = "model"
"""The name of the model of a language-agnostic cell; those of language-specific ones have their languages' names."""
_PATIENCE = 0
"""Validations without a better one: a study keeps its budgets equal and stops no training early, unless told to."""
_VALIDATIONS = 4
_STEPS = {"static": 3000, "transformer": 10_000}
_BATCH: dict[str, int] = {"batch_size": 100, "gradient_accumulation": 1}
_PATHS = ("groups", "dev_groups", "lexicon", "pretrain_text", "out", "tokenizer", "model")
_NO_CONTENT = ("workers", "data_dir")
"""Settings that do not change what is trained."""


@dataclass(frozen=True)
class GroupsSubset:
    """A part of the training groups: those of some sources, and of these so many, drawn by a seed.

    Smaller subsets of a seed are part of larger ones. Validation groups (split dev) are kept whole.
    """

    sources: tuple[str, ...] = ()
    count: int | None = None
    seed: int = 0
    languages: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.sources and self.count is None


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a cell's trainings need. Digests are worked out once, and travel with it to other processes.

    Attributes:
        trainings: model name -> settings of `TrainConfig` but for the paths that the cell's folder decides.
        groups: file or registered name.
        subset: of the groups.
        languages: that are trained on, by all models together.
        text: for domain-adaptive pretraining, by model name; empty without it.
        vocabulary: of the tokenizer to train and share; None: the model brings one, or each training makes its own.
    """

    trainings: Mapping[str, Mapping[str, Any]]
    groups: str
    subset: GroupsSubset
    languages: tuple[str, ...]
    text: Mapping[str, tuple[TextPart, ...]] = field(default_factory=dict)
    vocabulary: int | None = None

    @property
    def first(self) -> Mapping[str, Any]:
        """The settings of one of the trainings, where all have the same."""
        return next(iter(self.trainings.values()))

    @property
    def specific(self) -> bool:
        """One model per language."""
        return ONE_MODEL not in self.trainings

    @cached_property
    def groups_digest(self) -> str:
        """What identifies the groups that are trained on."""
        content = groups_content(self.groups).digest
        if self.subset.everything:
            return content
        chosen = (str(self.subset.count), str(self.subset.seed), *self.subset.languages) if self.subset.count else ()
        return fingerprint(content, *self.subset.sources, "|", *chosen)

    @cached_property
    def tokenizer_digest(self) -> str:
        """What identifies the tokenizer: it depends on the text and its size alone."""
        return fingerprint("tokenizer", self.groups_digest, str(self.vocabulary), *self.languages)

    @cached_property
    def text_digests(self) -> dict[str, str]:
        """What tells texts to pretrain on apart, by model name."""
        return {name: fingerprint("text", *(part.digest() for part in parts)) for name, parts in self.text.items()}

    @property
    def pairs(self) -> int:
        """Training pairs seen, over all models; 0 where it is not known."""
        return sum(_pairs(settings) for settings in self.trainings.values())

    @property
    def kind(self) -> str:
        """Of the encoder: what its cost depends on."""
        if self.first.get("from_scratch") == "static":
            return f"static-{self.first['width']}"
        if self.first.get("from_scratch") == "transformer":
            return f"transformer-{self.first['layers']}x{self.first['width']}"
        return str(self.first.get("model"))

    def identity(self) -> dict[str, Any]:
        """The content of what is trained, as JSON values: paths are replaced by digests of what is there."""
        first = self.first
        found: dict[str, Any] = {
            "trainings": {name: _stated(settings) for name, settings in self.trainings.items()},
            "groups": self.groups_digest,
        }
        for key in ("dev_groups", "lexicon", "model"):
            if first.get(key):
                found[key] = path_digest(first[key]) if Path(first[key]).exists() else first[key]
        if self.text:
            found["text"] = self.text_digests
        if first.get("leak_check"):
            from beir_hybrid.studies.contents import dataset_content
            from beir_hybrid.studies.study import Evaluation

            checked = [Evaluation(name, data_dir=first.get("data_dir")) for name in first["leak_check"]]
            found["leak_check"] = [dataset_content(each).fingerprint for each in checked]
        return found


def plan_training(study: Study, values: Mapping[str, Value], seed: int) -> TrainingPlan:
    """The trainings of a cell.

    Args:
        study: its common settings.
        values: factor -> its value in the cell.
        seed: of the cell.

    Raises:
        StudyError, TrainingError: values that do not go together, or with the training groups.
    """
    wishes = chosen(study.train or {}, values)
    known = {item.name for item in dataclasses.fields(TrainConfig)}
    settings = {key: value for key, value in wishes.items() if key in known}
    if not settings.get("code_switch"):
        settings.pop("lexicon", None)
    groups = groups_name(study.expanded(settings["groups"]), study.path(settings["groups"]))
    content = groups_content(groups)
    languages = _languages(wishes, content, seed)
    settings |= {"groups": groups, "languages": languages, "seed": seed}
    for key in ("dev_groups", "lexicon", "data_dir"):
        if settings.get(key):
            settings[key] = study.path(settings[key])
    if settings.get("model"):
        settings["model"] = model_place(study, settings["model"])
    _set_budget(study, settings, wishes)
    complete = _complete(settings)
    trainings = {ONE_MODEL: complete}
    if wishes.get("specialisation") == "specific":
        trainings = {code: _of_one_language(study, settings, code, len(languages)) for code in languages}
    elif len(languages) < 2 and TrainConfig(**{**complete, "out": "-"}).start_alpha < 1:
        raise StudyError(
            f"it trains on {languages[0]} alone, and cross-lingual batches need two languages; "
            "leave it out with [grid] exclude, or set alpha = 1"
        )
    scratch = complete.get("from_scratch") is not None and not complete.get("leak_check")
    return TrainingPlan(
        trainings=trainings,
        groups=groups,
        subset=_subset(wishes, content, languages, seed),
        languages=languages,
        text=_text(study, settings, wishes, groups, trainings),
        vocabulary=int(complete["vocabulary"]) if scratch else None,
    )


def _languages(wishes: Mapping[str, Any], content: GroupsContent, seed: int) -> tuple[str, ...]:
    among = wishes.get("languages") or content.languages
    for code in among:
        if code not in content.languages:
            raise StudyError(f"no training group is in {code!r}; {did_you_mean(code, content.languages)}")
    if wishes.get("language_count"):
        return subset(among, wishes["language_count"], wishes.get("order", "largest-first"), seed)
    return tuple(sorted(set(among)))


def _subset(wishes: Mapping[str, Any], content: GroupsContent, languages: tuple[str, ...], seed: int) -> GroupsSubset:
    sources = wishes.get("source") or ()
    for name in sources:
        if name not in content.sources:
            raise StudyError(f"no training group is of the source {name!r}; {did_you_mean(name, content.sources)}")
    count = wishes.get("pair_count")
    there = content.training_groups(frozenset(languages), sources)
    if count is not None and count > there:
        raise StudyError(f"pair_count is {count:,}, but there are {there:,} training groups for it")
    if not there:
        raise StudyError(f"no training group of {', '.join(sources) or content.name} is in {', '.join(languages)}")
    return GroupsSubset(sources) if count is None else GroupsSubset(sources, count, seed, languages)


def _set_budget(study: Study, settings: dict[str, Any], wishes: Mapping[str, Any]) -> None:
    if "epochs" not in settings:  # which only a study of unequal budgets has
        steps = settings.get("steps") or _default_steps(settings)
        if study.budget in ("pairs", "each"):
            common = {key: (study.train or {}).get(key, default) for key, default in _BATCH.items()}
            steps = max(1, round(steps * _rows(common) / _rows({**_BATCH, **settings})))
        settings["steps"] = steps
    settings.setdefault("patience", _PATIENCE)
    if settings.get("steps") and "evaluate_every" not in wishes:
        settings["evaluate_every"] = -(-settings["steps"] // _VALIDATIONS)


def _rows(settings: Mapping[str, Any]) -> int:
    return int(settings["batch_size"]) * int(settings["gradient_accumulation"])


def _default_steps(settings: Mapping[str, Any]) -> int:
    return _STEPS.get(str(settings.get("from_scratch")), _STEPS["transformer"])


def _of_one_language(study: Study, settings: Mapping[str, Any], code: str, among: int) -> dict[str, Any]:
    """The settings of the model of one language: monolingual batches, and its share of the budget."""
    own = {key: value for key, value in settings.items() if key not in ("sampling", "alpha_end", "alpha_schedule")}
    own |= {"languages": (code,), "alpha": 1.0}
    if study.budget in ("pairs", "steps"):
        for key in ("steps", "pretrain_steps"):
            if key in own:
                own[key] = max(1, round(own[key] / among))
        own["evaluate_every"] = -(-own["steps"] // _VALIDATIONS)
    return _complete(own)


def _complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting, the defaults included; what is not allowed is refused here."""
    given = dict(settings)
    pretrained = given.pop("pretrain_text", None)
    # an output folder is named later; sampling is alpha under another name
    config = TrainConfig(**{**given, "out": "-", "pretrain_text": pretrained})
    complete = config.to_dict()
    complete |= {"alpha": config.start_alpha, "languages": tuple(settings["languages"])}
    return {key: value for key, value in complete.items() if key not in ("out", "sampling", "pretrain_text")}


def _text(
    study: Study, settings: Mapping[str, Any], wishes: Mapping[str, Any], groups: str, trainings: Mapping[str, Any]
) -> dict[str, tuple[TextPart, ...]]:
    named = wishes.get("dapt", NOTHING)
    given: tuple[str, ...] = tuple(settings.get("pretrain_text") or ())
    if named != NOTHING:
        given = study.texts.get(named, (named,))
    if not given:
        return {}
    # the same refusals as for a text file: a static model has no context
    TrainConfig(**{**{k: v for k, v in settings.items() if k != "pretrain_text"}, "out": "-", "pretrain_text": ("-",)})
    return {
        name: tuple(text_part(part, study.path(part), groups, own["languages"], study.evaluations) for part in given)
        for name, own in trainings.items()
    }


def _pairs(settings: Mapping[str, Any]) -> int:
    return int(settings.get("steps", 0)) * _rows({**_BATCH, **settings})


def _stated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not the defaults: a new setting with a neutral default changes no digest."""
    defaults = {item.name: item.default for item in dataclasses.fields(TrainConfig)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in sorted(settings.items())
        if key not in (*_PATHS, *_NO_CONTENT) and value != defaults[key]
    }
