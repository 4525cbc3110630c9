"""``beir-hybrid train``: a sentence-transformers model trained with hybrid batches."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.progress import tell


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that are settings of a training."""
    from beir_hybrid.training.config import option_fields

    for name, wanted, many, choices, text in option_fields():
        flag = "--" + name.replace("_", "-")
        if wanted is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
        elif choices:
            parser.add_argument(flag, choices=choices, help=text)
        else:
            metavar = f"{'A,A' if many else 'N' if wanted in (int, float) else 'X'}"
            parser.add_argument(flag, type=str if many else wanted, metavar=metavar, help=text.replace("%", "%%"))


def run(args: argparse.Namespace) -> int:
    """Train a model; the exit status."""
    from beir_hybrid.errors import MissingExtraError
    from beir_hybrid.training.config import config_from, option_fields, read_toml, replacing, typed

    given = {name: value for name, *_ in option_fields() if (value := getattr(args, name)) is not None}
    from_file = read_toml(args.config) if args.config else {}
    where = str(args.config) if args.config else "the command line"
    keys = {key.replace("-", "_"): value for key, value in from_file.items()}
    # the command line's values are read first, so that an error names the place its value comes from
    config = config_from(replacing(keys, typed(given, "the command line")), where)
    try:
        from beir_hybrid.training import train as training

        summary = training.train(config, resume=args.resume)
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", error.name or "accelerate", "train") from error
    except training.ToldElsewhereError:
        return 1
    from accelerate import PartialState

    if PartialState().is_main_process:
        sys.stdout.write(render(summary))
        tell(f"\nnext: beir-hybrid evaluate sample --model {summary.out} --out results/{Path(summary.out).name}")
    return 0


def render(summary: Any) -> str:
    """The summary as text."""
    from beir_hybrid.training.train import alpha_text

    losses = ", ".join(f"{key} {value:.3f}" for key, value in summary.losses.items())
    lines = [
        f"model       {summary.out}",
        f"trained on  {summary.groups:,} groups in {len(summary.languages)} languages: {' '.join(summary.languages)}",
        f"alpha       {alpha_text(summary.alpha)}",
        f"steps       {summary.steps:,} ({summary.pairs:,} pairs) in {summary.seconds:.0f} s",
        f"last loss   {losses}",
    ]
    if summary.dropped_groups:
        lines.insert(2, f"dropped     {summary.dropped_groups} groups that overlap an evaluation set")
    if summary.best_step is not None:
        shown = ", ".join(f"{key} {value:.3f}" for key, value in sorted(summary.validation.items()))
        lines.append(f"best        step {summary.best_step:,} by {summary.best_metric}: {shown}")
    return "\n".join(lines) + "\n"
