"""Results as mteb writes them: a file for each setting, the bias metrics among its scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.hosts.codes import long_code
from beir_hybrid.hosts.mteb_tasks import MAIN_SCORE, subset_of
from beir_hybrid.records import POOL

_CUTOFF = re.compile(r"(.+)@(\d+)")


def to_mteb(results: Results, folder: Path | str | None = None) -> list[Any]:
    """A `mteb.results.TaskResult` for each setting of the results, named as `mteb_tasks` names the tasks.

    Metrics have mteb's names (``ndcg_at_10``, ``map``); those of the bias keep theirs (``rank_distance``), and one that
    is not defined for a subset, or is a lower bound, is left out of it. The main score is nDCG@10 where it was
    measured, else the first one.

    Args:
        folder: where to write them, ``NAME-SETTING.json``, as mteb does; None: nowhere.

    Raises:
        MissingExtraError: mteb is not installed.
    """
    try:
        from mteb.results import TaskResult
    except ImportError as error:
        raise MissingExtraError("results for mteb", "mteb", "mteb") from error
    found = []
    for setting in results.summary:
        subsets: dict[str, list[Score]] = {}
        for score in results.scores:
            if score.setting == setting:
                subsets.setdefault(subset_of(setting, score.query_language, score.corpus_language), []).append(score)
        found.append(
            TaskResult(
                dataset_revision=str(results.inputs.get("dataset_fingerprint", "")),
                task_name=f"{results.dataset}-{setting}",
                mteb_version=None,
                scores={results.split: [_scores(results, name, some) for name, some in subsets.items()]},
                evaluation_time=results.seconds,
            )
        )
        if folder is not None:
            write_json(Path(folder) / f"{found[-1].task_name.replace('/', '_')}.json", found[-1].to_dict())
    return found


def _scores(results: Results, subset: str, scores: list[Score]) -> dict[str, Any]:
    values = {
        _CUTOFF.sub(r"\1_at_\2", score.metric): score.value
        for score in scores
        if score.value is not None and not score.is_bound
    }
    first = scores[0]
    passages = results.languages if first.corpus_language == POOL else (first.corpus_language,)
    return {
        **values,
        "main_score": values.get(MAIN_SCORE, next(iter(values.values()), None)),
        "hf_subset": subset,
        "languages": [long_code(code) for code in dict.fromkeys((first.query_language, *passages))],
    }
