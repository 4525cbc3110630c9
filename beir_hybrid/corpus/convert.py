"""Converting source files into the folder of an `ArrowCorpus`: resumable, checked, one process to a folder."""

from __future__ import annotations

import contextlib
import json
import shutil
from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from beir_hybrid.corpus.digests import digests_of
from beir_hybrid.corpus.shards import FORMAT, Naming, RepeatedIdError, Written, batch_checksum, write_in_order
from beir_hybrid.corpus.workers import Job, write_shards
from beir_hybrid.disk.checksums import checked, write_checksums
from beir_hybrid.disk.files import alone, fingerprint, write_json, written_whole
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.processors import processors
from beir_hybrid.progress import progress
from beir_hybrid.readers.passages import read_records

MANIFEST, PASSAGES, FIRSTS, SUMS = "manifest.json", "passages.arrow", "firsts.txt", "batches.xxh3"
_SHARDS = "shards"
"""The folder of converted sources, which goes once they are put in order."""
_WORTH_PROCESSES = 32 << 20
"""Bytes of sources from which starting processes costs less than it saves."""


def convert(sources: Sequence[Path], folder: Path, naming: Naming, workers: int | None) -> None:
    """See `ArrowCorpus.build`."""
    if workers is not None and workers < 1:
        raise DatasetError(f"workers is {workers}; expected 1 or more, or None for one a processor")
    described = _described(sources, workers or processors())
    settings = {"format": FORMAT, **asdict(naming)}
    if (folder / MANIFEST).exists():  # whole, for it is written last; its place may be one that is only read
        return _refuse_other_sources(folder, described, settings)
    with alone(folder, DatasetError):
        if (folder / MANIFEST).exists():  # made by another process meanwhile
            return _refuse_other_sources(folder, described, settings)
        _convert(sources, folder, described, settings, naming, workers)
        shutil.rmtree(folder / _SHARDS, ignore_errors=True)
    return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """The record of a converted corpus.

    Raises:
        DatasetError: there is none, or it is of another format.
    """
    path = folder / MANIFEST
    try:
        text = checked(path, DatasetError, f"delete {folder}, it is then made again").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
    except OSError as error:
        raise DatasetError(f"{folder} holds no whole corpus ({error.strerror}: {MANIFEST}); build it first") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not valid JSON ({error}); delete {folder} and build it again") from error
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
    naming: Naming,
    workers: int | None,
) -> None:
    # a name for what a source holds and how it is read: what was converted before an interrupt may be other
    shards = [
        folder / _SHARDS / f"{source['name']}-{fingerprint(source['sha256'], repr(settings))[:16]}.arrow"
        for source in described
    ]
    done = [_finished(shard) for shard in shards]
    lacking = [number for number, record in enumerate(done) if record is None]
    jobs = [Job(sources[number], shards[number], naming) for number in lacking]
    with (
        progress("converting", None, "passage", quiet=True) as shown,
        contextlib.closing(_written(jobs, workers, shown.advance)) as finished,
    ):
        for number, written in finished:
            done[lacking[number]] = written
            # after its file: a shard counts as converted from here on
            write_json(_record_of(jobs[number].target), asdict(written))
    import pyarrow as pa

    counted = [record for record in done if record]
    try:
        firsts = write_in_order(shards, folder / PASSAGES)
    except RepeatedIdError as error:
        (first, key), (second, _) = (_place(sources, counted, row, naming) for row in (error.first, error.second))
        raise DatasetError(f"{second}: docid {key!r} appeared before, at {first}") from error
    with written_whole(folder / FIRSTS) as part:
        part.write_bytes("\0".join(firsts).encode())  # which no id holds; read several times as fast as JSON
    with written_whole(folder / SUMS) as part, pa.OSFile(str(folder / PASSAGES)) as file:
        reader = pa.ipc.open_file(file)
        part.write_bytes(b"".join(batch_checksum(reader.get_batch(n)) for n in range(reader.num_record_batches)))
    recorded = [{**source, **asdict(record)} for source, record in zip(described, counted, strict=True)]
    content = fingerprint(*(record.content for record in counted))
    size = (folder / PASSAGES).stat().st_size
    write_json(folder / MANIFEST, {**settings, "content": content, "bytes": size, "sources": recorded})
    write_checksums(folder, (MANIFEST, FIRSTS, SUMS))


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


def _record_of(shard: Path) -> Path:
    return shard.with_name(f"{shard.name}.json")


def _finished(shard: Path) -> Written | None:
    """The record of a source that was converted before an interrupt."""
    try:
        return Written(**json.loads(_record_of(shard).read_text(encoding="utf-8"))) if shard.exists() else None
    except (OSError, ValueError, TypeError):
        return None


def _place(sources: Sequence[Path], done: Sequence[Written], row: int, naming: Naming) -> tuple[str, str]:
    """``path:line`` of a row, and its docid; the file is read again, for it is asked only of repeated ids."""
    ends = list(accumulate(written.passages for written in done))
    number = bisect_right(ends, row)
    inside = row - (ends[number - 1] if number else 0)
    record = next(islice(read_records(sources[number], naming.id_field), inside, None))
    return at(sources[number], record.line), record.key
