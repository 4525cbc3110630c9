"""``beir-hybrid convert``: a data set's corpora as memory-mapped files, before anything asks for them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from beir_hybrid.cli.options import add_dataset_options, positive
from beir_hybrid.progress import tell


def add_command(commands: Any) -> None:
    """The options of ``convert``."""
    parser = commands.add_parser(
        "convert",
        help="convert the corpora of a large data set to memory-mapped files",
        description="Convert the corpora of a large data set to memory-mapped files in the cache folder. Loading the "
        "data set does so too; this does it ahead of time, goes on where it was interrupted, and prints a line for "
        "each language: its code, its passages and the folder.",
        examples=["convert miracl --languages sw"],
    )
    parser.add_argument("dataset", metavar="DATASET", help="a data set of gigabytes, such as miracl")
    add_dataset_options(parser, split=False)
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes that convert shards (default: one a processor)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert a corpus; the exit status."""
    from beir_hybrid.datasets import get_source
    from beir_hybrid.datasets.folder import FolderSource
    from beir_hybrid.datasets.source import FileSource, check_selection

    source = get_source(args.dataset)
    languages, split = check_selection(source, args.languages, None)
    convert = getattr(source, "corpus", None)
    if convert is None or not isinstance(source, FileSource):
        when = "converted when it is first" if isinstance(source, FolderSource) else "read when it is"
        tell(f"{source.name} is not converted ahead of time: its texts are {when} loaded")
        return 0
    for language in languages:
        # one after the other: what is missing of the last is no reason not to convert the first
        root = source.filled_root(args.data_dir, [language], split)
        corpus = convert(root.path, language, workers=args.workers)
        sys.stdout.write(f"{language}\t{len(corpus)}\t{corpus.folder}\n")
    return 0
