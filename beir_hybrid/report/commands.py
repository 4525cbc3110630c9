"""The commands that make a result and a comparison, from what their records say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.comparison import Comparison
from beir_hybrid.datasets import get_source
from beir_hybrid.errors import DatasetError
from beir_hybrid.evaluation.results import Results
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from beir_hybrid.records import SETTINGS


def made_by(results: Results) -> list[str]:
    """The commands that make a result; a comment where none does."""
    command = fuse_command(results) if results.retriever.get("type") == "fusion" else evaluate_command(results)
    return [command or f"# {results.name}: no command makes it, see its retriever below"]


def fuse_command(results: Results) -> str | None:
    """``beir-hybrid fuse ...``; None where its parts or what it was tuned on are not known any more."""
    retriever, inputs = results.retriever, results.inputs
    folders = [part.get("folder") for part in retriever.get("inputs", ())]
    tuned = retriever.get("tuned_on")
    if not all(folders) or (tuned and not {"folds", "folders"} & set(tuned)):
        return None
    options = ["--method", str(retriever["method"])]
    if retriever.get("norm"):
        options += ["--norm", str(retriever["norm"])]
    options += ["--standardise"] if retriever.get("standardised") else []
    if tuned:
        given = [f"folds:{tuned['folds']}"] if "folds" in tuned else tuned["folders"]
        options += ["--tune-on", *given, "--tune-metric", str(tuned["metric"]), "--seed", str(tuned["seed"])]
    else:
        params = dict(retriever.get("params") or {})
        weights = params.pop("weights", None)
        options += ["--weights", ",".join(map(str, weights))] if weights else []
        for name, value in params.items():
            options += ["--param", f"{name}={value}"]
    options += ["--settings", ",".join(_measured(results))]
    options += ["--metrics", ",".join(inputs.get("metrics", DEFAULT_METRICS))]
    options += ["--name", str(inputs.get("name") or results.name)]
    folder = str(results.folder) if results.folder else "DIR"
    return shlex.join(["beir-hybrid", "fuse", *map(str, folders), *options, "--out", folder])


def evaluate_command(results: Results) -> str | None:
    """``beir-hybrid evaluate ...``; None for a retriever that no command line builds."""
    retriever, inputs = results.retriever, results.inputs
    options = _retriever_options(retriever)
    if options is None:
        return None
    if "agreement_of_dtype" in results.observed and "dtype" not in retriever:
        options += ["--dtype", "float32"]  # what was tried on that machine need not hold on another
    dataset = str(inputs.get("dataset_folder") or results.dataset)
    try:
        source = get_source(dataset)
        if set(results.languages) != set(source.languages):
            options += ["--languages", ",".join(results.languages)]
        if results.split != source.splits[0]:
            options += ["--split", results.split]
    except DatasetError:  # of a package that is not installed here
        options += ["--split", results.split]
    if _measured(results) != list(SETTINGS):
        options += ["--settings", ",".join(_measured(results))]
    metrics = inputs.get("metrics", DEFAULT_METRICS)
    if tuple(metrics) != DEFAULT_METRICS:
        options += ["--metrics", ",".join(metrics)]
    if inputs.get("top_k"):
        options += ["--top-k", str(inputs["top_k"])]
    for key, value in inputs.get("dataset_options", {}).items():
        given = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        options += ["--with-paragraph"] if key == "with_paragraph" else ["--dataset-option", f"{key}={given}"]
    name = str(inputs.get("name") or results.name)
    if retriever.get("type") != "bm25" or name != f"bm25-{retriever.get('variant')}":
        options += ["--name", name]
    folder = str(results.folder) if results.folder else "DIR"
    return shlex.join(["beir-hybrid", "evaluate", dataset, *options, "--out", folder])


def _retriever_options(retriever: Mapping[str, Any]) -> list[str] | None:
    """What `evaluate` is told of a retriever, from what it says of itself."""
    options: list[str] = []
    match retriever.get("type"):
        case "bm25":
            options += ["--bm25", str(retriever.get("variant", "language"))]
            for name, default in (("k1", 0.9), ("b", 0.4)):
                if retriever.get(name, default) != default:
                    options += [f"--{name}", str(retriever[name])]
            options += ["--bm25-index", str(retriever["index"])] if retriever.get("index") else []
        case "dense" | "sparse" | "late interaction" if retriever.get("model") and "candidates" not in retriever:
            options += ["--model", str(retriever["model"])]
            for role in ("query", "passage"):
                # an empty prompt is one too: without it the model's own would be put before every text
                if retriever.get(f"{role}_prompt") is not None:
                    options += [f"--{role}-prompt", str(retriever[f"{role}_prompt"])]
            for name in ("truncate_dim", "precision", "dtype"):
                if retriever.get(name):
                    options += [f"--{name.replace('_', '-')}", str(retriever[name])]
            if "neutralize" in retriever:
                if "neutralize_folder" not in retriever:
                    return None
                options += ["--neutralize", str(retriever["neutralize_folder"])]
        case "run" if retriever.get("file"):
            options += ["--run", str(retriever.get("path") or retriever["file"])]
        case "reranking" if retriever.get("model"):
            first = _retriever_options(retriever["first_stage"])
            if first is None:
                return None
            options += [*first, "--rerank", str(retriever["model"]), "--rerank-depth", str(retriever["depth"])]
        case _:
            return None
    return options


def _measured(results: Results) -> list[str]:
    """The settings that were measured, also where fewer are shown."""
    tasks = results.inputs.get("tasks") or [score.setting for score in results.scores]
    found = {str(task).partition(":")[0] for task in tasks}
    return [setting for setting in SETTINGS if setting in found]


def compare_command(folders: Sequence[Path], comparison: Comparison, out: str = "page.html") -> str:
    """``beir-hybrid compare ... --format html``, which makes the page: every option that decides a number."""
    options = ["--baseline", comparison.baseline] if comparison.baseline != comparison.names[0] else []
    options += ["--settings", ",".join(comparison.settings)]
    known = {metric for aligned in comparison.scores for metric in aligned.metrics}
    if set(comparison.metrics) != known:
        options += ["--metrics", ",".join(comparison.metrics)]
    if comparison.intersect:
        options.append("--intersect")
    options += ["--test", comparison.test]
    if comparison.test != "tukey":
        options += ["--correction", comparison.correction]
    options += ["--alpha", str(comparison.alpha), "--seed", str(comparison.seed), "--draws", str(comparison.draws)]
    return shlex.join(["beir-hybrid", "compare", *map(str, folders), *options, "--format", "html", "--out", out])
