"""``beir-hybrid neutralize``: what is language in a model's vectors, learnt from texts and removed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from beir_hybrid.cli.options import given
from beir_hybrid.progress import tell


def run(args: argparse.Namespace) -> int:
    """Learn and write a transform; the exit status."""
    from beir_hybrid.neutralize.learn import neutralize

    done = neutralize(
        args.model, args.out, method=args.method, directions=args.directions, shrink=args.shrink, groups=args.groups,
        dataset=args.dataset, texts=args.texts, queries=args.queries, languages=args.languages,
        per_language=args.per_language, seed=args.seed,
        check_leaks=args.check_leaks.split(",") if args.check_leaks else (), data_dir=args.data_dir,
        split=args.split, dataset_options=dict(args.dataset_option or ()), **given(args, "the model"),
    )  # fmt: skip
    record = done.record
    sys.stdout.write(f"model       {args.out}\n")
    k = record.get("directions")
    sys.stdout.write(f"method      {record['method']}{'' if k is None else f', {k} directions'}\n")
    sys.stdout.write(f"languages   {len(record['languages'])}: {' '.join(record['languages'])}\n")
    for role, share in sorted(record["language_share_of_variance"].items()):
        sys.stdout.write(
            f"{role:<11} {share['before']:.1%} of the variance lay between languages, {share['after']:.1%} after\n"
        )
    model = f"--model {args.model} --neutralize {args.out}"
    tell(f"\nnext: beir-hybrid evaluate sample {model} --out results/{Path(args.out).name}")
    return 0
