"""Groups as rows, one for every group and language, and rows as groups."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from st_hybrid_batch.group import Group
from st_hybrid_batch.languages import check_languages

logger = logging.getLogger(__name__)


def rows_of_groups(
    groups: Iterable[Group], languages: Sequence[str] | None = None, negatives: int | None = None
) -> Iterator[dict[str, str]]:
    """Lay groups out as rows, group after group, within a group by language.

    A language in which a group has a question but no passage, or the reverse, is left out of that group (how many is
    logged).

    Args:
        groups: the groups; read once.
        languages: the languages to keep; all by default. One that no group has is refused.
        negatives: hard negatives of every row; by default as many as the first row has.
    """
    seen: set[str] = set()
    one_sided = without = rows = 0
    before = None
    for group in groups:
        if group.id == before:
            raise ValueError(
                f"{group.where}: group {group.id!r} comes up twice; expected each group once, with all its languages"
            )
        before = group.id
        seen |= group.query.keys()
        both = group.query.keys() & group.passage.keys()
        one_sided += len(group.query.keys() ^ group.passage.keys())
        kept = sorted(both if languages is None else both & set(languages))
        without += not kept
        for language in kept:
            texts = group.negatives.get(language, ())
            negatives = len(texts) if negatives is None else negatives
            if len(texts) < negatives:
                raise ValueError(
                    f"{group.where}: {len(texts)} hard negatives in {language!r}, expected {negatives} in every row; "
                    "give negatives=N to use fewer (0 for none)"
                )
            rows += 1
            yield {
                "query": group.query[language],
                "passage": group.passage[language],
                **{f"negative_{number}": text for number, text in enumerate(texts[:negatives], start=1)},
                "language": language,
                "group": group.id,
                "passage_group": group.passage_group or "",
            }
    if languages is not None:
        check_languages(languages, sorted(seen))
    if rows == 0:
        raise ValueError("got no groups; expected at least one with a question and a passage in one language")
    if one_sided:
        logger.warning(
            "%d texts were left out: their group has a question or a passage in that language, not both", one_sided
        )
    if without:
        logger.warning("%d groups were left out: they have no language that is kept", without)


def generated_rows(
    generator: Callable[..., Iterable[Group]],
    gen_kwargs: Mapping[str, Any],
    languages: Sequence[str] | None,
    negatives: int | None,
    source: str,
) -> Iterator[dict[str, str]]:
    """Rows of the groups that a function yields, for ``Dataset.from_generator``, which caches by the arguments: the
    digest ``source`` of what is read is but one of them."""
    yield from rows_of_groups(generator(**gen_kwargs), languages, negatives)


def source_digest(generator: Callable[..., Any], gen_kwargs: Mapping[str, Any]) -> str:
    """A digest of every file that arguments of a reader name: contents of files; names, sizes and times in folders.

    Args:
        generator: the reader. An argument that it annotates with something else than a ``Path`` names no file.
        gen_kwargs: its arguments: mappings and sequences are looked through.
    """
    parameters = inspect.signature(generator).parameters
    digest = hashlib.blake2b(digest_size=16)
    for name, value in gen_kwargs.items():
        told = parameters[name].annotation if name in parameters else inspect.Parameter.empty
        if told is not inspect.Parameter.empty and "Path" not in str(told):
            continue
        for path in sorted(_paths(value)):
            digest.update(str(path).encode())
            if path.is_dir():
                for file in sorted(path.rglob("*")):
                    found = file.stat()
                    digest.update(f"{file} {found.st_size} {found.st_mtime_ns}".encode())
            else:
                with path.open("rb") as file_bytes:
                    digest.update(hashlib.file_digest(file_bytes, "blake2b").digest())
    return digest.hexdigest()


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, str | Path):
        try:
            if Path(value).exists():
                yield Path(value)
        except OSError:  # a text that is no file name
            pass
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(part)
