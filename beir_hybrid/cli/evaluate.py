"""``beir-hybrid evaluate``: all settings of a data set for one retriever."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from beir_hybrid.cli.options import given
from beir_hybrid.errors import needs_package
from beir_hybrid.progress import tell


def run(args: argparse.Namespace) -> int:
    """Measure a retriever and print its table; the exit status."""
    from beir_hybrid.datasets import check_request, load_dataset
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.evaluation.folder import refuse_other_content
    from beir_hybrid.evaluation.table import render_table
    from beir_hybrid.metrics.registered import asked_metrics
    from beir_hybrid.settings import parse_settings

    # what is quickly found wrong is said before anything is loaded; a corpus may take hours, so that it comes last
    asked_metrics(args.metrics)
    parse_settings(args.settings)
    if args.mteb:
        needs_package("results for mteb", "mteb", "mteb")
    if args.model_card is not None:
        from beir_hybrid.hosts.model_card import add_to_card, of_results, read_card

        read_card(args.model_card)
    loading = dict(args.dataset_option or ()) | ({"with_paragraph": True} if args.with_paragraph else {})
    check_request(args.dataset, args.languages, args.split, loading)
    refuse_other_content(args.out)
    retriever = _retriever(args)
    dataset = load_dataset(args.dataset, args.data_dir, args.languages, args.split, **loading)
    results = evaluate(
        dataset, retriever, settings=args.settings, metrics=args.metrics, top_k=args.top_k, name=args.name,
        out=args.out, trec=args.trec,
    )  # fmt: skip
    if args.mteb:
        from beir_hybrid.hosts.mteb_results import to_mteb

        to_mteb(results, args.out / "mteb")
    if args.model_card is not None:
        tell(f"model card: {add_to_card(args.model_card, of_results(results))}")
    sys.stdout.write(render_table(results) + "\n")
    tell(f"\nresults: {args.out}/results.json, per_query.parquet, runs.parquet")
    return 0


_OF_RERANKER = ("batch_size", "device", "dtype")
# what models take that give a text no one vector
_OF_FAMILY = {
    "sparse": ("query_prompt", "passage_prompt", *_OF_RERANKER),
    "late-interaction": ("query_prompt", "passage_prompt", *_OF_RERANKER, "memory"),
}


def _retriever(args: argparse.Namespace) -> Any:
    """What is measured: the retriever that is named, and over its best passages the reranker, if there is one."""
    first = _first_stage(args)
    if args.rerank is None:
        return first
    from beir_hybrid.retrieval.kinds import kind_of_model
    from beir_hybrid.retrieval.recognise import build_retriever

    tell(f"loading {args.rerank}")
    options = {name: value for name in _OF_RERANKER if (value := getattr(args, name)) is not None}
    depth = args.rerank_depth or 100
    if kind_of_model(args.rerank) == "multi-vector":
        return build_retriever("late-interaction", args.rerank, first=first, candidates=depth, **options)
    return build_retriever("rerank", args.rerank, first, depth, **options)


def _first_stage(args: argparse.Namespace) -> Any:
    from beir_hybrid.hosts.mteb_models import unused_prompts
    from beir_hybrid.retrieval.recognise import build_retriever, retriever_of_model

    if args.model is not None:
        tell(f"loading {args.model}")
        kind = retriever_of_model(args.model)
        options = given(args, "with --model")
        for name in options:
            if name not in _OF_FAMILY.get(kind, (name,)):
                option = f"--{name.replace('_', '-')}"
                args.parser.error(f"{args.model} is a {kind} model, and {option} is for dense ones")
        retriever = build_retriever(kind, args.model, **options)
        used = retriever.describe()
        prompts = {role: str(used.get(f"{role}_prompt") or "") for role in ("query", "passage")}
        if kind == "dense" and (hint := unused_prompts(args.model, prompts)):
            tell(hint)
        return retriever
    if args.run is not None:
        return build_retriever("run", args.run)
    if args.retriever is not None:
        return build_retriever(args.retriever, **dict(args.retriever_option or ()))
    options = given(args, "with --bm25")
    if args.bm25 is not True:  # named, and not left to the retriever
        options["variant"] = args.bm25
    return build_retriever("bm25", **options)
