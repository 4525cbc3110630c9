"""``beir-hybrid datasets``, ``fetch``, ``convert`` and ``export``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.progress import counted, tell

if TYPE_CHECKING:
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.source import Source


def dataset_records(data_dir: Path | None) -> list[dict[str, Any]]:
    """What `datasets` says of every data set."""
    from beir_hybrid.datasets import list_datasets

    return [_listed(name, data_dir) for name in list_datasets()]


def _listed(name: str, data_dir: Path | None) -> dict[str, Any]:
    """The record of one of all: another package's data set that fails hides none of the others."""
    from beir_hybrid.errors import DatasetError

    try:
        return _record(name, data_dir)
    except DatasetError as error:
        unknown = {"name": "unknown", "url": "", "note": ""}
        about = {"name": name, "summary": str(error), "languages": [], "splits": [], "licence": unknown}
        return {**about, **_state("cannot be loaded")}


def _record(name: str, data_dir: Path | None) -> dict[str, Any]:
    from beir_hybrid.datasets import blaming, get_source

    source = get_source(name)
    with blaming(name, source):
        return {
            "name": name,
            "summary": source.summary,
            "languages": list(source.languages),
            "splits": list(source.splits),
            "licence": {"name": source.licence.name, "url": source.licence.url, "note": source.licence.note},
            **_files(name, source, data_dir),
        }


def _state(files: str, path: Path | None = None, missing: Sequence[str] = ()) -> dict[str, Any]:
    return {"files": files, "path": path and str(path), "missing_languages": list(missing)}


def _files(name: str, source: Source, data_dir: Path | None) -> dict[str, Any]:
    """Where the files of a data set are, and of which languages there are none."""
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.folder import FolderSource
    from beir_hybrid.datasets.source import FileSource
    from beir_hybrid.errors import DatasetError

    if isinstance(source, Family):
        return _state(f"found by name, as {source.example}") if source.find else _family_files(source, data_dir)
    if isinstance(source, FolderSource):
        return _state("complete", source.path)
    if not isinstance(source, FileSource):
        return _state("with the tool that loads it" if "/" in name else "in the package")
    try:
        path = source.root(data_dir).path
    except DatasetError:
        return _state("not there", data_dir, source.languages)
    # the questions of a cross-lingual set may come with the files of its passages
    split = source.splits[0]
    with_files = [language for language in source.languages if source.remote_files(path, [language], split)]
    lacking = [language for language in with_files if source.missing(path, [language], split)]
    return _state(
        "complete" if not lacking else "not there" if lacking == with_files else "partly there", path, lacking
    )


def _family_files(family: Family, data_dir: Path | None) -> dict[str, Any]:
    """Which sets of a family there are, and which of them are here."""
    from beir_hybrid.errors import DatasetError

    here = {}
    for name, source in family.sets.items():
        with contextlib.suppress(DatasetError):  # --data-dir holds no such set
            root = source.root(data_dir)
            if not source.missing(root.path, source.languages, source.splits[0]):
                here[name] = str(root.path)
    return {
        **_state(f"{len(here)} of {len(family.sets)} sets there"),
        "sets": [f"{family.name}/{name}" for name in family.sets],
        "sets_there": {f"{family.name}/{name}": path for name, path in here.items()},
    }


def _named_records(name: str, data_dir: Path | None) -> list[dict[str, Any]]:
    """Of one data set, or of every set of a family."""
    from beir_hybrid.datasets import get_source
    from beir_hybrid.datasets.family import Family

    source = get_source(name)
    if not isinstance(source, Family) or not source.sets:
        return [_record(name, data_dir)]
    return [_record(f"{name}/{each}", data_dir) for each in source.sets]


def _short(record: dict[str, Any]) -> str:
    """The sets of a family without its name, and how they are asked for."""
    names = [name.removeprefix(f"{record['name']}/") for name in record["sets"]]
    return f"{' '.join(names)} (as {record['sets'][0]})"


