"""What a cell trains: its factors resolved to complete settings, and the content that identifies them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.studies.contents import (
    GroupsContent,
    dataset_content,
    groups_content,
    groups_name,
    known_by,
    model_place,
)
from beir_hybrid.studies.factors import NOTHING, chosen
from beir_hybrid.studies.languages import subset
from beir_hybrid.studies.study import Evaluation, Study, Value
from beir_hybrid.studies.texts import TextPart, text_part
from beir_hybrid.training.config import TrainConfig

ONE_MODEL = "model"
"""The name of the model of a language-agnostic cell; those of language-specific ones have their languages' names."""
_VALIDATIONS = 4
_STEPS = {"static": 3000, "transformer": 10_000}
_FILES = ("dev_groups", "pairs", "lexicon", "distill_to")
"""Settings that name files: their content identifies a cell."""
_NOT_STATED = (*_FILES, "groups", "model", "sampling", "pretrain_text", "out", "tokenizer", "workers", "data_dir")
"""Settings that are told by their content, are decided by the cell's folder, or change nothing that is trained."""


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
        trainings: model name -> settings but for the paths that the cell's folder decides.
        groups: file or registered name.
        subset: of the groups.
        languages: that are trained on, by all models together.
        text: for domain-adaptive pretraining, by model name; empty without it.
        vocabulary: of the tokenizer to train and share; None: the model brings one, or each training makes its own.
    """

    trainings: Mapping[str, TrainConfig]
    groups: str
    subset: GroupsSubset
    languages: tuple[str, ...]
    text: Mapping[str, tuple[TextPart, ...]] = field(default_factory=dict)
    vocabulary: int | None = None

    @property
    def first(self) -> TrainConfig:
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

    @property
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
        return sum((own.steps or 0) * own.batch_size * own.gradient_accumulation for own in self.trainings.values())

    @property
    def kind(self) -> str:
        """Of the encoder: what its cost depends on."""
        if self.first.from_scratch is None:
            return str(self.first.model)
        layers = f"{self.first.layers}x" if self.first.from_scratch == "transformer" else ""
        return f"{self.first.from_scratch}-{layers}{self.first.width}"

    def identity(self) -> dict[str, Any]:
        """The content of what is trained, as JSON values: paths are replaced by digests of what is there."""
        found: dict[str, Any] = {
            "trainings": {name: _stated(config) for name, config in self.trainings.items()},
            "groups": self.groups_digest,
        }
        for key in (*_FILES, "model"):
            if given := getattr(self.first, key):
                found[key] = known_by(given)
        if self.text:
            found["text"] = self.text_digests
        if self.first.leak_check:
            checked = [Evaluation(name, data_dir=self.first.data_dir) for name in self.first.leak_check]
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
    settings = {item.name: wishes[item.name] for item in dataclasses.fields(TrainConfig) if item.name in wishes}
    if not settings.get("code_switch"):
        settings.pop("lexicon", None)
    groups = groups_name(study.expanded(settings["groups"]), study.path(settings["groups"]))
    content = groups_content(groups)
    languages = _languages(wishes, content, seed)
    for key in (*_FILES, "data_dir"):
        if settings.get(key):
            settings[key] = study.path(settings[key])
    if settings.get("model"):
        settings["model"] = model_place(study, settings["model"])
    named = wishes.get("dapt", NOTHING)
    texts = settings.get("pretrain_text") or () if named == NOTHING else study.texts.get(named, (named,))
    settings |= {"groups": groups, "languages": languages, "seed": seed, "out": "-", **_budget(study, wishes)}
    settings["pretrain_text"] = ("-",) if texts else None  # what refuses a text refuses it here
    config = TrainConfig(**settings)
    config = replace(config, sampling=None, alpha=config.start_alpha)
    trainings = {ONE_MODEL: config}
    if wishes.get("specialisation") == "specific":
        trainings = {code: _of_one_language(study, config, code, wishes) for code in languages}
    elif len(languages) < 2 and config.start_alpha < 1:
        raise StudyError(
            f"it trains on {languages[0]} alone, and cross-lingual batches need two languages; "
            "leave it out with [grid] exclude, or set alpha = 1"
        )
    return TrainingPlan(
        trainings=trainings,
        groups=groups,
        subset=_subset(wishes, content, languages, seed),
        languages=languages,
        text={
            name: tuple(
                text_part(each, study.path(each), groups, own.languages or (), study.evaluations) for each in texts
            )
            for name, own in trainings.items()
            if texts
        },
        vocabulary=config.vocabulary if config.from_scratch is not None and not config.leak_check else None,
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


def _budget(study: Study, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Steps that keep the budget equal. No training is stopped early unless it is told to."""
    found: dict[str, Any] = {"patience": wishes.get("patience", 0)}
    if "epochs" not in wishes:  # which only a study of unequal budgets has
        steps = wishes.get("steps") or _STEPS.get(str(wishes.get("from_scratch")), _STEPS["transformer"])
        if study.budget in ("pairs", "each"):
            steps = max(1, round(steps * _rows(study.train or {}) / _rows(wishes)))
        found["steps"] = steps
        if "evaluate_every" not in wishes:
            found["evaluate_every"] = -(-steps // _VALIDATIONS)
    return found


def _rows(settings: Mapping[str, Any]) -> int:
    sizes = (settings.get(name, getattr(TrainConfig, name)) for name in ("batch_size", "gradient_accumulation"))
    one, other = map(int, sizes)
    return one * other


def _of_one_language(study: Study, config: TrainConfig, code: str, wishes: Mapping[str, Any]) -> TrainConfig:
    """The settings of the model of one language: monolingual batches, and its share of the budget."""
    own: dict[str, Any] = {"languages": (code,), "alpha": 1.0, "alpha_end": None, "alpha_schedule": "constant"}
    if study.budget in ("pairs", "steps"):
        shared = {"steps": config.steps, "pretrain_steps": wishes.get("pretrain_steps")}
        among = len(config.languages or ())
        own |= {name: max(1, round(steps / among)) for name, steps in shared.items() if steps}
        own["evaluate_every"] = -(-own["steps"] // _VALIDATIONS)
    return replace(config, **own)


def _stated(config: TrainConfig) -> dict[str, Any]:
    """The settings that are not the defaults: a new setting with a neutral default changes no digest."""
    values = ((item.name, getattr(config, item.name), item.default) for item in dataclasses.fields(TrainConfig))
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value, default in sorted(values, key=lambda each: each[0])
        if name not in _NOT_STATED and value not in (None, default)
    }
