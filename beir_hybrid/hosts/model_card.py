"""Measured numbers in the metadata of a model card, as the Hub renders them (``model-index``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import BeirHybridError, first_line
from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import bounds_among

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

TASK = "Retrieval"
"""The type of the entries, as mteb writes it."""
CARD = "README.md"


def entries(
    dataset: str, split: str, setting: str, metrics: Mapping[str, float | None], revision: str | None = None
) -> list[EvalResult]:
    """What one setting of a data set gave, for the metadata of a card; what is not defined is left out.

    Args:
        setting: the part of the data set: ``mono``, ``cross``, ``multi``, or another name.
        revision: of the data.
    """
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASK,
            dataset_type=dataset,
            dataset_name=f"{dataset} ({setting})",
            dataset_config=setting,
            dataset_split=split,
            dataset_revision=revision,
            metric_type=metric.replace("@", "_at_"),
            metric_name=metric,
            metric_value=round(float(value), 6),
        )
        for metric, value in metrics.items()
        if value is not None
    ]


def of_results(results: Results) -> list[EvalResult]:
    """The macro means of an evaluation, those of the bias included, without those that are lower bounds."""
    revision = results.inputs.get("dataset_fingerprint")
    bounds = bounds_among(results.scores, "mean")
    found: list[EvalResult] = []
    for setting, means in results.summary.items():
        values = {metric: value for metric, value in means.items() if (setting, metric, "mean") not in bounds}
        found += entries(results.dataset, results.split, setting, values, revision)
    return found


def read_card(folder: Path | str) -> ModelCard:
    """The card of a model folder; an empty one where there is none.

    Raises:
        BeirHybridError: there is no such folder, or its card's metadata cannot be read.
    """
    from huggingface_hub import ModelCard

    folder = Path(folder)
    path = folder / CARD
    if not folder.is_dir():
        raise BeirHybridError(f"{folder} is no folder; expected that of a model, whose {CARD} gets the results")
    try:
        return ModelCard(path.read_text(encoding="utf-8") if path.exists() else f"---\n{{}}\n---\n\n# {folder.name}\n")
    except Exception as error:  # YAML of any kind, read by another library
        raise BeirHybridError(f"{path}: its metadata cannot be read ({first_line(error)}); mend it") from error


def add_to_card(folder: Path | str, new: Sequence[EvalResult]) -> Path:
    """Put numbers into the metadata of the card of a model folder; those of the same data set and setting are replaced.

    Args:
        folder: of a model. A card is made where there is none.

    Returns:
        The card.

    Raises:
        BeirHybridError: as `read_card`, or the disk fails.
    """
    from huggingface_hub import ModelCardData

    folder, card = Path(folder), read_card(folder)
    path = folder / CARD
    where = {_place(entry) for entry in new}
    data: Any = card.data
    kept = [entry for entry in data.eval_results or [] if _place(entry) not in where]
    said = {key: value for key, value in data.to_dict().items() if key != "model-index"}
    name = data.model_name or folder.resolve().name
    card.data = ModelCardData(**{**said, "model_name": name, "eval_results": [*kept, *new]})
    with written_whole(path) as part:
        part.write_text(str(card), encoding="utf-8")
    return path


def _place(entry: EvalResult) -> tuple[Any, ...]:
    return entry.task_type, entry.dataset_type, entry.dataset_config, entry.dataset_split
