"""Converting source files into the folder of an `ArrowCorpus`: resumable, checked, one process to a folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.corpus.order import RepeatedIdError, write_order
from beir_hybrid.corpus.shards import FORMAT, Shards, Written
from beir_hybrid.corpus.workers import Job, write_shards
from beir_hybrid.disk.files import fingerprint, write_json
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.processors import processors
from beir_hybrid.progress import progress
from beir_hybrid.readers.passages import read_records

MANIFEST = "manifest.json"
_DOCID = 0
_WORTH_PROCESSES = 32 << 20
"""Bytes of sources from which starting processes costs less than it saves."""


def convert(
    sources: Sequence[Path],
    folder: Path,
    *,
    id_prefix: str = "",
    id_width: int = 0,
    id_field: str | None = None,
    by_language: bool = False,
    workers: int | None = None,
) -> None:
    """See `ArrowCorpus.build`."""
    from filelock import FileLock

    if workers is not None and workers < 1:
        raise DatasetError(f"workers is {workers}; expected 1 or more, or None for one a processor")
    reading = {"id_field": id_field, "by_language": by_language}
    # of each source too: what was converted before an interrupt must have been read in the same way
    described = [each | reading for each in _described(sources, workers or processors())]
    settings = {"format": FORMAT, "id_prefix": id_prefix, "id_width": id_width, **reading}
    if (folder / MANIFEST).exists():  # whole, for it is written last; its place may be one that is only read
        return _refuse_other_sources(folder, described, settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire()
    except OSError as error:
        raise DatasetError(f"could not write {folder}: {error.strerror or error}; choose another folder") from error
    try:
        if (folder / MANIFEST).exists():  # made by another process meanwhile
            _refuse_other_sources(folder, described, settings)
        else:
            _clear(folder)
            try:
                _convert(sources, folder, described, settings, workers)
            finally:
                _clear(folder)
    finally:
        lock.release()
    return None


def _clear(folder: Path) -> None:
    """Remove temporary files of processes that were killed: the lock says that none is at work."""
    for left in folder.glob(".*.part"):
        left.unlink(missing_ok=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The record of a converted corpus.

    Raises:
        DatasetError: there is none, or it is of another format.
    """
    path = folder / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{folder} holds no whole corpus ({error.strerror}: {MANIFEST}); build it first") from error
    except json.JSONDecodeError as error:
        raise DatasetError(f"{at(path, error.lineno)}: not valid JSON; delete {folder} and build it again") from error
    if found.get("format") != FORMAT:
        raise DatasetError(
            f"{folder} has format {found.get('format')}, expected {FORMAT}; delete it and build it again"
        )
    return found


