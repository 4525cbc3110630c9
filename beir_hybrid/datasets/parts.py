"""Which files of a folder or repository are corpus, queries and judgments, in every layout BEIR-shaped sets have.

Without a part's name (a set of one language):

- BEIR's folders and archives: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{split}.tsv``;
- the hub, as JSON lines: ``qrels/{split}.jsonl`` instead; ``.parquet`` wherever ``.jsonl`` is, and ``.gz`` after both
  ``.jsonl`` and ``.tsv``;
- the hub, as `datasets` writes a configuration each: ``corpus/{split}-00000-of-00001.parquet``, ``queries/...``, and
  the judgments in ``qrels/``, ``data/`` or ``default/``;
- a repository of judgments alone, copied beside the others: ``{split}.tsv``.

With a part's name (a language, a forum): ``{part}/corpus.parquet``, ``{part}-corpus/{split}-....parquet`` or
``corpus/{part}-....parquet`` and likewise for the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_ENDINGS = r"\.(?:jsonl|jsonl\.gz|parquet)"
_JUDGED = r"\.(?:tsv|jsonl|tsv\.gz|jsonl\.gz|parquet)"
_SHARD = r"(?:-\d{5}-of-\d{5}(?:-[0-9a-f]+)?)?"
_SHARD_NUMBER = re.compile(r"-(\d{5})-of-(\d{5})")


@dataclass(frozen=True)
class Parts:
    """Paths, relative to their folder, of the three parts of a BEIR-shaped set; empty where there is none."""

    corpus: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    judgments: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.corpus, *self.queries, *self.judgments)


def find_parts(paths: Iterable[str], split: str, part: str = "") -> Parts:
    """The parts among ``paths`` (relative, with ``/``).

    Where a file is one of several numbered ones all of them are named, also those that are not there.

    Args:
        split: of the judgments; corpus and queries that are kept by split are taken from it too.
        part: a language or forum of a repository that holds several.
    """
    known = sorted(paths)
    return Parts(
        _first(known, _texts("corpus", part), split),
        _first(known, _texts("quer(?:ies|y)", part), split),
        _first(known, _judgments(re.escape(split), part), split),
    )


def splits_of(paths: Iterable[str]) -> list[str]:
    """The splits there are judgments of in a set of one language, one called test first."""
    any_split = r"(?P<split>[A-Za-z0-9_]+)"
    found = set()
    for path in paths:
        for pattern in _judgments(any_split, ""):
            match = re.fullmatch(pattern, path)
            if match and match["split"] not in ("corpus", "queries", "query"):
                found.add(match["split"])
    return sorted(found, key=lambda split: (split != "test", split))


def local_paths(folder: Path) -> list[str]:
    """Every file below a folder that could be a part."""
    endings = (".jsonl", ".jsonl.gz", ".parquet", ".tsv", ".tsv.gz")
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.name.endswith(endings))


def local_parts(folder: Path, split: str, part: str = "") -> Parts:
    """The parts in a folder; judgments also from a folder ``{name}-qrels`` beside it, as BEIR's hub repositories."""
    found = find_parts(local_paths(folder), split, part)
    beside = folder.parent / f"{folder.name}-qrels"
    if found.judgments or not beside.is_dir():
        return found
    judged = find_parts(local_paths(beside), split, part).judgments
    return replace(found, judgments=tuple(f"../{beside.name}/{path}" for path in judged))


def _texts(name: str, part: str) -> list[str]:
    """Patterns of corpus or queries, the first that matches counts; ``kept`` is the split they are kept under."""
    name, chosen = f"(?:{name})", re.escape(part)
    kept = rf"(?P<kept>[^/]+?){_SHARD}{_ENDINGS}"
    if not part:
        return [rf"{name}{_ENDINGS}", rf"{name}/{kept}"]
    return [
        rf"{chosen}/{name}{_ENDINGS}",
        rf"{chosen}-{name}/{kept}",
        rf"{name}-{chosen}/{kept}",
        rf"{chosen}/{name}/{kept}",
        rf"{name}/{chosen}{_SHARD}{_ENDINGS}",
    ]


def _judgments(split: str, part: str) -> list[str]:
    chosen, home = re.escape(part), "(?:qrels|data|default)"
    if not part:
        return [
            rf"qrels/{split}{_JUDGED}",
            rf"{home}/{split}{_SHARD}\.parquet",
            rf"{split}\.(?:tsv|jsonl)(?:\.gz)?",
        ]
    return [
        rf"{chosen}/qrels/{split}{_JUDGED}",
        rf"{chosen}-qrels/{split}{_SHARD}\.parquet",
        rf"qrels-{chosen}/{split}{_SHARD}\.parquet",
        rf"{chosen}/qrels{_ENDINGS}",
        rf"{home}/{chosen}{_SHARD}{_JUDGED}",
        rf"{split}/{chosen}{_SHARD}{_JUDGED}",
    ]


def _first(paths: Sequence[str], patterns: Iterable[str], split: str) -> tuple[str, ...]:
    for pattern in patterns:
        kept: dict[str, list[str]] = {}
        for path in paths:
            match = re.fullmatch(pattern, path)
            if match:
                kept.setdefault(match.groupdict().get("kept") or "", []).append(path)
        if split in kept or len(kept) == 1:
            return _whole(kept[split] if split in kept else next(iter(kept.values())))
        for name in ("corpus", "queries"):
            if name in kept:
                return _whole(kept[name])
    return ()


def _whole(paths: list[str]) -> tuple[str, ...]:
    """All shards of one file, those that are not there too, or the one file (the first of several endings)."""
    numbered = [path for path in paths if _SHARD_NUMBER.search(path)]
    if not numbered:
        return tuple(paths[:1])
    by_number = {_number(path)[0]: path for path in numbered}
    total = max(_number(path)[1] for path in numbered)
    return tuple(
        by_number.get(number) or _SHARD_NUMBER.sub(f"-{number:05d}-of-{total:05d}", numbered[0])
        for number in range(total)
    )


def _number(path: str) -> tuple[int, int]:
    found = _SHARD_NUMBER.search(path)
    return (int(found[1]), int(found[2])) if found else (0, 1)
