"""Is what a model is trained on disjoint from the evaluation set? Each language is compared, exactly and by n-grams."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from beir_hybrid.datasets.dataset import Dataset

NGRAM = 8
"""Words in a row that two texts must share to count as overlapping."""
_UNSPACED = {
    # characters that stand for `NGRAM` words, and the ranges of the script
    16: ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0x20000, 0x3FFFF)),
    40: ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),
}
"""Scripts without spaces: kana and Han (about 2 characters a word); Thai, Lao, Burmese, Khmer (about 5, with marks)."""
_AT_ONCE = 500
"""Texts that are looked up together."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class TrainingText(NamedTuple):
    """A text that something is trained, validated or pretrained on."""

    text: str
    part: str
    """``train``, ``dev`` or ``pretraining``."""
    where: str
    """Where it was read, ``path:line``."""
    group: str = ""
    language: str = ""
    side: str = ""
    """``query``, ``passage`` or ``negative`` of the group; a pretraining text has none of the three."""


@dataclass(frozen=True)
class Leak:
    """A training text that overlaps an evaluation text."""

    part: str
    group: str
    language: str
    side: str
    kind: str
    """``exact`` (equal once normalised), ``ngram`` (words in a row in common) or ``question`` (a whole one within)."""
    evaluation_id: str
    where: str


def normalised(text: str) -> list[str]:
    """The words of a text: NFKC, case folded, without punctuation and what cannot be seen (soft hyphens, joiners).

    Scripts without spaces fall apart into characters.
    """
    visible = _invisible().sub("", unicodedata.normalize("NFKC", text))
    words: list[str] = _word_pattern().findall(visible.casefold())
    return words


@functools.cache
def _invisible() -> Any:
    import regex  # the standard library's re knows no properties of characters

    return regex.compile(r"\p{Default_Ignorable_Code_Point}+")


@functools.cache
def _word_pattern() -> Any:
    import regex

    unspaced = "".join(f"\\U{low:08x}-\\U{high:08x}" for ranges in _UNSPACED.values() for low, high in ranges)
    written = r"\p{L}\p{M}\p{N}"
    return regex.compile(rf"(?V1)[[{written}]--[{unspaced}]]+|[[{written}]&&[{unspaced}]]")


def _length(word: str) -> int:
    """How many words like this one make an n-gram."""
    if len(word) == 1:
        for length, ranges in _UNSPACED.items():
            if any(low <= ord(word) <= high for low, high in ranges):
                return length
    return NGRAM


