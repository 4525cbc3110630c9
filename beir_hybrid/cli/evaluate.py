"""``beir-hybrid evaluate``: all settings of a data set for one retriever."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.cli.options import add_dataset_options, key_value, positive
from beir_hybrid.progress import tell


def add_command(commands: Any) -> None:
    """The options of ``evaluate``."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a retriever in every language setting",
        description="Measure a retriever in the monolingual, cross-lingual and multilingual settings of a data set.",
        examples=[
            "evaluate sample --bm25 --out results/bm25",
            "evaluate xquad-r --model intfloat/multilingual-e5-small --out results/e5",
            "evaluate mlqa-r --run run.trec --languages de en --settings mono,multi --out results/run",
        ],
    )
    parser.add_argument(
        "dataset", metavar="DATASET",
        help="a registered data set (see: beir-hybrid datasets), or the path of a BEIR folder, with --language",
    )  # fmt: skip
    retriever = parser.add_mutually_exclusive_group(required=True)
    retriever.add_argument("--model", metavar="NAME_OR_PATH",
        help="a sentence-transformers model: a folder, a name on the hub, or a registered encoder such as e5-small",
    )  # fmt: skip
    retriever.add_argument(
        "--bm25", nargs="?", const=True, choices=("language", "standard", "translated", "anserini"),
        help="Lucene BM25: language (an analyzer for each language; the default), standard (one analyzer for all), "
        "translated (each corpus is asked the parallel query in its own language: an upper bound), "
        "anserini (the analyzers of pyserini's published runs; the default with --bm25-index)",
    )  # fmt: skip
    retriever.add_argument("--run", type=Path, metavar="FILE", dest="run_file", help="a TREC, ranx JSON or parquet run")
    retriever.add_argument("--retriever", metavar="NAME", help="one that another package registers")
    parser.add_argument(
        "--retriever-option", type=key_value, action="append", metavar="KEY=VALUE",
        help="for --retriever; the value as JSON, or as text if it is none; may be given several times",
    )  # fmt: skip
    parser.add_argument("--settings", metavar="S,S", help="mono, cross, multi (default: all the data set has)")
    add_dataset_options(parser)
    parser.add_argument(
        "--metrics", metavar="M,M",
        help="map, ndcg@k, recall@k, precision@k, mrr@k, hit_rate@k; map and mrr also without @k; those that "
        "other packages register "
        "(default: map,ndcg@10,recall@1,recall@10,recall@100,mrr@10)",
    )  # fmt: skip
    parser.add_argument("--query-prompt", metavar="T", help="put before every query (default: the model's own)")
    parser.add_argument("--passage-prompt", metavar="T", help="put before every passage (default: the model's own)")
    parser.add_argument(
        "--batch-size", type=positive, metavar="N", help="texts encoded at a time (default 32, on a GPU 256)"
    )
    parser.add_argument(
        "--device",
        metavar="D",
        help="where the model runs, such as cpu or cuda; any but dense ones also cuda:0,cuda:1 (default: the best)",
    )
    parser.add_argument(
        "--memory", type=positive, metavar="MB",
        help="for embeddings and scores (with --engine ray: of each worker); a corpus that needs more is searched from "
        "disk (default 4096)",
    )  # fmt: skip
    parser.add_argument(
        "--truncate-dim", type=positive, metavar="N", help="score the first N values of each vector (Matryoshka models)"
    )
    parser.add_argument(
        "--precision", choices=("float32", "float16", "int8"),
        help="what passages' vectors are kept as on disk and scored as: float16 halves the files, int8 quarters them, "
        "and the agreement with float32 is reported (default float32)",
    )  # fmt: skip
    parser.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16", "float16"),
        help="what a model computes its vectors with: auto (bfloat16 where the processor has it and rankings "
        "agree with float32, else float32; the results say which), or one of them (default auto)",
    )  # fmt: skip
    parser.add_argument(
        "--neutralize", metavar="FOLDER",
        help="what beir-hybrid neutralize has learnt from this model: removed from its vectors as they are scored, so "
        "that nothing is encoded again",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=("local", "ray"),
        help="where a model's passages are encoded and searched: local (this process; the default) or ray (the workers "
        "of a Ray cluster, with the same answer; the cache must be on storage they share)",
    )  # fmt: skip
    parser.add_argument(
        "--address", metavar="A",
        help="of a running Ray cluster: host:port, ray://host:port or auto (default: $RAY_ADDRESS, else a local one)",
    )  # fmt: skip
    parser.add_argument("--k1", type=float, metavar="X", help="BM25's k1 (default 0.9)")
    parser.add_argument("--b", type=float, metavar="X", help="BM25's b (default 0.4)")
    parser.add_argument(
        "--bm25-index", metavar="NAME_OR_DIR",
        help="BM25: an index that others have built: a folder, or the name of one that pyserini publishes, such as "
        "miracl-v1.0-{language}, where {language} stands for each of them",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="BM25: of indexing and search (default: one a processor)"
    )
    parser.add_argument(
        "--java-memory", metavar="SIZE", help="BM25: the most that Java may take, as in 8g (default: a quarter)"
    )
    parser.add_argument(
        "--top-k", type=positive, metavar="N",
        help="passages kept for each query (default: dense 100, measured at full depth all the same; BM25 1000)",
    )  # fmt: skip
    parser.add_argument(
        "--with-paragraph",
        action="store_true",
        help="XQuAD-R, MLQA-R: a passage is its sentence and the paragraph around it",
    )
    parser.add_argument(
        "--dataset-option", type=key_value, action="append", metavar="KEY=VALUE",
        help="a loading option of the data set; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--rerank", metavar="NAME_OR_PATH",
        help="a cross-encoder that scores the best passages of the retriever again, those below stay as they are; or a "
        "late interaction model that scores them alone",
    )  # fmt: skip
    parser.add_argument("--rerank-depth", metavar="N", type=positive, help="how many of each query (default 100)")
    parser.add_argument("--name", metavar="NAME", help="what the results call the retriever")
    parser.add_argument("--trec", action="store_true", help="also write the runs as TREC files")
    parser.add_argument(
        "--mteb", action="store_true", help="also write mteb/NAME-SETTING.json, as mteb writes results (needs mteb)"
    )
    parser.add_argument(
        "--model-card", type=Path, metavar="FOLDER",
        help="also put the means into the model card (README.md) of this model folder, as metadata that the Hub shows",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the results folder; an existing one is resumed"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Measure a retriever and print its table; the exit status."""
    from beir_hybrid.datasets import load_dataset
    from beir_hybrid.evaluation.evaluate import evaluate
    from beir_hybrid.evaluation.table import render_table
    from beir_hybrid.metrics.registered import asked_metrics
    from beir_hybrid.settings import parse_settings

    for retriever, options in _OPTIONS.items():
        for option in options:
            reranked = args.rerank is not None and option in _OF_RERANKER
            if getattr(args, option) is not None and getattr(args, retriever) is None and not reranked:
                args.parser.error(f"--{option.replace('_', '-')} needs --{retriever}")
    if args.address is not None and args.engine != "ray":
        args.parser.error("--address needs --engine ray")
    if args.rerank_depth is not None and args.rerank is None:
        args.parser.error("--rerank-depth needs --rerank")
    # what is quickly found wrong is said before anything is loaded
    asked_metrics(args.metrics)
    parse_settings(args.settings)
    loading = dict(args.dataset_option or ()) | ({"with_paragraph": True} if args.with_paragraph else {})
    dataset = load_dataset(args.dataset, args.data_dir, args.languages, args.split, **loading)
    retriever = _retriever(args)
    results = evaluate(
        dataset, retriever, settings=args.settings, metrics=args.metrics, top_k=args.top_k, name=args.name,
        out=args.out, trec=args.trec,
    )  # fmt: skip
    if args.mteb:
        from beir_hybrid.hosts.mteb_results import to_mteb

        to_mteb(results, args.out / "mteb")
    if args.model_card is not None:
        from beir_hybrid.hosts.model_card import add_to_card, of_results

        tell(f"model card: {add_to_card(args.model_card, of_results(results))}")
    sys.stdout.write(render_table(results) + "\n")
    tell(f"\nresults: {args.out}/results.json, per_query.parquet, runs.parquet")
    return 0


_OPTIONS = {
    "model": (
        "query_prompt", "passage_prompt", "batch_size", "device", "memory", "truncate_dim", "precision", "dtype",
        "neutralize", "engine", "address",
    ),
    "bm25": ("k1", "b", "bm25_index", "threads", "java_memory"),
    "retriever": ("retriever_option",),
}  # fmt: skip
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

    def given(kind: str) -> dict[str, Any]:
        return {name: value for name in _OPTIONS[kind] if (value := getattr(args, name)) is not None}

    if args.model is not None:
        tell(f"loading {args.model}")
        kind = retriever_of_model(args.model)
        for name in given("model"):
            if name not in _OF_FAMILY.get(kind, (name,)):
                option = f"--{name.replace('_', '-')}"
                args.parser.error(f"{args.model} is a {kind} model, and {option} is for dense ones")
        retriever = build_retriever(kind, args.model, **given("model"))
        used = retriever.describe()
        prompts = {role: str(used.get(f"{role}_prompt") or "") for role in ("query", "passage")}
        if kind == "dense" and (hint := unused_prompts(args.model, prompts)):
            tell(hint)
        return retriever
    if args.run_file is not None:
        return build_retriever("run", args.run_file)
    if args.retriever is not None:
        return build_retriever(args.retriever, **dict(args.retriever_option or ()))
    options = given("bm25")
    if "bm25_index" in options:
        options["index"] = options.pop("bm25_index")
    if args.bm25 is not True:  # named, and not left to the retriever
        options["variant"] = args.bm25
    return build_retriever("bm25", **options)