def _described(sources: Sequence[Path], threads: int) -> list[dict[str, Any]]:
    """Name and checksums of each source."""
    missing = [path for path in sources if not path.exists()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DatasetError(f"{missing[0]} is missing{more}; a corpus is converted from all its files")
    names = [path.name for path in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"two sources are called {twice!r}; names must differ")
    with ThreadPoolExecutor(threads) as pool:  # hashing leaves the interpreter to the others
        return [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": found.sha256, "md5": found.md5}
            for path, found in zip(sources, pool.map(digests_of, sources), strict=True)
        ]


def corpus_folder(part: str, sources: Sequence[Path], id_width: int) -> Path:
    """Where the corpus of these very files is kept in the cache folder; ``part``: their language."""
    key = fingerprint(str(id_width), *(f"{path.name} {digests_of(path).sha256}" for path in sources))
    return cache_dir() / "corpora" / "files" / f"{part}-{key[:24]}-{FORMAT}"


def _refuse_other_sources(folder: Path, described: list[dict[str, Any]], settings: Mapping[str, Any]) -> None:
    manifest = read_manifest(folder)
    advice = f"choose another folder, or delete {folder}"
    for name, value in settings.items():
        if manifest[name] != value:
            raise DatasetError(f"{folder} was built with {name} {manifest[name]!r}, not {value!r}; {advice}")
    before = {source["name"]: source for source in manifest["sources"]}
    now = {source["name"]: source for source in described}
    for name in sorted({*before, *now}):
        if name not in now or name not in before:
            state = "is not among the files now" if name not in now else "was not among its files"
            raise DatasetError(f"{folder} holds the corpus of other files: {name} {state}; {advice}")
        if before[name]["sha256"] != now[name]["sha256"]:
            raise DatasetError(
                f"{folder} holds another revision of {name}: sha256 {before[name]['sha256'][:16]}..., "
                f"now {now[name]['sha256'][:16]}...; {advice}"
            )


def _convert(
    sources: Sequence[Path],
    folder: Path,
    described: list[dict[str, Any]],
    settings: Mapping[str, Any],
    workers: int | None,
) -> None:
    arrows = [folder / f"{source['name']}-{source['sha256'][:8]}.arrow" for source in described]
    records = [_finished(arrow, source) for arrow, source in zip(arrows, described, strict=True)]
    lacking = [at for at, record in enumerate(records) if record is None]
    jobs = [Job(sources[at], arrows[at], settings["id_field"], settings["by_language"]) for at in lacking]
    with (
        progress("converting", None, "passage", quiet=True) as shown,
        contextlib.closing(_written(jobs, workers, shown.advance)) as finished,
    ):
        for number, written in finished:
            at = lacking[number]
            records[at] = _done(described[at], arrows[at], written)
            # after its file: a shard counts as converted from here on
            write_json(_record_of(arrows[at]), records[at])
    _finish(sources, folder, [record for record in records if record], settings)


def _written(
    jobs: Sequence[Job], workers: int | None, count: Callable[[int], object]
) -> Generator[tuple[int, Written]]:
    """Each job's number and what was written, in this process or in several."""
    if workers is None:
        size = sum(job.source.stat().st_size for job in jobs)
        workers = processors() if size >= _WORTH_PROCESSES else 1
    if workers > 1 and len(jobs) > 1:
        yield from write_shards(jobs, workers, count)
    else:
        for number, job in enumerate(jobs):
            yield number, job.write(count)


def _done(source: Mapping[str, Any], arrow: Path, written: Written) -> dict[str, Any]:
    return {
        **source, "arrow": arrow.name, "arrow_bytes": arrow.stat().st_size,
        "passages": written.passages, "content": written.content,
    }  # fmt: skip


def _finish(
    sources: Sequence[Path],
    folder: Path,
    records: Sequence[dict[str, Any]],
    settings: Mapping[str, Any],
) -> None:
    """Put the ids of all shards in order, and make them a corpus."""
    shards = Shards([folder / done["arrow"] for done in records], [done["passages"] for done in records])
    try:
        write_order(folder, shards, settings["id_width"])
    except RepeatedIdError as error:
        key = shards.cell(_DOCID, error.first)
        rows = error.first, error.second
        first, second = (_place(sources, *shards.place(row), settings["id_field"]) for row in rows)
        raise DatasetError(f"{second}: docid {key!r} appeared before, at {first}") from error
    content = fingerprint(settings["id_prefix"], str(settings["id_width"]), *(done["content"] for done in records))
    write_json(folder / MANIFEST, {**settings, "content": content, "sources": records})
    for done in records:
        _record_of(folder / done["arrow"]).unlink(missing_ok=True)


def _record_of(arrow: Path) -> Path:
    return arrow.with_name(f"{arrow.name}.json")


def _finished(arrow: Path, source: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a source that was converted before an interrupt."""
    try:
        found: dict[str, Any] = json.loads(_record_of(arrow).read_text(encoding="utf-8"))
        same = {**found, **source} == found and arrow.stat().st_size == found["arrow_bytes"]
    except (OSError, ValueError, KeyError):
        return None
    return found if same else None


def _place(sources: Sequence[Path], shard: int, row: int, id_field: str | None) -> str:
    """``path:line`` of a row; the file is read again, for it is asked only of repeated ids."""
    for number, record in enumerate(read_records(sources[shard], id_field)):
        if number == row:
            return at(sources[shard], record.line)
    return at(sources[shard])
