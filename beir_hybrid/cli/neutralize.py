"""``beir-hybrid neutralize``: what is language in a model's vectors, learnt from texts and removed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.cli.options import key_value, positive
from beir_hybrid.progress import tell


def add_command(commands: Any) -> None:
    """The options of ``neutralize``."""
    parser = commands.add_parser(
        "neutralize",
        help="remove what is language from a model's vectors, without training",
        description="Learn from a few hundred texts a language where a model's vectors lie, and write the model "
        "without it, as a sentence-transformers folder that loads anywhere. Learn from other texts than are measured.",
        examples=[
            "neutralize e5-small --groups groups.jsonl.gz --out e5-neutral --check-leaks xquad-r",
            "neutralize ./model --texts de=de.txt,en=en.txt,zh=zh.txt --out ./neutral",
            "evaluate xquad-r --model e5-small --neutralize e5-neutral --out results/neutral",
        ],
    )
    parser.add_argument("model", metavar="MODEL", help="a folder, a name on the hub, or an encoder such as e5-small")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new model; must not exist yet")
    parser.add_argument(
        "--method", default="project", metavar="M",
        help="project (the span of the languages' means; no text's language need be known afterwards; the default), "
        "center (each language's mean taken off), common-mean (moved onto the mean of all), "
        "lir (each language's leading directions taken off)",
    )  # fmt: skip
    parser.add_argument(
        "--directions",
        type=positive,
        metavar="K",
        help="of project (default: a third more than languages) or lir (default: 1)",
    )
    parser.add_argument("--groups", type=Path, metavar="FILE", help="parallel groups as for train, or sample")
    parser.add_argument("--dataset", metavar="NAME", help="a data set's passages, as who builds its index can")
    parser.add_argument("--split", metavar="NAME", help="of --dataset (default: its first)")
    parser.add_argument(
        "--dataset-option", type=key_value, action="append", metavar="KEY=VALUE", help="a loading option of --dataset"
    )
    parser.add_argument(
        "--texts", metavar="X", help="passages, a text a line: de=FILE,en=FILE, or a folder of LANGUAGE.txt"
    )
    parser.add_argument(
        "--queries", metavar="X", help="queries likewise (default: those of --groups, else the passages as queries)"
    )
    parser.add_argument("--languages", metavar="L,L", help="learn these only (default: all that have texts)")
    parser.add_argument(
        "--per-language", type=positive, default=200, metavar="N", help="queries and passages each (default 200)"
    )
    parser.add_argument(
        "--shrink", action="store_true",
        help="move each language's mean towards that of all, as far as chance may have parted them (for few texts: "
        "spares the monolingual quality, mends the pool less)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw of texts (default 0)")
    parser.add_argument(
        "--check-leaks", metavar="D,D", help="data sets that no text may overlap, such as the one to be measured"
    )
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data sets' files are")
    parser.add_argument("--query-prompt", metavar="T", help="put before every query (default: the model's own)")
    parser.add_argument("--passage-prompt", metavar="T", help="put before every passage (default: the model's own)")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="texts encoded at a time (default 32)")
    parser.add_argument("--device", metavar="D", help="where the model runs, such as cpu or cuda")
    parser.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16", "float16"), help="as for evaluate (default auto)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Learn and write a transform; the exit status."""
    from beir_hybrid.neutralize.learn import neutralize

    given = {
        name: value
        for name in ("query_prompt", "passage_prompt", "batch_size", "device", "dtype")
        if (value := getattr(args, name)) is not None
    }
    done = neutralize(
        args.model, args.out, method=args.method, directions=args.directions, shrink=args.shrink, groups=args.groups,
        dataset=args.dataset, texts=args.texts, queries=args.queries, languages=args.languages,
        per_language=args.per_language, seed=args.seed,
        check_leaks=args.check_leaks.split(",") if args.check_leaks else (), data_dir=args.data_dir,
        split=args.split, dataset_options=dict(args.dataset_option or ()), **given,
    )  # fmt: skip
    record = done.record
    sys.stdout.write(f"model       {done.out}\n")
    k = record.get("directions")
    sys.stdout.write(f"method      {record['method']}{'' if k is None else f', {k} directions'}\n")
    sys.stdout.write(f"languages   {len(record['languages'])}: {' '.join(record['languages'])}\n")
    for role, share in sorted(record["language_share_of_variance"].items()):
        sys.stdout.write(
            f"{role:<11} {share['before']:.1%} of the variance lay between languages, {share['after']:.1%} after\n"
        )
    tell(f"\nnext: beir-hybrid evaluate sample --model {args.model} --neutralize {args.out} --out results")
    return 0