def run_datasets(args: argparse.Namespace) -> int:
    """Print the data sets there are; the exit status."""
    records = dataset_records(args.data_dir) if args.name is None else _named_records(args.name, args.data_dir)
    if args.json:
        sys.stdout.write(json.dumps(records, ensure_ascii=False, indent=1) + "\n")
        return 0
    for record in records:
        where = f" ({record['path']})" if record["path"] else ""
        note = f" {record['licence']['note']}" if record["licence"]["note"] else ""
        sys.stdout.write(
            f"{record['name']}\n"
            f"  {record['summary']}\n"
            + (f"  sets       {_short(record)}\n" if "sets" in record else "")
            + "".join(f"  {key:9}  {' '.join(record[key])}\n" for key in ("languages", "splits") if record[key])
            + f"  licence    {record['licence']['name']}{note}\n"
            f"  files      {record['files']}{where}\n"
        )
    return 0


def run_fetch(args: argparse.Namespace) -> int:
    """Download what a data set lacks and print the paths; the exit status."""
    from beir_hybrid.datasets import blaming, get_source
    from beir_hybrid.datasets.family import Family
    from beir_hybrid.datasets.source import FileSource, check_selection

    source = get_source(args.dataset)
    if isinstance(source, Family):
        source.refuse()
    languages, split = check_selection(source, args.languages, args.split)
    if not isinstance(source, FileSource):
        tell(f"{source.name} needs no download")
        return 0
    with blaming(args.dataset, source):
        paths = source.fetch(source.fetch_root(args.data_dir), languages, split)
    sys.stdout.writelines(f"{path}\n" for path in paths)
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Convert corpora to Arrow files, before anything asks for them; the exit status."""
    from beir_hybrid.datasets import blaming, get_source
    from beir_hybrid.datasets.folder import FolderSource
    from beir_hybrid.datasets.source import FileSource, check_selection

    source = get_source(args.dataset)
    languages, split = check_selection(source, args.languages, None)
    convert = getattr(source, "corpus", None)
    if convert is None or not isinstance(source, FileSource):
        when = "converted when it is first" if isinstance(source, FolderSource) else "read when it is"
        tell(f"{source.name} is not converted ahead of time: its texts are {when} loaded")
        return 0
    there = getattr(source, "passage_languages", languages)
    for language in [each for each in languages if each in there] or languages:
        # one after the other: what is missing of the last is no reason not to convert the first
        with blaming(args.dataset, source):
            root = source.filled_root(args.data_dir, [language], split)
            corpus = convert(root.path, language, workers=args.workers)
        sys.stdout.write(f"{language}\t{len(corpus)}\t{corpus.folder}\n")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write one task as a BEIR folder; the exit status."""
    from beir_hybrid.datasets import get_source, load_dataset
    from beir_hybrid.datasets.beir_view import BeirView
    from beir_hybrid.disk.files import refuse_filled
    from beir_hybrid.evaluation.kept_runs import write_trec_qrels
    from beir_hybrid.settings import parse_task_name

    # only the languages the setting needs: a German folder asks for no Thai file
    setting, query, passage = parse_task_name(args.setting, get_source(args.dataset).languages)
    languages = args.languages
    if languages is None and setting != "multi":
        languages = [query, passage] if passage else [query]
    refuse_filled(args.folder)
    dataset = load_dataset(args.dataset, args.data_dir, languages, args.split, **dict(args.dataset_option or ()))
    task = dataset.task(args.setting)
    view = BeirView(task)
    folder = view.export(args.folder)
    if args.trec:
        write_trec_qrels(folder / "qrels" / f"{task.split}.trec", task)
    sys.stdout.write(f"{folder}\n")
    judged = sum(map(len, view.qrels(task.query_ids).values()))
    tell(
        f"{task.name} of {dataset.name}: {counted(task.n_passages, 'passage', 'passages')}, "
        f"{counted(len(task.rows), 'query', 'queries')}, {counted(judged, 'judgment', 'judgments')}"
        f". Licence: {dataset.licence.name} {dataset.licence.note}".rstrip()
    )
    return 0