class LeakDetector:
    """The texts of an evaluation set, ready to be compared with.

    An n-gram is `NGRAM` words in a row; in scripts without spaces 16 (kana, Han) or 40 (Thai, Lao, Burmese, Khmer)
    characters. A shorter question overlaps where it stands whole within a longer text, if it is at least half an
    n-gram; other short texts only if they are equal. One-word texts (numbers, names) leak nothing: not compared.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._codes: dict[str, int] = {}
        self._lengths = np.zeros(1, dtype=np.int64)
        self._exact: dict[tuple[str, ...], str] = {}
        self._short: dict[int, set[int]] = {unit: set() for unit in (NGRAM, *_UNSPACED)}
        """Lengths of the questions that are shorter than an n-gram, by the length of the n-gram."""
        ids, texts, questions = self._read(dataset)
        self._lengths = np.array([0, *map(_length, self._codes)])
        found = [self._numbers(words) for words in texts]
        short = [self._short_question(words) for words in questions]
        self._ids = [
            *ids,
            *(self._exact[tuple(words)] for words, one in zip(questions, short, strict=True) if len(one)),
        ]
        found += [one for one in short if len(one)]
        grams = np.concatenate([*found, np.empty(0, np.uint64)])
        self._grams, first = np.unique(grams, return_index=True)
        self._owners = np.repeat(np.arange(len(found)), [len(one) for one in found])[first]
        self._n_texts = len(texts)

    def _read(self, dataset: Dataset) -> tuple[list[str], list[list[str]], list[list[str]]]:
        """Ids and words of all texts, and the words of the questions; every word gets a number."""
        ids: list[str] = []
        texts: list[list[str]] = []
        questions: list[list[str]] = []
        for language in dataset.languages:
            passages, queries = dataset.passages[language], dataset.queries[language]
            for side, keys, contents in (
                (None, passages.ids, passages.full_texts()),
                (questions, queries.ids, queries.texts),
            ):
                for key, text in zip(keys, contents, strict=True):
                    words = normalised(text)
                    if len(words) < 2:
                        continue
                    self._exact.setdefault(tuple(words), key)
                    ids.append(key)
                    texts.append(words)
                    if side is not None:
                        side.append(words)
                    for word in words:
                        self._codes.setdefault(word, len(self._codes) + 1)
        return ids, texts, questions

    def look_up(self, text: str) -> tuple[str, str] | None:
        """(``exact``, ``ngram`` or ``question``; id of the evaluation text) of the first overlap, or None."""
        return self.look_up_all([text])[0]

    def look_up_all(self, texts: Sequence[str]) -> list[tuple[str, str] | None]:
        """What `look_up` says of each text; many together take a third of the time."""
        words = [normalised(text) for text in texts]
        found: list[tuple[str, str] | None] = [
            ("exact", same) if len(one) > 1 and (same := self._exact.get(tuple(one))) is not None else None
            for one in words
        ]
        if not len(self._grams):
            return found
        # one row of words, a word that nobody knows after each text: no n-gram goes from one text into the next
        owners = np.repeat(np.arange(len(words)), [len(one) + 1 for one in words])
        for starts, grams in self._ngrams([word for one in words for word in (*one, "")], short=True):
            places = np.searchsorted(self._grams, grams)
            places[places == len(self._grams)] = 0
            for hit in np.flatnonzero(self._grams[places] == grams):
                text = owners[starts[hit]]
                if found[text] is None and len(words[text]) > 1:
                    owner = int(self._owners[places[hit]])
                    found[text] = ("ngram" if owner < self._n_texts else "question", self._ids[owner])
        return found

    def _ngrams(
        self, words: list[str], short: bool = False
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]]:
        """Where they begin, and a number for every n-gram of words that the evaluation set knows.

        The number is the same whatever stands around the n-gram. An n-gram has the length of the kind of word that
        makes up most of it. With ``short`` those that are as long as a short question come along.
        """
        codes = np.array([self._codes.get(word, 0) for word in words], dtype=np.uint64)
        lengths = self._lengths[codes]
        for n in (NGRAM, *_UNSPACED):
            wanted = sorted({n, *(self._short[n] if short else ())})
            if len(codes) < wanted[0] or not (lengths == n).any():
                continue
            starts = np.flatnonzero(_windowed(lengths > 0, wanted[0]) == wanted[0])
            mixed = np.zeros(len(starts), dtype=np.uint64)
            for length in range(1, min(n, len(codes)) + 1):
                inside = starts + length <= len(codes)
                starts, mixed = starts[inside], mixed[inside]
                # multiply and fold: a 64-bit hash in which the order of the words counts
                mixed = (mixed ^ codes[starts + length - 1]) * _FACTOR
                mixed ^= mixed >> np.uint64(29)
                if length in wanted:
                    known = (_windowed(lengths > 0, length) == length)[starts]
                    own = _windowed(lengths == n, length)[starts]
                    # of a tie the words decide: 4 words and 4 Han characters are 8 words
                    most = (2 * own >= length) if n == NGRAM else (2 * own > length)
                    yield starts[known & most], mixed[known & most]

    def _numbers(self, words: list[str], short: bool = False) -> npt.NDArray[np.uint64]:
        """The numbers of `_ngrams` in one array."""
        return np.concatenate([np.empty(0, np.uint64), *(grams for _, grams in self._ngrams(words, short))])

    def _short_question(self, words: list[str]) -> npt.NDArray[np.uint64]:
        """The number of a whole question, if it is shorter than an n-gram and long enough to be told."""
        lengths = self._lengths[[self._codes[word] for word in words]]
        n = next((n for n in _UNSPACED if 2 * int((lengths == n).sum()) > len(words)), NGRAM)
        if not n <= 2 * len(words) < 2 * n:
            return np.empty(0, dtype=np.uint64)
        self._short[n].add(len(words))
        return self._numbers(words, short=True)[-1:]


def _windowed(flags: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.int64]:
    """How many flags are set in each window of n."""
    counted = np.concatenate(([0], np.cumsum(flags)))
    windows: npt.NDArray[np.int64] = counted[n:] - counted[:-n]
    return windows


def texts_of_groups(
    groups: Iterable[Any], part: str, languages: Collection[str] | None = None
) -> Iterator[TrainingText]:
    """Every query, passage and hard negative of groups.

    Args:
        groups: objects with ``id``, ``query``, ``passage`` (``{language: text}``), ``negatives`` and ``where``.
        part: ``train`` or ``dev``.
        languages: the texts in these only (default: all).
    """
    for group in groups:
        sides: list[tuple[str, str, str]] = [("query", lang, text) for lang, text in group.query.items()]
        sides += [("passage", lang, text) for lang, text in group.passage.items()]
        sides += [("negative", lang, text) for lang, texts in group.negatives.items() for text in texts]
        for side, language, text in sides:
            if languages is None or language in languages:
                yield TrainingText(text, part, group.where, group.id, language, side)


def find_leaks(texts: Iterable[TrainingText], detector: LeakDetector) -> list[Leak]:
    """Every text that overlaps the evaluation set."""
    rest, leaks = iter(texts), []
    while some := list(itertools.islice(rest, _AT_ONCE)):
        for one, found in zip(some, detector.look_up_all([one.text for one in some]), strict=True):
            if found is not None:
                leaks.append(Leak(one.part, one.group, one.language, one.side, *found, one.where))
    return leaks


def leak_report(leaks: Mapping[str, list[Leak]], texts: Mapping[str, int]) -> dict[str, Any]:
    """What is written beside the model: how many texts overlap which evaluation set, and where.

    Args:
        leaks: those of each evaluation set.
        texts: how many groups (or lines of pretraining text) each part has.
    """
    return {
        "ngram": NGRAM,
        "compared": dict(texts),
        "evaluation_sets": {
            name: {
                "texts": len(found),
                "groups": len({leak.group for leak in found if leak.group}),
                "by_part": _counted(leak.part for leak in found),
                "by_language": _counted(leak.language for leak in found if leak.language),
                "by_kind": _counted(leak.kind for leak in found),
                "leaks": [asdict(leak) for leak in found],
            }
            for name, found in leaks.items()
        },
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
