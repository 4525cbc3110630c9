"""What a cell trains: its factors resolved to complete settings, and the content that identifies them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.published.languages import languages as known_languages
from beir_hybrid.studies.contents import (
    GroupsContent,
    dataset_content,
    groups_content,
    groups_place,
    known_by,
    model_place,
)
from beir_hybrid.studies.factors import NOTHING, Order, Value, chosen
from beir_hybrid.studies.study import Evaluation, Study
from beir_hybrid.studies.texts import TextPart, text_part
from beir_hybrid.training.config import TrainConfig, default_of, refuse_without_validation

ONE_MODEL = "model"
"""The name of the model of a language-agnostic cell; those of language-specific ones have their languages' names."""
_VALIDATIONS = 4
_STEPS = {"static": 3000, "transformer": 10_000}
_FILES = ("dev_groups", "pairs", "lexicon")
"""Settings that name files: their content identifies a cell."""
_NOT_STATED = (*_FILES, "groups", "model", "sampling", "pretrain_text", "out", "tokenizer", "workers", "data_dir")
"""Settings that are told by their content, are decided by the cell's folder, or change nothing that is trained."""


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a cell's trainings need.

    Attributes:
        trainings: model name -> settings but for the paths that the cell's folder decides.
        groups: file or registered name.
        languages: that are trained on, by all models together.
        sources: of the groups that are trained on; empty: all.
        count: how many of these, drawn by the seed: fewer are part of more. None: all.
        groups_digest: of the part of the groups that is trained on.
        text: for domain-adaptive pretraining, by model name; empty without it.
    """

    trainings: Mapping[str, TrainConfig]
    groups: str
    languages: tuple[str, ...]
    sources: tuple[str, ...]
    count: int | None
    groups_digest: str
    text: Mapping[str, tuple[TextPart, ...]]

    @property
    def first(self) -> TrainConfig:
        """The settings of one of the trainings, where all have the same."""
        return next(iter(self.trainings.values()))

    @property
    def specific(self) -> bool:
        """One model per language."""
        return ONE_MODEL not in self.trainings

    @property
    def pairs(self) -> int:
        """Training pairs seen, over all models; 0 where it is not known."""
        return sum((own.steps or 0) * own.batch_size * own.gradient_accumulation for own in self.trainings.values())

    @property
    def kind(self) -> str:
        """Of the encoder: what its cost depends on."""
        if self.first.from_scratch is None:
            return str(self.first.model)
        layers = f"{self.first.value('layers')}x" if self.first.from_scratch == "transformer" else ""
        return f"{self.first.from_scratch}-{layers}{self.first.value('width')}"

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
            digests = {name: (part.digest for part in parts) for name, parts in self.text.items()}
            found["text"] = {name: fingerprint("text", *own) for name, own in digests.items()}
        if self.first.leak_check:
            checked = [Evaluation(dataset=name, data_dir=self.first.data_dir) for name in self.first.leak_check]
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
    groups = groups_place(study, settings["groups"])
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
    if wishes.get("dapt") == NOTHING:  # a cell to compare those with
        for key in ("pretrain_steps", "pretrain_learning_rate"):
            settings.pop(key, None)
    config = TrainConfig(**settings)
    if not config.dev_groups and all(split != "dev" for split, *_ in content.counts):
        refuse_without_validation(config)
    config = replace(config, sampling=None, alpha=config.start_alpha)
    trainings = {ONE_MODEL: config}
    if wishes.get("specialisation") == "specific":
        trainings = {code: _of_one_language(study, config, code, wishes) for code in languages}
    elif len(languages) < 2 and config.start_alpha < 1:
        raise StudyError(
            f"it trains on {languages[0]} alone, and cross-lingual batches need two languages; "
            "leave it out with [grid] exclude, or set alpha = 1"
        )
    sources, count = _part(wishes, content, languages)
    digest = content.digest
    if sources or count is not None:
        drawn = (str(count), str(seed), *languages) if count else ()
        digest = fingerprint(digest, *sources, "|", *drawn)
    return TrainingPlan(
        trainings=trainings,
        groups=groups,
        languages=languages,
        sources=sources,
        count=count,
        groups_digest=digest,
        text={
            name: tuple(text_part(each, study, own.languages or (), digest) for each in texts)
            for name, own in trainings.items()
            if texts
        },
    )


def _languages(wishes: Mapping[str, Any], content: GroupsContent, seed: int) -> tuple[str, ...]:
    among = wishes.get("languages") or content.languages
    for code in among:
        if code not in content.languages:
            raise StudyError(f"no training group is in {code!r}; {did_you_mean(code, content.languages)}")
    if wishes.get("language_count"):
        return subset(among, wishes["language_count"], wishes.get("order", "largest-first"), seed)
    return tuple(sorted(set(among)))


def subset(languages: Sequence[str], count: int, order: Order, seed: int) -> tuple[str, ...]:
    """The first languages of an order, so that smaller subsets are part of larger ones.

    Args:
        languages: any order.
        count: how many.
        order: by the size of CC-100 (as XLM-R was trained on; equal sizes by code), or drawn at random.
        seed: of the random order, which depends on nothing else.

    Raises:
        StudyError: there are fewer, or the size of one is not known.
    """
    if count > len(languages):
        raise StudyError(
            f"language_count is {count}, but there are {len(languages)} training languages: {', '.join(languages)}"
        )
    facts, sign = known_languages(), -1 if order == "largest-first" else 1
    if order == "random":
        return tuple(sorted(sorted(languages, key=lambda code: fingerprint(str(seed), code))[:count]))
    if unknown := [code for code in languages if code not in facts]:
        raise StudyError(f'the size of CC-100 in {unknown[0]!r} is not known; use order = "random", or leave it out')
    return tuple(sorted(sorted(languages, key=lambda code: (sign * facts[code].cc100_gib, code))[:count]))


def _part(
    wishes: Mapping[str, Any], content: GroupsContent, languages: tuple[str, ...]
) -> tuple[tuple[str, ...], int | None]:
    """The sources and the number of the groups that are trained on."""
    sources, count = wishes.get("source") or (), wishes.get("pair_count")
    for name in sources:
        if name not in content.sources:
            raise StudyError(f"no training group is of the source {name!r}; {did_you_mean(name, content.sources)}")
    there = content.training_groups(frozenset(languages), sources)
    if count is not None and count > there:
        raise StudyError(f"pair_count is {count:,}, but there are {there:,} training groups for it")
    if not there:
        raise StudyError(f"no training group of {', '.join(sources) or content.name} is in {', '.join(languages)}")
    return sources, count


def _budget(study: Study, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Steps that keep the budget equal. No training is stopped early unless it is told to."""
    found: dict[str, Any] = {"patience": wishes.get("patience", 0)}
    if "epochs" not in wishes:  # which only a study of unequal budgets has
        steps = wishes.get("steps") or _STEPS.get(str(wishes.get("from_scratch")), _STEPS["transformer"])
        if study.budget.equal != "none":
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
    own |= {"language_weights": "uniform", "pairing": "row"}  # there is nothing to weigh or pair
    if study.budget.equal == "pairs":
        shared = {"steps": config.steps, "pretrain_steps": wishes.get("pretrain_steps")}
        among = len(config.languages or ())
        own |= {name: max(1, round(steps / among)) for name, steps in shared.items() if steps}
        own["evaluate_every"] = -(-own["steps"] // _VALIDATIONS)
    return replace(config, **own)


def _stated(config: TrainConfig) -> dict[str, Any]:
    """The settings that are not the defaults: a new setting with a neutral default changes no digest."""
    values = (
        (item.name, getattr(config, item.name), default_of(item.name)) for item in dataclasses.fields(TrainConfig)
    )
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value, default in sorted(values, key=lambda each: each[0])
        if name not in _NOT_STATED and value not in (None, default)
    }
