"""mMARCO's raw layout: a collection and a query file for each language, pairs or triples by id."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from st_hybrid_batch.group import Group, check_text
from st_hybrid_batch.readers.jsonl import BOM, read_lines

COLLECTION = "collections/{language}_collection.tsv"
QUERIES = "queries/train/{language}_queries.train.tsv"
# the names mMARCO gives its files
NAMES = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "id": "indonesian",
    "it": "italian",
    "ja": "japanese",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
    "vi": "vietnamese",
    "zh": "chinese",
}


def read_mmarco(
    folder: str | Path,
    languages: Sequence[str],
    pairs: str | Path,
    *,
    negatives: int = 0,
    queries: str = QUERIES,
    collection: str = COLLECTION,
) -> Iterator[Group]:
    """Read question-passage pairs of mMARCO in several languages.

    Each pair is one group; pairs with the same passage are one passage group. Texts are looked up in
    memory-mapped files: only 24 bytes a line at most (and the pairs) are held.

    Args:
        folder: the folder with ``collections/`` and ``queries/``.
        languages: ISO 639-1 codes (or names as in the file names).
        pairs: file that says which passage answers which question, plain or gzipped: ``qid<TAB>positive<TAB>negative``
            (triples) or ``qid 0 pid relevance`` (qrels; relevance 0 is passed over).
        negatives: hard negatives of each group, of triples: the first of a question and positive; a pair that has
            fewer is left out.
        queries: where a language's queries are below ``folder``, ``{language}`` standing for its name.
        collection: likewise, its passages.

    Raises:
        ValueError: naming ``path:line``, for malformed lines and ids that the collection does not have.
    """
    folder = Path(folder)
    found = _read_pairs(Path(pairs), negatives)
    names = {language: NAMES.get(language, language) for language in languages}
    texts = {language: _Lines(folder / collection.format(language=name)) for language, name in names.items()}
    asked = {language: _Lines(folder / queries.format(language=name)) for language, name in names.items()}
    for (question, passage), hard in found.items():
        if len(hard) < negatives:
            continue
        yield Group(
            id=f"{question}-{passage}",
            query={language: asked[language][question] for language in languages},
            passage={language: texts[language][passage] for language in languages},
            negatives={language: [texts[language][number] for number in hard] for language in languages},
            passage_group=str(passage),
            where=f"mMARCO pair {question}-{passage}",
        )


def _read_pairs(path: Path, negatives: int) -> dict[tuple[int, int], list[int]]:
    """Hard negatives of each question and positive."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for number, line in read_lines(path):
        fields = line.split()
        try:
            if len(fields) == 4:
                question, _, passage, relevance = fields
                pair, grade = (int(question), int(passage)), float(relevance)
                if not grade.is_integer():
                    raise ValueError(relevance)
                if grade > 0:
                    pairs[pair] = []
            else:
                first, positive, negative = map(int, fields)
                hard = pairs.setdefault((first, positive), [])
                if len(hard) < negatives and negative not in hard:
                    hard.append(negative)
        except ValueError as error:
            raise ValueError(
                f"{path}:{number}: expected three ids (triples) or 'qid 0 pid relevance' (qrels), got {line[:80]!r}"
            ) from error
        if len(fields) == 4 and negatives:
            raise ValueError(f"{path}: qrels have no hard negatives; give triples, or negatives=0")
    return pairs


class _Lines:
    """Texts of ``id<TAB>text`` lines by id, from a memory-mapped file."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; expected mMARCO's layout ({COLLECTION}, {QUERIES})")
        if not path.stat().st_size:
            raise ValueError(f"{path} is empty; expected lines of 'id<TAB>text'")
        self._path = path
        self._starts = array("q")
        with path.open("rb") as file:
            self._bytes = mmap(file.fileno(), 0, access=ACCESS_READ)
        identifiers = array("q")
        begin = len(BOM) if self._bytes[: len(BOM)] == BOM else 0
        self._bytes.seek(begin)
        for number, line in enumerate(iter(self._bytes.readline, b""), start=1):
            identifier, tab, _ = line.partition(b"\t")
            if not tab or not identifier.isdigit():
                raise ValueError(f"{path}:{number}: expected 'id<TAB>text', got {line[:80]!r}")
            identifiers.append(int(identifier))
            self._starts.append(begin)
            begin += len(line)
        # the collections are numbered from 0 without a gap; the queries are not
        ids = np.array(identifiers)
        self._order = np.argsort(ids, kind="stable") if (ids != np.arange(len(ids))).any() else None
        self._ids = ids if self._order is None else ids[self._order]

    def __getitem__(self, identifier: int) -> str:
        number = int(np.searchsorted(self._ids, identifier))
        if number == len(self._ids) or self._ids[number] != identifier:
            raise ValueError(f"{self._path} has no line with id {identifier}")
        number = number if self._order is None else int(self._order[number])
        begin = self._starts[number]
        end = self._bytes.find(b"\n", begin)
        line = self._bytes[begin : end if end >= 0 else len(self._bytes)]
        where = f"{self._path}:{number + 1}"
        try:
            text = line.decode("utf-8").partition("\t")[2].strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
        check_text(text, f"{where}: text")
        return text
